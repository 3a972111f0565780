"""solutions/<lab>/: the reference, wheats (other right answers) and chaffs (wrong ones).

reference/      the lab's files
wheats/NAME/    the lab's files, written in another style
chaffs/NAME.toml   one mistake: which check must reject it, and the edit of the
                   reference that makes it (or a folder chaffs/NAME/ with whole files)
"""

from __future__ import annotations

import tomllib
from pathlib import Path

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.errors import CourseError

__all__ = ["Chaff", "Solution", "chaffs", "reference", "starter", "wheats"]


class Edit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Replace `old`, which must stand in the reference exactly once, by `new`."""

    old: str
    new: str
    file: str = ""


class ChaffFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """chaffs/NAME.toml. Every check of `rejected_by` must fail; of the others only those
    in `may_fail` may."""

    mistake: str
    rejected_by: list[str]
    may_fail: list[str] = []
    edits: list[Edit] = []


class Solution(msgspec.Struct, frozen=True):
    name: str
    files: dict[str, bytes]


class Chaff(Solution, frozen=True):
    facts: ChaffFile


def _read(folder: Path) -> dict[str, bytes]:
    files = {path.name: path.read_bytes() for path in sorted(folder.glob("*.py"))}
    if not files:
        raise CourseError(f"{folder} has no Python file")
    return files


def starter(lab: Lab) -> Solution:
    return Solution("starter", _read(lab.starter))


def reference(lab: Lab) -> Solution:
    return Solution("reference", _read(lab.solutions / "reference"))


def wheats(lab: Lab) -> list[Solution]:
    folder = lab.solutions / "wheats"
    found = sorted(path for path in folder.glob("*") if path.is_dir())
    return [Solution(f"wheat-{path.name}", _read(path)) for path in found]


def chaffs(lab: Lab) -> list[Chaff]:
    original = reference(lab).files
    ids = {check.id for check in lab.facts.checks}
    return [
        _chaff(path, lab, original, ids)
        for path in sorted((lab.solutions / "chaffs").glob("*.toml"))
    ]


def _chaff(path: Path, lab: Lab, original: dict[str, bytes], ids: set[str]) -> Chaff:
    try:
        facts = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), ChaffFile)
    except UnicodeDecodeError as error:
        raise CourseError(f"{path}: not UTF-8 at byte {error.start}") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CourseError(f"{path}: {error}") from None
    for id in [*facts.rejected_by, *facts.may_fail]:
        if id not in ids:
            raise CourseError(f"{path}: {id!r} is no check of {lab.id}")
    if not facts.rejected_by:
        raise CourseError(f"{path}: rejected_by names no check")
    folder = path.with_suffix("")
    files = _read(folder) if folder.is_dir() else dict(original)
    if folder.is_dir() == bool(facts.edits):
        raise CourseError(f"{path}: want either `edits` or the folder {folder.name}/")
    for edit in facts.edits:
        name = edit.file or lab.facts.files[0]
        if name not in files:
            raise CourseError(f"{path}: edits.file = {name!r} is no file of the reference")
        text = files[name].decode()
        if text.count(edit.old) != 1:
            raise CourseError(
                f"{path}: edits.old = {edit.old!r} stands {text.count(edit.old)} times in "
                f"the reference's {name}; it must stand once"
            )
        files[name] = text.replace(edit.old, edit.new).encode()
    return Chaff(f"chaff-{path.stem}", files, facts)
