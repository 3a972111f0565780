"""Inside a cell: import the submission from memory, answer calls on the driver.

This code shares its process with the submission and is trusted by nobody: the grader
believes nothing of a reply but its bytes. What it does is for honest students: clear
faults with their own lines, their prints beside the call that made them, and values
that are plain data or a refusal that names what was returned.
"""

from __future__ import annotations

import faulthandler
import functools
import importlib.abc
import importlib.machinery
import io
import itertools
import linecache
import os
import random
import signal
import socket
import sys
import types
import warnings
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from aisys_cli.sandbox import confine, frames, seccomp, wire

__all__ = ["NotData", "Submission", "plain", "run"]

MAX_DEPTH = wire.MAX_DEPTH
MAX_FRAMES = 12
MAX_TEXT = 2000
SENT_TOGETHER = 1 << 16  # bytes of answers from which on they are sent
MAX_RAN = wire.MAX_FRAMES


class NotData(Exception):
    """What the student's code returned cannot be data; str() says what it was."""


class ForbiddenImport(ModuleNotFoundError):
    """Raised by the import of a module that lab.toml forbids."""

    aisys_forbidden = True


# -- values ------------------------------------------------------------------

_DTYPES = frozenset(map(np.dtype, wire.DTYPES))


def _article(value: object) -> str:
    kind = type(value)
    name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"


def plain(value: Any, *, at: str = "", depth: int = 0, room: int = 1 << 30) -> Any:
    """`value` as data for the wire, exact types only; NotData says what does not fit.

    Exact types, because a subclass may lie: what a check compares must be what is there.
    """
    kind = type(value)
    if value is None or kind in (bool, float, bytes):
        return value
    if kind is str:
        return _text_of(value, at)
    if kind is int:
        if not -(1 << 63) <= value < (1 << 63):
            raise NotData(f"an int of {value.bit_length()} bits{at}; 64 is the most")
        return value
    if kind is np.ndarray or (isinstance(value, np.generic) and kind.__module__ == "numpy"):
        return _array_of(value, at, room)
    if depth >= MAX_DEPTH:
        raise NotData(f"a structure nested more than {MAX_DEPTH} deep")
    if kind in (list, tuple):
        return [
            plain(item, at=f"{at or ' at '}[{i}]", depth=depth + 1, room=room)
            for i, item in enumerate(value)
        ]
    if kind is dict and all(type(key) is str for key in value):
        return {
            _text_of(key, at): plain(
                item, at=f"{at or ' at '}[{key!r}]", depth=depth + 1, room=room
            )
            for key, item in value.items()
        }
    if isinstance(value, np.ndarray | float | int):
        base = next(c for c in (np.ndarray, bool, float, int) if isinstance(value, c))
        raise NotData(
            f"{_article(value)}, a subclass of {base.__name__}{at}; return the plain type"
        )
    raise NotData(f"{_article(value)}{at}")


def _array_of(value: Any, at: str, room: int) -> Any:
    if value.dtype.newbyteorder("=") not in _DTYPES:
        raise NotData(f"an array of dtype {value.dtype}{at}")
    if value.nbytes > room:
        raise NotData(f"an array of shape {value.shape}, {value.nbytes} bytes{at}")
    if value.ndim > wire.MAX_NDIM:
        raise NotData(f"an array of {value.ndim} dimensions{at}")
    return value


def _text_of(value: str, at: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise NotData(f"a str with the lone surrogate {value[error.start]!a}{at}") from None
    return value


def _sendable(text: str, limit: int) -> str:
    """At most `limit` characters of a text, lone surrogates written out."""
    return text[:limit].encode(errors="backslashreplace").decode()


# -- the submission ----------------------------------------------------------


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports the submission's modules from memory. Asked last: the standard library
    and the profile's packages keep their names."""

    def __init__(self, files: dict[str, bytes], forbid: Sequence[str]) -> None:
        self.files = files
        self.forbid = frozenset(forbid)

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> Any:
        del path, target
        if name.partition(".")[0] in self.forbid:
            raise ForbiddenImport(f"{name} is not to be used in this lab", name=name)
        stem = name.replace(".", "/")
        for file in (f"{stem}.py", f"{stem}/__init__.py"):
            if file in self.files:
                package = file.endswith("/__init__.py")
                return importlib.machinery.ModuleSpec(name, self, origin=file, is_package=package)
        return None

    def create_module(self, spec: Any) -> None:
        del spec

    def exec_module(self, module: types.ModuleType) -> None:
        file = module.__file__ = str(module.__spec__.origin)  # type: ignore[union-attr]
        try:
            code = compile(self.files[file], file, "exec", dont_inherit=True)
        except ValueError as error:  # a null byte, before Python 3.11.4
            raise SyntaxError(str(error)) from None
        exec(code, module.__dict__)  # noqa: S102

    def get_source(self, name: str) -> str | None:
        data = self.files.get(name.replace(".", "/") + ".py")
        return None if data is None else data.decode(errors="replace")


class Submission:
    """A student's files and the driver that turns requests into calls on them."""

    def __init__(self, request: wire.Load, *, on_disk: bool = False) -> None:
        """`on_disk`: the files are named by absolute paths and on sys.path already."""
        self.files = frozenset(request.files)
        self._on_disk = on_disk
        self._request = request
        self._finder = _Finder(dict(request.files), request.forbid)
        self.module: types.ModuleType | None = None
        self.driver: dict[str, Any] = {}
        self.link: Callable[[], Any] | None = None  # what connects a rank to the others
        self._in_world: dict[int, types.ModuleType | None] = {}
        self.ran: list[wire.Frame] = []  # the student's functions that a traced call ran

    def load(self) -> wire.LoadFailed | None:
        """Import it; what went wrong if it cannot be imported."""
        request = self._request
        if not self._on_disk:
            for name, data in request.files.items():
                lines = data.decode(errors="replace").splitlines(keepends=True)
                linecache.cache[name] = (len(data), None, lines, name)
            sys.meta_path.append(self._finder)
        if request.forbid:
            sys.meta_path.insert(0, _Finder({}, request.forbid))
            # What is loaded already would be found before any finder is asked.
            for name in [n for n in sys.modules if n.partition(".")[0] in request.forbid]:
                del sys.modules[name]
        try:
            self.module = importlib.import_module(request.entry)
        # The student-code boundary: an import may raise anything, SystemExit too.
        except BaseException as error:
            return wire.LoadFailed(self._kind(error), self.fault(error))
        self.driver = {"__name__": "driver"}
        exec(compile(request.driver, "driver.py", "exec", dont_inherit=True), self.driver)  # noqa: S102
        return None

    def _kind(self, error: BaseException) -> Literal["syntax", "raised", "forbidden"]:
        if is_forbidden(error):
            return "forbidden"
        return "syntax" if isinstance(error, SyntaxError) else "raised"

    def fault(self, error: BaseException) -> wire.Fault:
        """The error with the student's own frames only."""
        frames = []
        walk = error.__traceback__
        while walk is not None:
            code = walk.tb_frame.f_code
            if code.co_filename in self.files:
                frames.append(_frame(code.co_filename, walk.tb_lineno, code.co_qualname))
            walk = walk.tb_next
        if isinstance(error, SyntaxError) and error.filename in self.files:
            frames.append(_frame(str(error.filename), error.lineno or 0, "<module>"))
        message = str(error.msg) if isinstance(error, SyntaxError) else _text(error)
        name = _sendable(type(error).__name__, 200)
        return wire.Fault(name, _sendable(message, MAX_TEXT), frames[-MAX_FRAMES:])

    def call(self, request: wire.Call) -> Any:
        self.ran = []
        if request.rank is None:
            return self._call(request, [self.module, *request.args])
        assert self.link is not None
        from aisys_cli.sandbox.comm import Comm  # with torch, which other labs do not have

        comm = Comm(request.rank.rank, request.rank.size, self.link(), self.files)
        module = self._module_in(request.rank.size)
        value = self._call(request, [module, comm, *request.args])
        comm._finish()  # noqa: SLF001 - no student should meet a method of that name
        return value

    def _module_in(self, size: int) -> types.ModuleType | None:
        """The module as worlds of that size know it. A process is part of one world and its
        modules may count on that: what they remember, they remember in every rank of it."""
        if not self._in_world:
            self._in_world[size] = self.module
        if size not in self._in_world:
            for name in [n for n, m in sys.modules.items() if self._is_own(m)]:
                del sys.modules[name]
            self._in_world[size] = importlib.import_module(self._request.entry)
        return self._in_world[size]

    def _is_own(self, module: types.ModuleType) -> bool:
        return getattr(module, "__file__", None) in self.files

    def _call(self, request: wire.Call, args: list[Any]) -> Any:
        function: Callable[..., Any] = self.driver[request.method]
        if not request.trace:
            return function(*args)
        ran: dict[types.CodeType, int] = {}  # in order of first call; see wire.Frame.called
        numbers = itertools.count(1)

        def note(frame: types.FrameType, event: str, argument: object) -> None:
            del argument
            code, caller = frame.f_code, frame.f_back
            if event != "call" or code.co_filename not in self.files or len(ran) == MAX_RAN:
                return
            ran.setdefault(code, 0)
            if caller is None or caller.f_code.co_filename not in self.files:
                ran[code] = next(numbers)

        sys.setprofile(note)
        try:
            return function(*args)
        finally:
            sys.setprofile(None)
            self.ran = [
                _frame(code.co_filename, code.co_firstlineno, code.co_qualname, called=called)
                for code, called in ran.items()
            ]


def is_forbidden(error: BaseException) -> bool:
    return getattr(type(error), "aisys_forbidden", False) is True


def is_stopped(error: BaseException) -> bool:
    kind = type(error)
    return kind.__name__ == "Stopped" and kind.__module__ == "aisys_cli.sandbox.comm"


def _text(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException as inner:  # __str__ is student code too
        return f"<{type(inner).__name__} in __str__>"


def _frame(file: str, line: int, function: str, *, called: int = 0) -> wire.Frame:
    text = linecache.getline(file, line).strip()
    return wire.Frame(file, line, _sendable(function, 200), _sendable(text, 200), called)


# -- output ------------------------------------------------------------------


class _Output(io.TextIOBase):
    """sys.stdout and sys.stderr of a cell: keeps the first `size` characters."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.parts: list[str] = []
        self.room = size
        self.dropped = 0

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = text[: self.room]
        if kept:
            self.parts.append(kept)
            self.room -= len(kept)
        self.dropped += len(text) - len(kept)
        return len(text)

    def take(self) -> str:
        if not self.parts and not self.dropped:
            return ""
        text = _sendable("".join(self.parts), self.size)
        if self.dropped:
            text += f"\n[{self.dropped} more characters]"
        self.parts, self.room, self.dropped = [], self.size, 0
        return text


def warm() -> None:
    """In the host: load what every cell needs on first use, so that forks share it."""
    np.random.seed(0)  # noqa: NPY002 - numpy imports its submodules lazily
    np.linalg.norm(np.ones(2))
    empty = Submission(wire.Load({"warm.py": b"def f(): return 1"}, "warm", b"", []))
    path = list(sys.meta_path)
    empty.load()
    sys.meta_path[:] = path
    del sys.modules["warm"]


# -- the loop ----------------------------------------------------------------


def run(wire_fd: int, trace_fd: int, spawn: wire.Spawn) -> None:
    """Serve requests until the grader hangs up. The fork that calls this is a cell."""
    sock = socket.socket(fileno=wire_fd)
    receiver = wire.Receiver(sock)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    os.set_blocking(trace_fd, False)
    faulthandler.enable(file=trace_fd, all_threads=False)
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, file=trace_fd, all_threads=False)
    random.seed(spawn.seed)
    np.random.seed(spawn.seed & 0xFFFFFFFF)  # noqa: NPY002 - what students call unseeded
    output = _Output(spawn.limits.output_kib << 10)
    sys.stdout = sys.stderr = output
    room = spawn.limits.reply_mib << 20

    link: Callable[[], Any] | None = None
    if "torch" in sys.modules:
        link = functools.partial(_links().MeteredLink, sock, receiver)
    body = receiver.read()
    if body is None:
        return
    first: wire.Load | wire.Join = wire.decode(body, wire.Load | wire.Join)
    if isinstance(first, wire.Join):
        link = _links().join(sock, first)
        if seccomp.supported():
            seccomp.install(confine.libc, seccomp.no_sockets())
        body = receiver.read()
        if body is None:
            return
        first = wire.decode(body, wire.Load)
    submission = Submission(first)
    submission.link = link
    failed = submission.load()
    if failed is not None:
        failed.output = output.take()
        wire.send(sock, failed)
        return
    wire.send(sock, wire.Loaded(output.take()))
    while (body := receiver.read()) is not None:
        request: wire.Call | wire.Calls = wire.decode(body, wire.Call | wire.Calls)
        answers = b""
        for call in request.calls:  # no builtins here: a submission may have deleted them
            answers += frames.framed(_answer(submission, call, output, room))
            if answers[SENT_TOGETHER:]:
                sock.sendall(answers)
                answers = b""
        sock.sendall(answers)


def _links() -> types.ModuleType:
    """The module links, which imports torch: of the profiles only `torch` has it."""
    return importlib.import_module("aisys_cli.sandbox.links")


def _answer(submission: Submission, request: wire.Call, output: _Output, room: int) -> bytes:
    reply: wire.Returned | wire.Refused | wire.Raised
    try:
        # What warned once would be silent in later calls; this makes Python forget that it did.
        with warnings.catch_warnings():
            value = plain(submission.call(request), room=room)
        data = wire.encode(wire.Returned(request.id, value, output.take(), submission.ran))
        if len(data) <= room:
            return data
        message = f"{len(data)} bytes of data; {room} is the most a reply may hold"
        reply = wire.Refused(request.id, message, "", submission.ran)
    except NotData as error:
        said = _sendable(str(error), MAX_TEXT)
        reply = wire.Refused(request.id, said, output.take(), submission.ran)
    # The student-code boundary.
    except BaseException as error:
        fault = submission.fault(error)
        reply = wire.Raised(
            request.id,
            fault,
            output.take(),
            is_forbidden(error),
            is_stopped(error),
            submission.ran,
        )
    return wire.encode(reply)
