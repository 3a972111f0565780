"""What the parts of intake hand to one another."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.language import N_
from aisys_cli.report.records import clean_line

__all__ = ["MAX_NOTEBOOK", "Handed", "Haul", "Submission", "Unusable", "is_module", "is_skipped"]

MAX_FILES = 64
MAX_NOTES = 20
MAX_NOTEBOOK = 16 << 20  # bytes: most of a notebook is pictures
MAX_NOTEBOOKS = 48 << 20  # bytes of all of them
SKIPPED = frozenset({"__pycache__", "__MACOSX", "node_modules", "public", "venv"})


class Handed(NamedTuple):
    """What one student handed in, and where it lies. `parts`: files (name, path) that make it up,
    where they have no folder of their own. `submitted_at`: ISO 8601 with offset, "" if unknown."""

    id: str
    path: Path
    parts: tuple[tuple[str, Path], ...] = ()
    submitted_at: str = ""


class Submission(msgspec.Struct, frozen=True):
    """`problem` is "" or why nothing can be run; `notes` are for the report. `submitted_at` is
    ISO 8601 with its offset, "" if unknown."""

    id: str
    files: dict[str, bytes]
    digest: str
    problem: str = ""
    notes: tuple[str, ...] = ()
    submitted_at: str = ""


class Unusable(Exception):
    """This submission cannot be read; str() is the sentence for its report."""


def is_skipped(part: str) -> bool:
    """Whether a file or folder of that name belongs to a tool and not to the student."""
    return part.startswith(".") or part in SKIPPED


def is_module(path: str) -> bool:
    """Whether an import could mean this file."""
    return all(part.isidentifier() for part in path.removesuffix(".py").split("/"))


class Haul:
    """The files of one submission while they are collected; Unusable when they are too much."""

    def __init__(self, lab: Lab) -> None:
        self.wanted = lab.facts.files
        self.limit = lab.facts.limits.source_kib << 10
        self.files: dict[str, bytes] = {}
        self.notes: list[str] = []
        self._code = self._notebooks = 0

    def add(self, name: str, data: bytes) -> None:
        notebook = name.endswith(".ipynb")
        most = MAX_NOTEBOOK if notebook else self.limit
        if len(data) > most:
            if notebook:
                raise Unusable(f"{name[:100]}: more than {most >> 10} KiB of a notebook")
            raise Unusable(f"{name[:100]}: more than {most >> 10} KiB of Python files")
        self.files[name] = data
        self._notebooks += notebook * len(data)
        self._code += (not notebook) * len(data)
        if len(self.files) > MAX_FILES or self._code > self.limit:
            most = self.limit >> 10
            raise Unusable(f"more than {MAX_FILES} Python files or {most} KiB of them")
        if self._notebooks > MAX_NOTEBOOKS:
            raise Unusable(f"more than {MAX_NOTEBOOKS >> 20} MiB of notebooks")

    def no_link(self, name: str, file: str) -> None:
        """A link is a problem if it stands for a file of the lab, else a note."""
        if file in self.wanted:
            raise Unusable(f"{name} is a symbolic link; submit the file itself")
        self.notes.append(N_(f"{name}: a symbolic link, not read"))

    def too_large(self, name: str, size: int, limit: int) -> str:
        return N_(f"{name} has {size} bytes; the limit is {limit} (source_kib = {limit >> 10})")

    def unwrap(self) -> None:
        """Take off the one folder that all of them are in; a folder's own name may be anything."""
        tops = {name.partition("/")[0] for name in self.files}
        if len(tops) == 1 and all("/" in name for name in self.files):
            self.files = {name.partition("/")[2]: data for name, data in self.files.items()}

    def keep_modules(self) -> None:
        """Leave out Python files that no import could mean; a tar may give them any bytes."""
        for name in list(self.files):
            if name.endswith(".py") and not is_module(name):
                del self.files[name]
                self.notes.append(N_(f"{name}: not read; no module can have this name"))

    def said(self) -> tuple[str, ...]:
        """The notes for the report: clean, and no more than somebody would read."""
        more = len(self.notes) - MAX_NOTES
        cut = [*self.notes[:MAX_NOTES], N_(f"and {more} more")] if more > 0 else self.notes
        return tuple(clean_line(note, limit=500) for note in cut)
