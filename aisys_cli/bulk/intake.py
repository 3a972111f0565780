"""From a path to a submission: files as bytes, or one sentence on why there are none.

Nothing is imported, executed or written here, no link is followed, and no more is read
than the limits allow. A submission that cannot be used is still a submission: it gets a
report that says what is wrong with it.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.errors import NothingToDo, UsageError
from aisys_cli.report.records import clean_line

__all__ = ["Submission", "find_submissions", "read_submission"]

MAX_FILES = 64
MAX_ENTRIES = 2000  # directory entries looked at, in one submission
MAX_ARCHIVE = 64 << 20  # bytes of an archive; what is read of it has its own limit
SKIPPED = frozenset({"__pycache__", "__MACOSX", "node_modules", "public", "venv"})


class Submission(msgspec.Struct, frozen=True):
    """`problem` is "" or why nothing can be run; `notes` are for the report. `submitted_at` is
    ISO 8601 with its offset, "" if unknown."""

    id: str
    files: dict[str, bytes]
    digest: str
    problem: str = ""
    notes: tuple[str, ...] = ()
    submitted_at: str = ""


class _Unusable(Exception):
    """This submission cannot be read; str() is the sentence for its report."""


def find_submissions(folder: Path) -> list[tuple[str, Path]]:
    """(id, path) of every submission in a folder, by id: subfolders, .py and .zip files."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of submissions")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or path.name in SKIPPED:
            continue
        if path.suffix in (".py", ".zip") and not path.is_dir():
            id = clean_line(path.stem)
        elif path.is_dir():
            id = clean_line(path.name)
        else:
            continue
        if id in found:
            raise UsageError(f"two submissions of {id!r}: {found[id].name} and {path.name}")
        found[id] = path
    if not found:
        raise NothingToDo(
            f"no submissions in {folder}",
            remedy="Looked for: a subfolder, a .py file or a .zip file for each student.",
        )
    return sorted(found.items())


def read_submission(id: str, path: Path, lab: Lab) -> Submission:
    """The submission at `path`: a folder, a .py file or a .zip file."""
    notes: list[str] = []
    try:
        files = _read(path, lab, notes)
        problem = _check(files, lab, notes)
    except _Unusable as error:
        files, problem = {}, clean_line(str(error), limit=500)
    digest = hashlib.blake2b(digest_size=12)
    for name in sorted(files):
        digest.update(f"{name}:{len(files[name])}\n".encode() + files[name])
    digest.update(problem.encode(errors="replace"))
    told = tuple(clean_line(note, limit=500) for note in notes)
    return Submission(id, {} if problem else files, digest.hexdigest(), problem, told)


def _read(path: Path, lab: Lab, notes: list[str]) -> dict[str, bytes]:
    limit = lab.facts.limits.source_kib << 10
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise _Unusable(f"{path.name}: {error.strerror}") from None
    if stat.S_ISLNK(mode):
        raise _Unusable(f"{path.name} is a symbolic link; submit the file itself")
    if stat.S_ISDIR(mode):
        return _read_folder(path, lab, limit, notes)
    if path.suffix == ".zip":
        return _read_zip(path, lab, limit, notes)
    return {lab.facts.files[0]: _read_file(path, path.name, limit)}


def _read_folder(folder: Path, lab: Lab, limit: int, notes: list[str]) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    total, looked = 0, 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if not n.startswith(".") and n not in SKIPPED)
        for name in [*folders, *sorted(names)]:
            looked += 1
            if looked > MAX_ENTRIES:
                raise _Unusable(f"more than {MAX_ENTRIES} files and folders")
            path = Path(parent, name)
            inside = path.relative_to(folder).as_posix()
            if not name.endswith(".py"):
                continue
            if inside in lab.facts.files and path.is_dir() and not path.is_symlink():
                raise _Unusable(f"{inside} is a folder; a file was expected")
            if name in folders and not path.is_symlink():
                continue
            if path.is_symlink() and inside not in lab.facts.files:
                notes.append(f"{inside}: a symbolic link, not read")
                continue
            if not _is_module(inside):
                notes.append(f"{inside}: not read; no module can have this name")
                continue
            files[inside] = _read_file(path, inside, limit)
            total += len(files[inside])
            if len(files) > MAX_FILES or total > limit:
                raise _Unusable(f"more than {MAX_FILES} Python files or {limit >> 10} KiB of them")
    return files


def _is_module(path: str) -> bool:
    """Whether an import could mean this file."""
    return all(part.isidentifier() for part in path.removesuffix(".py").split("/"))


@contextmanager
def _opened(path: Path, name: str, limit: int) -> Iterator[IO[bytes]]:
    """A regular file of at most `limit` bytes; opened without following a link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if path.is_symlink():
            raise _Unusable(f"{name} is a symbolic link; submit the file itself") from None
        raise _Unusable(f"{name}: {error.strerror}") from None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise _Unusable(f"{name} is not a regular file")
        if found.st_size > limit:
            raise _Unusable(_too_large(name, found.st_size, limit))
        yield file


def _read_file(path: Path, name: str, limit: int) -> bytes:
    with _opened(path, name, limit) as file:
        data = file.read(limit + 1)
    if len(data) > limit:
        raise _Unusable(_too_large(name, len(data), limit))
    return data


def _too_large(name: str, size: int, limit: int) -> str:
    return f"{name} has {size} bytes; the limit is {limit} (source_kib = {limit >> 10})"


def _read_zip(path: Path, lab: Lab, limit: int, notes: list[str]) -> dict[str, bytes]:
    """The Python files of an archive, read in memory; a folder around all is taken off."""
    try:
        with _opened(path, path.name, MAX_ARCHIVE) as file, zipfile.ZipFile(file) as archive:
            files = _members(archive, path.name, lab, limit, notes)
    except _Unusable:
        raise
    # Hostile bytes make zipfile and its decompressors raise a dozen kinds of exception; all
    # of them mean the same.
    except Exception as error:
        said = str(error) or type(error).__name__
        raise _Unusable(f"{path.name}: not a readable zip archive ({said})") from None
    tops = {name.partition("/")[0] for name in files}
    if len(tops) == 1 and all("/" in name for name in files):
        files = {name.partition("/")[2]: data for name, data in files.items()}
    return files


def _members(
    archive: zipfile.ZipFile, name: str, lab: Lab, limit: int, notes: list[str]
) -> dict[str, bytes]:
    files: dict[str, bytes] = {}
    for member in archive.infolist():
        inside = member.filename
        parts = PurePosixPath(inside).parts
        if not inside.endswith(".py") or any(p in SKIPPED for p in parts):
            continue
        if inside.startswith("/") or ".." in parts:
            notes.append(f"{inside[:100]}: a path out of the archive, not read")
            continue
        if any(part.startswith(".") for part in parts):
            continue
        if stat.S_ISLNK(member.external_attr >> 16):
            if parts[-1] in lab.facts.files:
                raise _Unusable(f"{inside[:100]} is a symbolic link; submit the file itself")
            notes.append(f"{inside[:100]}: a symbolic link, not read")
            continue
        if inside in files:
            raise _Unusable(f"{name}: {inside[:100]} is in it twice")
        with archive.open(member) as file:
            files[inside] = file.read(limit + 1)
        if len(files) > MAX_FILES:
            raise _Unusable(f"{name}: more than {MAX_FILES} Python files")
        if sum(map(len, files.values())) > limit:
            raise _Unusable(f"{name}: more than {limit >> 10} KiB of Python files")
    return files


def _check(files: dict[str, bytes], lab: Lab, notes: list[str]) -> str:
    """What keeps these files from being run, in a sentence; "" if nothing does."""
    for name in lab.facts.files:
        if name not in files:
            found = ", ".join(sorted(files)[:5]) or "no Python file"
            return f"{name} is not in the submission (found: {found})"
        data = files[name]
        if not data.strip():
            return f"{name} is empty"
        if b"\0" in data:
            return f"{name} is not a text file (a zero byte at {data.index(0)})"
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            return f"{name} is not UTF-8: byte {data[error.start]:#04x} in line {line}"
    for name in files:
        stem = name.partition("/")[0].removesuffix(".py")
        if stem in sys.stdlib_module_names or stem in ("numpy", "torch", "msgspec", "aisys_cli"):
            notes.append(f"{name}: not used; {stem} is the name of a library")
        elif name == "driver.py":
            notes.append(f"{name}: not used; the lab's own driver runs the checks")
    return ""
