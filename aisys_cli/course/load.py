"""Reads a course: `load_course`, `load_lab`, `find_lab`.

An error names the file, the key and the value that is wrong.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from aisys_cli.course.find import find_course
from aisys_cli.course.records import Course, CourseFile, Lab, LabFile
from aisys_cli.errors import CourseError, UsageError
from aisys_cli.language import N_

__all__ = ["find_course", "find_lab", "load_course", "load_lab", "read_words"]

T = TypeVar("T")
_ID = re.compile(r"[a-z0-9][a-z0-9-]*")
_CHECK_ID = re.compile(r"[0-9A-Za-z]+\.[0-9A-Za-z]+")


def load_course(root: Path) -> Course:
    """The course in `root`, with every lab that course.toml lists."""
    path = root / "course.toml"
    facts = _read(path, CourseFile)
    _once(path, "labs", facts.labs)
    _once(path, "modules.id", [module.id for module in facts.modules])
    _validate_grading(path, facts)
    sections = [section for module in facts.modules for section in module.sections]
    _once(path, "modules.sections.id", [section.id for section in sections])
    _once(path, "modules.sections.lectures", [id for one in sections for id in one.lectures])
    labs = [load_lab(root, id) for id in facts.labs]
    for lab in labs:
        _validate_place(lab, facts)
    return Course(facts, root, labs)


def load_lab(root: Path, id: str) -> Lab:
    """The lab `id` of the course in `root`."""
    path = root / "labs" / id / "lab.toml"
    if not path.is_file():
        _fail(root / "course.toml", "labs", id, f"has no {path}")
    facts = _read(path, LabFile)
    _validate(path, facts)
    return Lab(facts, root)


def find_lab(course: Course, name: str) -> Lab:
    """The lab with that id or unique prefix; UsageError with a suggestion if none."""
    by_id = {lab.id: lab for lab in course.labs}
    if name in by_id:
        return by_id[name]
    starting = [id for id in by_id if name and id.startswith(name)]
    if len(starting) == 1:
        return by_id[starting[0]]
    if starting:
        raise UsageError(f'"{name}" could be {" or ".join(starting)}', remedy="aisys lab list")
    close = difflib.get_close_matches(name, by_id, n=1, cutoff=0.5)
    hint = N_(f" Did you mean {close[0]}?") if close else ""
    raise UsageError(f'no lab named "{name}".{hint}', remedy="List them with: aisys lab list")


def read_words(lab: Lab, language: str) -> dict[str, str]:
    """What the lab's checks say, and how that is said in the language; {0}, {1} are values."""
    path = lab.words(language)
    words = _read(path, dict[str, str]) if path.is_file() else {}
    for english, translated in words.items():
        values = sorted(_VALUES.findall(english))
        if values != sorted(_VALUES.findall(translated)):
            _fail(path, repr(english), translated, "it has other values")
        if re.search("[{}]", _VALUES.sub("", english + translated)) or "}{" in english:
            _fail(path, repr(english), translated, "values are {0}, {1}, never side by side")
    return words


_VALUES = re.compile(r"\{\d\}")


# -- reading and validating --------------------------------------------------


def _fail(path: Path, key: str, value: Any, why: str) -> None:
    raise CourseError(f"{path}: {key} = {value!r}: {why}")


def _once(path: Path, key: str, ids: list[str]) -> None:
    for id in ids:
        if ids.count(id) > 1:
            _fail(path, key, id, "stands twice")


def _read(path: Path, kind: type[T]) -> T:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CourseError(f"{path}: not UTF-8 at byte {error.start}") from None
    except tomllib.TOMLDecodeError as error:
        raise CourseError(f"{path}: {error}") from None
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise CourseError(f"{path}: {_located(str(error), raw)}") from None


def _located(message: str, raw: Any) -> str:
    """msgspec's "what - at `$.a[0].b`" as "a[0].b = value: what"."""
    what, _, where = message.partition(" - at `$")
    steps = where.rstrip("`").lstrip(".")
    value = raw
    for name, index in re.findall(r"([^.\[\]]+)|\[(\d+)\]", steps):
        try:
            value = value[int(index)] if index else value[name]
        except (KeyError, IndexError, TypeError):
            break
    if isinstance(value, dict | list):
        return f"{steps or 'top level'}: {what}"
    return f"{steps} = {value!r}: {what}"


def _validate_place(lab: Lab, course: CourseFile) -> None:
    """The lab's module is one of the course, and its section one of the module, if it has any."""
    path, facts = lab.folder / "lab.toml", lab.facts
    modules = {module.id: module for module in course.modules}
    if facts.module not in modules:
        why = f"is not a module of course.toml ({', '.join(sorted(modules))})"
        _fail(path, "module", facts.module, why)
    sections = modules[facts.module].sections
    if sections and not any(section.holds(facts.section) for section in sections):
        known = ", ".join(section.id for section in sections)
        why = f"is no section or lecture of module {facts.module} ({known})"
        _fail(path, "section", facts.section, why)


def _validate_grading(path: Path, facts: CourseFile) -> None:
    late = facts.grading.late
    if not 0 <= late.grace_minutes <= 7 * 24 * 60:
        why = "must be 0 to 10080, which is a week"
        _fail(path, "grading.late.grace_minutes", late.grace_minutes, why)
    if not 0 <= late.percent_per_day <= 100:
        _fail(path, "grading.late.percent_per_day", late.percent_per_day, "must be 0 to 100")
    if late.cutoff_days is not None and late.cutoff_days < 0:
        _fail(path, "grading.late.cutoff_days", late.cutoff_days, "must not be negative")
    for lab, due in facts.grading.due.items():
        if lab not in facts.labs:
            _fail(path, f"grading.due.{lab}", str(due), "is for no lab of `labs`")
        if not isinstance(due, datetime) or due.tzinfo is None:
            why = "must be a date and time with offset, unquoted: 2026-03-01T23:59:00+08:00"
            _fail(path, f"grading.due.{lab}", str(due), why)


def _validate(path: Path, facts: LabFile) -> None:
    from aisys_cli.sandbox.profile import PROFILES

    if facts.id != path.parent.name or not _ID.fullmatch(facts.id):
        _fail(path, "id", facts.id, f"must be the folder's name, {path.parent.name!r}")
    if facts.version < 1:
        _fail(path, "version", facts.version, "must be 1 or more")
    if facts.profile not in PROFILES:
        _fail(path, "profile", facts.profile, f"is none of {', '.join(PROFILES)}")
    if not facts.files:
        _fail(path, "files", facts.files, "must name the file that a student writes")
    for name in facts.files:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\.py", name):
            _fail(path, "files", name, "is not the name of a Python module")
    for key, value in msgspec.structs.asdict(facts.limits).items():
        if not 0 < value < math.inf:
            _fail(path, f"limits.{key}", value, "must be more than 0, and finite")
    _validate_checks(path, facts)


def _validate_checks(path: Path, facts: LabFile) -> None:
    tasks = [task.id for task in facts.tasks]
    for task in tasks:
        if tasks.count(task) > 1:
            _fail(path, "tasks.id", task, "stands twice")
    seen: list[str] = []
    for check in facts.checks:
        key = f"checks[{check.id}]"
        if not _CHECK_ID.fullmatch(check.id):
            _fail(path, "checks.id", check.id, "must be <task>.<number>")
        if check.id in seen:
            _fail(path, "checks.id", check.id, "stands twice")
        if check.task not in tasks:
            _fail(path, "checks.id", check.id, f"names no task; there are {', '.join(tasks)}")
        if check.points < 0:
            _fail(path, f"{key}.points", check.points, "must not be negative")
        if check.examples < 1:
            _fail(path, f"{key}.examples", check.examples, "must be 1 or more")
        for need in check.needs:
            if need not in seen:
                _fail(path, f"{key}.needs", need, "is not a check that stands before it")
        seen.append(check.id)
    total = sum(check.points for check in facts.checks)
    if total != facts.points:
        _fail(path, "points", facts.points, f"the checks' points add up to {total}")
