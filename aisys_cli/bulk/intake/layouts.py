"""A folder of submissions, as people get one: who handed in what.

    plain        a folder, a .py, .ipynb or an archive for each student; a folder may be a git clone
    gradescope   "Export Submissions": submission_123/ beside submission_metadata.yml
    canvas       "Download Submissions": name[_LATE]_123_456_file.py, several files a student
    moodle       "Download all submissions": Name_123_assignsubmission_file/ or ..._file_name.py

A layout is known by what is in the folder. Names are data: they are compared and never opened
but as the files that the folder lists.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from aisys_cli.bulk.intake.archives import kind_of
from aisys_cli.bulk.intake.records import Handed, is_skipped
from aisys_cli.errors import NothingToDo, UsageError
from aisys_cli.report.records import clean_line

__all__ = ["LAYOUTS", "find_submissions"]

METADATA = "submission_metadata.yml"
MAX_METADATA = 64 << 20
_CANVAS = re.compile(r"(?P<who>.+?)_(?:LATE_)?(?P<user>\d+)_(?P<upload>\d+)_(?P<file>.+)")
_MOODLE = re.compile(
    r"(?P<who>.+)_(?P<participant>\d+)_assignsubmission_(?P<kind>file|onlinetext)(?:_(?P<file>.*))?"
)
_RENAMED = re.compile(r"-\d+(?=\.\w+$)")  # what Canvas adds to the file of a second upload


def find_submissions(
    folder: Path, *, layout: str = "", names: Callable[[str], str] = str
) -> list[Handed]:
    """Every submission in a folder, by id. `layout`: one of LAYOUTS, "" to find out. `names`
    makes of what the layout knows of a student (a name, a number) the id on the roster."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder of submissions")
    chosen = layout or layout_of(folder)
    found: dict[str, Handed] = {}
    for one in LAYOUTS[chosen](folder, names):
        if one.id in found:
            raise UsageError(
                f"two submissions of {one.id!r}: {found[one.id].path.name} and {one.path.name}",
                remedy="Take one away; or, where two students have one name, give --roster FILE\n"
                "with the number that the learning system gives each in a column.",
            )
        found[one.id] = one
    if not found:
        raise NothingToDo(
            f"no submissions in {folder}",
            remedy="Looked for: a folder, a .py, .ipynb, .zip or .tar.gz file for each student,\n"
            "or a download from Gradescope, Canvas or Moodle.",
        )
    return [found[id] for id in sorted(found)]


def layout_of(folder: Path) -> str:
    """Which of LAYOUTS the folder has. A word of one student's alone does not decide."""
    if (folder / METADATA).is_file():
        return "gradescope"
    names = [path.name for path in _entries(folder)]
    for layout, pattern in (("moodle", _MOODLE), ("canvas", _CANVAS)):
        if names and all(pattern.fullmatch(name) for name in names):
            return layout
    return "plain"


def _entries(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.iterdir()) if not is_skipped(path.name)]


def _plain(folder: Path, names: Callable[[str], str]) -> Iterator[Handed]:
    for path in _entries(folder):
        if path.is_dir():
            yield Handed(names(clean_line(path.name)), path)
        elif path.suffix in (".py", ".ipynb"):
            yield Handed(names(clean_line(path.stem)), path)
        elif ending := kind_of(path.name):
            yield Handed(names(clean_line(path.name[: -len(ending)])), path)


# -- Gradescope --------------------------------------------------------------------------


def _gradescope(folder: Path, names: Callable[[str], str]) -> Iterator[Handed]:
    """Of a group, every member has the submission."""
    path = folder / METADATA
    about = _metadata(path)
    for name, facts in about.items():
        place = folder / str(name)
        inside = re.fullmatch(r"submission_\d+", str(name)) and place.is_dir()
        if not inside or place.is_symlink() or not isinstance(facts, dict):
            continue
        when = _instant(facts.get(":created_at"))
        people = facts.get(":submitters")
        for person in people if isinstance(people, list) else []:
            if not isinstance(person, dict):
                continue
            words = [person.get(key) for key in (":sid", ":email", ":name")]
            # A list's str() could be without end: YAML has references.
            plain = [word for word in words if word and isinstance(word, str | int)]
            known = [clean_line(str(word)) for word in plain]
            if known:
                id = next((names(word) for word in known if names(word) != word), known[0])
                yield Handed(id, place, submitted_at=when)


def _metadata(path: Path) -> dict[Any, Any]:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is
    try:
        if path.stat().st_size > MAX_METADATA:
            raise UsageError(f"{path} has more than {MAX_METADATA >> 20} MiB")
        loaded = yaml.load(path.read_bytes(), Loader=loader)  # noqa: S506 - of safe loaders
    except (OSError, yaml.YAMLError, ValueError, RecursionError) as error:
        said = str(error).splitlines()[0][:200]
        raise UsageError(f"{path}: not Gradescope's metadata ({said})") from None
    if not isinstance(loaded, dict):
        raise UsageError(f"{path}: not Gradescope's metadata (no mapping of submissions)")
    return loaded


def _instant(value: object) -> str:
    """ISO 8601 with offset; "" for what is none."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value.isoformat()
    if isinstance(value, str):
        text = re.sub(r"\s*UTC$", "+00:00", value.strip())
        text = re.sub(r"(\.\d{1,6})\d*\s*|\s+(?=[+-]\d|Z$)", r"\1", text)
        try:
            parsed = datetime.fromisoformat(text)
        except ValueError:
            return ""
        return parsed.isoformat() if parsed.tzinfo is not None else ""
    return ""


# -- Canvas, Moodle -----------------------------------------------------------------------


def _canvas(folder: Path, names: Callable[[str], str]) -> Iterator[Handed]:
    grouped: dict[tuple[str, str], list[tuple[str, Path]]] = {}
    for path in _entries(folder):
        match = _CANVAS.fullmatch(path.name)
        if match and path.is_file() and not path.is_symlink():
            file = _RENAMED.sub("", match["file"])
            grouped.setdefault((match["who"], match["user"]), []).append((file, path))
    for (who, user), parts in grouped.items():
        id = names(user) if names(user) != user else names(clean_line(who))
        yield Handed(id, parts[0][1], tuple(_newest(parts)))


def _newest(parts: list[tuple[str, Path]]) -> list[tuple[str, Path]]:
    """Of files of one name, that of the highest upload number."""
    return sorted(dict(sorted(parts, key=lambda part: _upload(part[1].name))).items())


def _upload(name: str) -> int:
    match = _CANVAS.fullmatch(name)
    return int(match["upload"]) if match else 0


def _moodle(folder: Path, names: Callable[[str], str]) -> Iterator[Handed]:
    """Text that was typed into Moodle (onlinetext) is no file: it stands for a student only where
    there is nothing else, so that who typed is not counted among those who sent nothing."""
    folders: dict[tuple[str, str], Path] = {}
    loose: dict[tuple[str, str], list[tuple[str, Path]]] = {}
    typed: dict[tuple[str, str], Path] = {}
    for path in _entries(folder):
        match = _MOODLE.fullmatch(path.name)
        if match is None or path.is_symlink():
            continue
        key = (match["who"], match["participant"])
        if match["kind"] == "onlinetext":
            typed[key] = path
        elif path.is_dir():
            folders[key] = path
        elif match["file"]:
            loose.setdefault(key, []).append((match["file"], path))
    for key, path in folders.items():
        yield Handed(_of_moodle(key, names), path)
    for key, parts in loose.items():
        yield Handed(_of_moodle(key, names), parts[0][1], tuple(sorted(parts)))
    for key in sorted(typed.keys() - folders.keys() - loose.keys()):
        yield Handed(_of_moodle(key, names), typed[key], (("typed text", typed[key]),))


def _of_moodle(key: tuple[str, str], names: Callable[[str], str]) -> str:
    who, participant = key
    return names(participant) if names(participant) != participant else names(clean_line(who))


LAYOUTS: dict[str, Callable[[Path, Callable[[str], str]], Iterator[Handed]]] = {
    "plain": _plain,
    "gradescope": _gradescope,
    "canvas": _canvas,
    "moodle": _moodle,
}
