"""The warm host: imports a profile once, forks a cell for each submission, reaps it.

Runs inside bubblewrap (or plainly, for `process` isolation) as
`python -m aisys_cli.sandbox.host FD ISOLATION IMPORT...`; FD is the control socket.
Never runs student code itself, and holds nothing that a student must not see.

Every TICK seconds, while cells live, it adds up what each cell's processes hold: rlimits
bound a process, not the sum of its children.
"""

from __future__ import annotations

import gc
import importlib
import os
import select
import signal
import socket
import sys
import traceback

from aisys_cli.sandbox import cell as cell_module
from aisys_cli.sandbox import confine, seccomp, wire
from aisys_cli.sandbox.limits import MAX_RANKS, Limits

__all__ = ["main"]

TICK = 0.05
UNPRIVILEGED = 65534  # "nobody": who a host started by root becomes


class _Cell:
    def __init__(self, number: int, pid: int, limits: Limits) -> None:
        self.number = number
        self.pid = pid
        self.limits = limits
        self.reason = ""
        self.peak = 0  # bytes


class _Host:
    def __init__(self, control: socket.socket, *, namespaces: bool) -> None:
        self.control = control
        self.receiver = wire.Receiver(control, fds=2 * MAX_RANKS)
        self.namespaces = namespaces
        self.cells: dict[int, _Cell] = {}
        self.base_bytes = 0

    def serve(self) -> None:
        """Handle requests until the grader hangs up; no cell outlives this."""
        self.base_bytes = _anonymous_bytes(os.getpid())
        wakeup, signalled = os.pipe()
        for fd in (wakeup, signalled):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(signalled, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        poll = select.poll()
        poll.register(self.control, select.POLLIN)
        poll.register(wakeup, select.POLLIN)
        while True:
            ready = dict(poll.poll(TICK * 1000 if self.cells else None))
            if wakeup in ready:
                os.read(wakeup, 4096)
            self.reap()
            self.watch()
            if self.control.fileno() in ready:
                if not self.receiver.feed():
                    return
                while (body := self.receiver.frame()) is not None:
                    self.handle(wire.decode(body, wire.Spawn | wire.Kill))

    def handle(self, request: wire.Spawn | wire.Kill) -> None:
        if isinstance(request, wire.Spawn):
            self.spawn(request)
            return
        for one in list(self.cells.values()):
            if request.cell in (0, one.number):
                self.kill(one)

    def kill(self, one: _Cell) -> None:
        # Without a pid namespace the cell's descendants must be found first.
        doomed = [one.pid] if self.namespaces else [*_family(one.pid), one.pid]
        for pid in doomed:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # -- spawning ------------------------------------------------------------

    def spawn(self, request: wire.Spawn) -> None:
        if request.cpus:
            os.sched_setaffinity(0, request.cpus)
        wanted = 2 * len(request.cells)
        fds = tuple(self.receiver.fds[:wanted])
        del self.receiver.fds[:wanted]
        try:
            pids = self.fork(request, fds)
        except OSError as error:
            for number in request.cells:
                wire.send(self.control, wire.Spawned(number, 0, str(error)))
            return
        finally:
            for fd in fds:
                os.close(fd)
        for number, pid in zip(request.cells, pids, strict=True):
            self.cells[pid] = _Cell(number, pid, request.limits)
            pidfd: tuple[int, ...] = ()
            if hasattr(os, "pidfd_open"):
                pidfd = (os.pidfd_open(pid),)
            wire.send(self.control, wire.Spawned(number, pid), fds=pidfd)
            for fd in pidfd:
                os.close(fd)

    def fork(self, request: wire.Spawn, fds: tuple[int, ...]) -> list[int]:
        """The pids of new cells, confined and waiting for their first request."""
        reader, writer = os.pipe()
        keeper = os.fork()
        if keeper == 0:
            os.close(reader)
            _keeper(request, fds, writer, namespaces=self.namespaces)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            said = pipe.read().splitlines()
        os.waitpid(keeper, 0)
        problems = [line[1:] for line in said if line.startswith("!")]
        pids = [int(line) for line in said if not line.startswith("!")]
        if problems or len(pids) != len(request.cells):
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
            raise OSError(problems[0] if problems else "the cell did not start")
        return pids

    # -- watching ------------------------------------------------------------

    def reap(self) -> None:
        while True:
            try:
                pid, status, _ = os.wait3(os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            ended = self.cells.pop(pid, None)
            if ended is None:
                continue  # an orphan that a cell left behind
            if not self.namespaces:
                self.kill_orphans()
            code = os.waitstatus_to_exitcode(status)
            message = wire.Exited(
                ended.number, max(code, 0), max(-code, 0), ended.reason, ended.peak >> 20
            )
            wire.send(self.control, message)

    def kill_orphans(self) -> None:
        """Without a pid namespace: end what was reparented to this subreaper."""
        for pid in _family(os.getpid()):
            if pid not in self.cells and not any(pid in _family(c) for c in self.cells):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def watch(self) -> None:
        for one in self.cells.values():
            family = [one.pid, *_family(one.pid)]
            used = sum(max(0, _anonymous_bytes(pid) - self.base_bytes) for pid in family)
            one.peak = max(one.peak, used)
            # A quarter above the limit: one process alone meets its own rlimit before,
            # always in the same way; this is for the sum of several, and shared memory.
            if used > (one.limits.memory_mib << 20) * 5 // 4:
                one.reason = "memory"
            elif len(family) > one.limits.processes:
                one.reason = "processes"
            if one.reason:
                self.kill(one)


def _keeper(request: wire.Spawn, fds: tuple[int, ...], writer: int, *, namespaces: bool) -> None:
    """In the forked child: make the cells, say their pids, and end. Never returns."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if request.loopback and namespaces:
            confine.shared_loopback()
        for first in range(0, len(fds), 2):
            child = os.fork() if len(fds) > 2 else 0
            if child == 0:
                _one_cell(request, fds[first : first + 2], writer, namespaces=namespaces)
            os.waitpid(child, 0)  # so that pids are said in the order of the cells
        os._exit(0)
    # The process boundary: whatever happened, the host hears it as text.
    except BaseException as error:
        _say_problem(writer, error)
    finally:
        os._exit(70)


def _one_cell(request: wire.Spawn, fds: tuple[int, ...], writer: int, *, namespaces: bool) -> None:
    """Become a keeper of one cell, and in its child that cell. Never returns."""
    try:
        os.setsid()
        if namespaces:
            confine.unshare(network=not request.loopback)
        pid = os.fork()
        if pid:
            os.write(writer, f"{pid}\n".encode())
            os._exit(0)
        shared = confine.data_bytes()
        if namespaces:
            confine.private_view(request.limits)
        wire_fd, trace_fd = fds
        keep = (*fds, writer)
        filter_code = seccomp.every_cell(netlink=request.loopback) if seccomp.supported() else b""
        confine.limit(
            request.limits,
            keep=keep,
            namespaces=namespaces,
            network=request.loopback,
            shared=shared,
            refuse=filter_code,
        )
        os.close(writer)
        cell_module.run(wire_fd, trace_fd, request)
    except BaseException as error:  # the process boundary, as above
        _say_problem(writer, error)
    finally:
        os._exit(70)


def _say_problem(writer: int, error: BaseException) -> None:
    try:
        text = f"{type(error).__name__}: {error}".replace("\n", " ")
        os.write(writer, f"!{text}\n".encode())
    except OSError:
        pass


# -- /proc -------------------------------------------------------------------


def _family(root: int) -> list[int]:
    """Every living descendant of `root` (not itself)."""
    parents: dict[int, list[int]] = {}
    try:
        entries = os.listdir("/proc")
    except OSError:
        return []  # no /proc here (macOS): the process group is all there is
    for name in entries:
        if not name.isdigit():
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append(int(name))
    found, queue = [], [root]
    while queue:
        children = parents.get(queue.pop(), [])
        found += children
        queue += children
    return found


def _anonymous_bytes(pid: int) -> int:
    """Memory of a process that no file backs, shared memory included."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            text = file.read()
    except OSError:
        return 0
    total = 0
    # At the start of a line: the first one has the name that the process gave itself, in
    # which the kernel writes a line feed as two characters. Page tables and what was swapped
    # out are memory as well.
    for key in (b"\nRssAnon:", b"\nRssShmem:", b"\nVmPTE:", b"\nVmSwap:"):
        start = text.find(key)
        if start >= 0:
            total += int(text[start + len(key) :].split(None, 1)[0])
    return total * 1024


# -- start -------------------------------------------------------------------


def _drop_root() -> None:
    """A host that root started goes on as nobody, for good."""
    if os.getuid() != 0:
        return
    try:
        os.setgroups([])
        os.setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
        os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
    except OSError:
        return  # root of a user namespace without further ids: already nobody outside


def main(argv: list[str]) -> None:
    fd, isolation, *imports = argv
    namespaces = isolation == "bwrap"
    control = socket.socket(fileno=int(fd))
    if namespaces:
        _drop_root()
    versions = {"python": sys.version.split()[0]}
    for name in imports:
        module = importlib.import_module(name)
        versions[name] = str(getattr(module, "__version__", ""))
    if "torch" in versions:
        sys.modules["torch"].set_num_threads(1)
        importlib.import_module("aisys_cli.sandbox.links").close_collectives()
    cell_module.warm()
    confine.become_subreaper()
    gc.collect()
    gc.freeze()  # forked cells share these pages instead of copying them
    wire.send(control, wire.HostReady(versions))
    try:
        _Host(control, namespaces=namespaces).serve()
    except (BrokenPipeError, ConnectionResetError):
        pass  # the grader is gone
    except Exception:  # the process boundary; stderr goes to the launcher
        traceback.print_exc()
        sys.exit(1)
    finally:
        for pid in _family(os.getpid()):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


if __name__ == "__main__":
    main(sys.argv[1:])
