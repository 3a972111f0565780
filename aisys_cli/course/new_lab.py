"""A new lab that is whole from the start: one to be changed, not a form to be filled in."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from aisys_cli.course.load import load_course
from aisys_cli.errors import CourseError, UsageError
from aisys_cli.report.writing import write_whole

__all__ = ["LABS", "new_lab"]

_SKELETON = Path(__file__).parent / "skeleton"
_ID = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LABS = re.compile(r"^labs\s*=\s*\[(.*?)\]", re.MULTILINE | re.DOTALL)


def new_lab(root: Path, id: str) -> list[Path]:
    """Add a lab to the course in `root`, which is made if there is none; the folders made.
    UsageError if the id cannot be used."""
    if not _ID.fullmatch(id) or len(id) > 40:
        raise UsageError(
            f"{id!r} cannot be a lab's id", remedy="Small letters, digits and hyphens: my-lab"
        )
    folders = {part: root / part / id for part in ("labs", "grading", "solutions")}
    for folder in folders.values():
        if folder.exists():
            raise UsageError(f"{folder} is there already", remedy="Take another id for the lab")
    facts = root / "course.toml"
    if not facts.exists():
        root.mkdir(parents=True, exist_ok=True)
        text = (_SKELETON / "course.toml").read_text(encoding="utf-8")
        write_whole(facts, text)
    module = load_course(root).facts.modules[0].id
    before = facts.read_text(encoding="utf-8")
    after = _with_lab(before, id)
    for part, folder in folders.items():
        _copy(_SKELETON / part, folder, {"my-lab": id, "my_lab": id.replace("-", "_"),
                                         "@MODULE@": module})  # fmt: skip
    write_whole(facts, after)
    try:
        load_course(root)
    except CourseError:
        write_whole(facts, before)
        for folder in folders.values():
            shutil.rmtree(folder)
        raise
    return list(folders.values())


def _with_lab(text: str, id: str) -> str:
    """course.toml with the lab as its last; what else is in it stays as it is."""
    match = LABS.search(text)
    if match is None:
        raise CourseError("course.toml has no list `labs = [...]`")
    inside = match[1].rstrip().rstrip(",")
    end = "\n" if "\n" in match[1] else ""
    comma = ("," + (end + "    " if end else " ")) if inside.strip() else ""
    listed = f'labs = [{inside}{comma}"{id}"{end}]'
    return text[: match.start()] + listed + text[match.end() :]


def _copy(source: Path, target: Path, words: dict[str, str]) -> None:
    """Copy a folder; the words are replaced in names and texts."""
    for path in sorted(source.rglob("*")):
        if not path.is_file() or path.suffix == ".pyc":
            continue
        name = path.relative_to(source).as_posix()
        text = path.read_text(encoding="utf-8")
        for old, new in words.items():
            name, text = name.replace(old, new), text.replace(old, new)
        write_whole(target / name, text)
