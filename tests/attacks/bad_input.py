"""Submissions that go wrong without meaning to: what they hold, and what is to be said.

`make(folder)` writes the submission into its empty folder. `verdicts` are those of the
checks 1.1, 1.2, 2.1, 2.2; `words` stand in the message of the first that did not pass,
`line` is the line of small.py that its evidence names (None: there is none to name), `notes`
are all notes of the report.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import REFERENCE

__all__ = ["BAD", "HONEST", "Bad"]

HONEST = {
    "honest-1": REFERENCE,
    "honest-2": REFERENCE.replace("return a + b", "return b + a"),
    "honest-3": REFERENCE.replace("return xs * k", "return xs * abs(k)"),
}


@dataclass(frozen=True)
class Bad:
    make: Callable[[Path], object]
    verdicts: tuple[str, str, str, str]
    words: str = ""
    line: int | None = None
    notes: tuple[str, ...] = ()


BAD: dict[str, Bad] = {}
PASSED = ("pass",) * 4


def only_neg(verdict):
    return ("pass", "pass", verdict, "pass")


def every(verdict):
    return (verdict, "blocked", verdict, verdict)


def _text(source):
    return lambda folder: (folder / "small.py").write_text(source)


def _bytes(data):
    return lambda folder: (folder / "small.py").write_bytes(data)


def _sparse(folder):
    with (folder / "small.py").open("wb") as file:
        file.truncate(100 << 20)


def _link(folder):
    (folder / "small.py").symlink_to("/etc/passwd")


def _beside(name, source):
    def make(folder):
        (folder / "small.py").write_text(f"import {name.removesuffix('.py')}\n{REFERENCE}")
        (folder / name).write_text(source)

    return make


def _neg(*lines, top=""):
    """The reference, with `neg` replaced; its first line is number 13 without a `top`."""
    body = "".join(f"    {line}\n" for line in lines)
    return _text(top + REFERENCE.replace("    return -a\n", body))


def _case(name, make, verdicts, words="", line=None, notes=()):
    BAD[name] = Bad(make, verdicts, words, line, notes)


# -- files ------------------------------------------------------------------------


_case(
    "missing",
    lambda folder: (folder / "Small.txt").write_text(REFERENCE),
    every("error"),
    "small.py is not in the submission (found: no Python file)",
)
_case(
    "misnamed",
    lambda folder: (folder / "samll.py").write_text(REFERENCE),
    every("error"),
    "small.py is not in the submission (found: samll.py)",
)
_case("empty", _text(""), every("error"), "small.py is empty")
_case("blank", _text(" \n\n\t\n"), every("error"), "small.py is empty")
_case(
    "binary",
    _bytes(b"\x7fELF\x02\x01\x01\0\0"),
    every("error"),
    "small.py is not a text file (a zero byte at 7)",
)
_case(
    "huge",
    _sparse,
    every("error"),
    "small.py has 104857600 bytes; the limit is 65536 (source_kib = 64)",
)
_case(
    "latin-1",
    _bytes(b"# Uebung\n# \xfcbung\n" + REFERENCE.encode()),
    every("error"),
    "small.py is not UTF-8: byte 0xfc in line 2",
)
_case(
    "gbk",
    _bytes(b"# -*- coding: gbk -*-\n# \xd7\xf7\xd2\xb5\n" + REFERENCE.encode()),
    every("error"),
    "small.py is not UTF-8: byte 0xd7 in line 2",
)
_case("link", _link, every("error"), "small.py is a symbolic link; submit the file itself")
_case(
    "folder",
    lambda folder: (folder / "small.py").mkdir(),
    every("error"),
    "small.py is a folder; a file was expected",
)
_case(
    "random-beside",
    _beside("random.py", "raise ValueError('taken')"),
    PASSED,
    notes=("random.py: not used; random is the name of a library",),
)
_case(
    "msgspec-beside",
    _beside("msgspec.py", "raise ValueError('taken')"),
    PASSED,
    notes=("msgspec.py: not used; msgspec is the name of a library",),
)
_case(
    "aisys-beside",
    _beside("aisys_cli.py", "raise ValueError('taken')"),
    PASSED,
    notes=("aisys_cli.py: not used; aisys_cli is the name of a library",),
)
_case(
    "driver-beside",
    lambda folder: [
        _text(REFERENCE)(folder),
        (folder / "driver.py").write_text("def add(*_): return 'taken'"),
    ],
    PASSED,
    notes=("driver.py: not used; the lab's own driver runs the checks",),
)

# -- imports ------------------------------------------------------------------------


_case(
    "syntax-error",
    _text("x = 1\n\ndef add(a, b:\n    return a + b\n"),
    every("error"),
    "the file does not parse: SyntaxError: ",
    3,
)
_case(
    "notebook",
    _text('{"cells": [{"source": null}]}\n'),
    every("error"),
    "importing the file failed: NameError: name 'null' is not defined",
    1,
)
_case(
    "import-raises",
    _text("import numpy as np\n\nnp.zeros(3)[7]\n"),
    every("error"),
    "importing the file failed: IndexError: index 7 is out of bounds",
    3,
)
_case(
    "import-prints-a-gigabyte",
    _text(f"TEXT = 'x' * (1 << 16)\nfor _ in range(1 << 14):\n    print(TEXT)\n{REFERENCE}"),
    PASSED,
)
_case(
    "no-such-module",
    _text("import pandas\n"),
    every("error"),
    "importing the file failed: ModuleNotFoundError: No module named 'pandas'",
    1,
)

# -- values ---------------------------------------------------------------------------


_case(
    "generator",
    _neg("yield -a"),
    only_neg("error"),
    "returned a generator, which is not plain data",
    # Nothing of a generator's function runs when it is called.
)
_case(
    "array-too-large-for-a-reply",
    _neg("import numpy as np", "return np.zeros(1 << 18)"),
    only_neg("error"),
    "returned an array of shape (262144,), 2097152 bytes, which is not plain data",
    12,
)
_case(
    "array-too-large-for-memory",
    _neg("import numpy as np", "return np.ones(1 << 27)"),
    only_neg("error"),
    "(limit memory_mib = 128)",
    14,
)
_case(
    "list-too-large-for-memory",
    _neg("kept = []", "while True: kept += [a] * (1 << 20)"),
    only_neg("error"),
    "MemoryError (limit memory_mib = 128)",
    14,
)
_case("nan", _neg("return float('nan')"), only_neg("fail"), "values differ", 12)
_case(
    "equals-everything",
    _neg(
        "return Equal()",
        top="class Equal:\n    __eq__ = lambda *_: True\n    __ne__ = lambda *_: False\n",
    ),
    only_neg("error"),
    "returned a small.Equal, which is not plain data",
    15,
)
_case(
    "subclass-of-float",
    _neg(
        "return Mine(a)",
        top="class Mine(float):\n    __sub__ = __abs__ = lambda *_: 0.0\n"
        "    __float__ = __neg__ = lambda *_: 1.0\n",
    ),
    only_neg("error"),
    "returned a small.Mine, a subclass of float; return the plain type",
    15,
)
_case(
    "subclass-of-ndarray",
    _neg(
        "return np.zeros(3).view(Mine)",
        top="import numpy as np\nclass Mine(np.ndarray):\n    nbytes = shape = ndim = dtype = 0\n"
        "    tobytes = lambda *_: b'forged'\n",
    ),
    only_neg("error"),
    "returned a small.Mine, a subclass of ndarray; return the plain type",
    16,
)
_case("stdout-none", _neg("import sys", "sys.stdout = sys.stderr = None", "return -a"), PASSED)
_case(
    "stdout-that-raises",
    _neg(
        "sys.stdout = Out()",
        "print('x')",
        "return -a",
        top="import sys\nclass Out:\n    def write(self, text):\n        raise OSError('full')\n",
    ),
    only_neg("error"),
    "OSError: full",
    4,
)
_case(
    "stdout-that-raises-unused",
    _neg("import sys", "sys.stdout = type('Out', (), {'write': None})()", "return -a"),
    PASSED,
)
_case(
    "builtins-deleted",
    _text(f"import builtins\nvars(builtins).clear()\n{REFERENCE}"),
    every("crash"),
    "importing the file: the process ended with exit code 70 before it answered",
)
_case(
    "one-builtin-deleted",
    _neg("import builtins", "del builtins.len", "return len([a])"),
    # Our own code in the cell cannot do without it either.
    only_neg("crash"),
    "the process ended with exit code 70 before it answered",
)
