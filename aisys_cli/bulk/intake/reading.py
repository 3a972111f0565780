"""One student's files as bytes: from a folder, a file, an archive, a notebook, or loose parts."""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aisys_cli.bulk.intake.archives import kind_of, read_archive
from aisys_cli.bulk.intake.notebooks import module_of
from aisys_cli.bulk.intake.records import (
    MAX_NOTEBOOK,
    Handed,
    Haul,
    Submission,
    Unusable,
    is_module,
    is_skipped,
)
from aisys_cli.course.records import Lab
from aisys_cli.language import N_
from aisys_cli.report.records import clean_line

__all__ = ["read_handed", "read_submission"]

MAX_ENTRIES = 2000  # directory entries looked at, in one submission
MAX_ARCHIVE = 64 << 20  # bytes of an archive; what is read of it has its own limit


def read_submission(id: str, path: Path, lab: Lab) -> Submission:
    """The submission at `path`: a folder, a .py file, an archive or a notebook."""
    return read_handed(Handed(id, path), lab)


def read_handed(handed: Handed, lab: Lab) -> Submission:
    """What was handed in, as files."""
    haul = Haul(lab)
    try:
        if handed.parts:
            _read_parts(handed.parts, haul)
        else:
            _read(handed.path, handed.path.name, haul)
        haul.keep_modules()
        _make_module(haul)
        problem = _check(haul)
    except Unusable as error:
        haul.files, problem = {}, clean_line(str(error), limit=500)
    files = haul.files
    digest = hashlib.blake2b(digest_size=12)
    for name in sorted(files):
        digest.update(f"{name}:{len(files[name])}\n".encode(errors="replace") + files[name])
    digest.update(problem.encode(errors="replace"))
    usable = {} if problem else files
    return Submission(
        handed.id, usable, digest.hexdigest(), problem, haul.said(), handed.submitted_at
    )


def _read(path: Path, name: str, haul: Haul) -> None:
    try:
        mode = path.lstat().st_mode
    except OSError as error:
        raise Unusable(f"{name}: {error.strerror}") from None
    if stat.S_ISLNK(mode):
        raise Unusable(f"{name} is a symbolic link; submit the file itself")
    if stat.S_ISDIR(mode):
        _read_folder(path, haul)
    elif kind_of(name):
        with _opened(path, name, MAX_ARCHIVE, haul) as file:
            read_archive(file, name, haul)
        haul.unwrap()
    elif name.endswith(".ipynb"):
        haul.add(name, _read_file(path, name, haul))
    else:
        haul.add(haul.wanted[0], _read_file(path, name, haul))


def _read_parts(parts: tuple[tuple[str, Path], ...], haul: Haul) -> None:
    """Files that were uploaded beside one another; a single .py is the lab's, whatever its name."""
    modules = [name for name, _ in parts if name.endswith(".py")]
    for name, path in parts:
        if name.endswith(".py"):
            alone = len(modules) == 1 and len(haul.wanted) == 1
            haul.add(haul.wanted[0] if alone else name, _read_file(path, name, haul))
        elif kind_of(name) or name.endswith(".ipynb"):
            _read(path, name, haul)
        else:
            haul.notes.append(N_(f"{name}: not read"))


def _read_folder(folder: Path, haul: Haul) -> None:
    archives: list[Path] = []
    looked = 0
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_skipped(name))
        for name in [*folders, *sorted(names)]:
            looked += 1
            if looked > MAX_ENTRIES:
                raise Unusable(f"more than {MAX_ENTRIES} files and folders")
            path = Path(parent, name)
            if kind_of(name) and name not in folders:
                archives.append(path)
            elif name.endswith((".py", ".ipynb")):
                _read_entry(path, path.relative_to(folder).as_posix(), haul)
    if not haul.files and len(archives) == 1:
        _read(archives[0], archives[0].name, haul)
    haul.unwrap()


def _read_entry(path: Path, inside: str, haul: Haul) -> None:
    """One file of a folder, or what has only the name of one."""
    link = path.is_symlink()
    if path.is_dir() and not link:
        if inside in haul.wanted:
            raise Unusable(f"{inside} is a folder; a file was expected")
    elif link and inside not in haul.wanted:
        haul.notes.append(N_(f"{inside}: a symbolic link, not read"))
    elif inside.endswith(".py") and not is_module(path.name):
        haul.notes.append(N_(f"{inside}: not read; no module can have this name"))
    else:
        haul.add(inside, _read_file(path, inside, haul))


def _make_module(haul: Haul) -> None:
    """The lab's file of a notebook, where there is no such file: of the one that has its name,
    else of the only one."""
    notebooks = {name: data for name, data in haul.files.items() if name.endswith(".ipynb")}
    for name in notebooks:
        del haul.files[name]
    wanted = haul.wanted[0]
    if not notebooks or wanted in haul.files:
        return
    stem = wanted.removesuffix(".py")
    chosen = [name for name in notebooks if Path(name).stem == stem] or list(notebooks)
    if len(chosen) > 1:
        listed = ", ".join(sorted(chosen)[:5])
        raise Unusable(f"which notebook is {wanted}? There are {listed}; name one {stem}.ipynb")
    name = clean_line(chosen[0])
    haul.add(wanted, module_of(notebooks[chosen[0]], name, haul.notes))
    haul.notes.append(N_(f"{wanted} was made of the code in {name}"))


@contextmanager
def _opened(path: Path, name: str, limit: int, haul: Haul) -> Iterator[IO[bytes]]:
    """A regular file of at most `limit` bytes; opened without following a link."""
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        fd = os.open(path, flags)
    except OSError as error:
        if path.is_symlink():
            raise Unusable(f"{name} is a symbolic link; submit the file itself") from None
        raise Unusable(f"{name}: {error.strerror}") from None
    with os.fdopen(fd, "rb") as file:
        found = os.fstat(fd)
        if not stat.S_ISREG(found.st_mode):
            raise Unusable(f"{name} is not a regular file")
        if found.st_size > limit:
            raise Unusable(haul.too_large(name, found.st_size, limit))
        yield file


def _read_file(path: Path, name: str, haul: Haul) -> bytes:
    limit = MAX_NOTEBOOK if name.endswith(".ipynb") else haul.limit
    with _opened(path, name, limit, haul) as file:
        return file.read(limit + 1)  # `Haul.add` refuses what has grown meanwhile


def _check(haul: Haul) -> str:
    """What keeps these files from being run, in a sentence; "" if nothing does."""
    for name in haul.wanted:
        if name not in haul.files:
            found = ", ".join(sorted(haul.files)[:5]) or "no Python file"
            return f"{name} is not in the submission (found: {found})"
        data = haul.files[name]
        if not data.strip():
            return f"{name} is empty"
        if b"\0" in data:
            return f"{name} is not a text file (a zero byte at {data.index(0)})"
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            return f"{name} is not UTF-8: byte {data[error.start]:#04x} in line {line}"
    for name in haul.files:
        stem = name.partition("/")[0].removesuffix(".py")
        if stem in sys.stdlib_module_names or stem in ("numpy", "torch", "msgspec", "aisys_cli"):
            haul.notes.append(N_(f"{name}: not used; {stem} is the name of a library"))
        elif name == "driver.py":
            haul.notes.append(N_(f"{name}: not used; the lab's own driver runs the checks"))
    return ""
