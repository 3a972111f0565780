"""The Python files and notebooks of a zip or tar archive, read in memory.

Links and devices are not followed, a path out of the archive is not read, what says less than it
holds is read no further than the limit, and an archive within an archive is not opened.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import PurePosixPath
from typing import IO, Any, NamedTuple

from aisys_cli.bulk.intake.records import MAX_NOTEBOOK, Haul, Unusable, is_skipped
from aisys_cli.language import N_

__all__ = ["kind_of", "read_archive"]

MAX_MEMBERS = 5000  # looked at; a tar has no index, so that each costs reading
MAX_UNPACKED = 128 << 20  # bytes gone through in a tar
MAX_DIRECTORY = 4 << 20  # bytes of the index of a zip, which is read as a whole
ENDINGS = (".zip", ".tar.gz", ".tgz", ".tar", ".tar.bz2", ".tar.xz")
_UNPACKERS: dict[bytes, Callable[[IO[bytes]], Any]] = {
    b"\x1f\x8b": lambda file: gzip.GzipFile(fileobj=file),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ": lzma.LZMAFile,
}


class _Member(NamedTuple):
    name: str
    is_link: bool
    is_file: bool
    open: Callable[[], IO[bytes]]


def kind_of(name: str) -> str:
    """The ending by which a name says that it is an archive; "" if it does not."""
    lower = name.lower()
    return next((ending for ending in ENDINGS if lower.endswith(ending)), "")


def read_archive(file: IO[bytes], name: str, haul: Haul) -> None:
    """Add what is in it."""
    try:
        if kind_of(name) == ".zip":
            index = _Index(file)
            with zipfile.ZipFile(index) as archive:
                index.is_open = True
                _collect(_zip_members(archive), name, haul)
        else:
            with tarfile.open(fileobj=_Bounded(file), mode="r|") as archive:
                _collect(_tar_members(archive), name, haul)
    except Unusable as error:
        said = str(error)
        raise Unusable(said if said.startswith(name) else f"{name}: {said}") from None
    # Hostile bytes make these modules and their decompressors raise a dozen kinds of exception;
    # all of them mean the same.
    except Exception as error:
        said = str(error) or type(error).__name__
        kind = "zip" if kind_of(name) == ".zip" else "tar"
        raise Unusable(f"{name}: not a readable {kind} archive ({said})") from None


class _Bounded(io.RawIOBase):
    """A file unpacked as it is read, and not for ever: a header alone may claim gigabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        start = file.read(6)
        file.seek(0)
        unpack = next((made for magic, made in _UNPACKERS.items() if start.startswith(magic)), None)
        self._file = unpack(file) if unpack else file
        self._left = MAX_UNPACKED

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(min(size, self._left + 1) if size >= 0 else self._left + 1)
        self._left -= len(data)
        if self._left < 0:
            raise Unusable(f"it unpacks to more than {MAX_UNPACKED >> 20} MiB")
        return data


class _Index(io.RawIOBase):
    """A zip file, whose index is read as a whole and no longer than one needs to be. What its end
    says of the index is not believed: a zip has two ends (zip64), and they may differ."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self.is_open = False

    def read(self, size: int = -1) -> bytes:
        if self.is_open:
            return self._file.read(size)
        data = self._file.read(min(size, MAX_DIRECTORY + 1) if size >= 0 else MAX_DIRECTORY + 1)
        if len(data) > MAX_DIRECTORY:
            raise Unusable("not a zip archive with a few files: its index is too long")
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True


def _zip_members(archive: zipfile.ZipFile) -> Iterator[_Member]:
    for one in archive.infolist():
        link = stat.S_ISLNK(one.external_attr >> 16)
        yield _Member(one.filename, link, not one.is_dir(), partial(archive.open, one))


def _tar_members(archive: tarfile.TarFile) -> Iterator[_Member]:
    def opened(one: tarfile.TarInfo) -> IO[bytes]:
        return archive.extractfile(one) or io.BytesIO()

    for one in archive:
        link = one.issym() or one.islnk()
        yield _Member(one.name, link, one.isreg(), partial(opened, one))


def _collect(members: Iterator[_Member], name: str, haul: Haul) -> None:
    seen: set[str] = set()
    for count, member in enumerate(members):
        if count >= MAX_MEMBERS:
            raise Unusable(f"{name}: more than {MAX_MEMBERS} files and folders")
        path = PurePosixPath(member.name)
        inside = str(path)  # without "./" and "//"
        if path.suffix not in (".py", ".ipynb") or not (member.is_file or member.is_link):
            continue
        if path.is_absolute() or ".." in path.parts or "\\" in inside:
            haul.notes.append(N_(f"{inside[:100]}: a path out of the archive, not read"))
        elif any(map(is_skipped, path.parts)):
            continue
        elif member.is_link:
            haul.no_link(inside[:100], path.name)
        elif inside.casefold() in seen:
            raise Unusable(f"{name}: {inside[:100]} is in it twice (capitals do not count)")
        else:
            seen.add(inside.casefold())
            with member.open() as opened:
                most = MAX_NOTEBOOK if path.suffix == ".ipynb" else haul.limit
                haul.add(inside, opened.read(most + 1))
