"""What course.toml and lab.toml hold, typed. load.py reads and validates them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

import msgspec

from aisys_cli.sandbox.limits import Limits

__all__ = [
    "Check",
    "Counts",
    "Course",
    "CourseFile",
    "Grading",
    "Lab",
    "LabFile",
    "Late",
    "Module",
    "Section",
    "Task",
    "Text",
]

Counts = Literal["last", "best"]
Language = Literal["en", "zh"]
Visibility = Literal["public", "hidden"]


class _Strict(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class Text(_Strict, frozen=True):
    """The same words in both languages."""

    en: str
    zh: str

    def in_(self, language: str) -> str:
        return self.zh if language == "zh" else self.en


class Section(_Strict, frozen=True):
    """Lectures that belong together. A lab's `section` is the id, or one of `lectures`; `coming`
    has the titles of labs that are being prepared."""

    id: str
    title: Text
    lectures: list[str] = []
    coming: list[Text] = []

    def holds(self, section: str) -> bool:
        return section == self.id or section in self.lectures


class Module(_Strict, frozen=True):
    """A part of the course, such as "AI framework core"."""

    id: str
    title: Text
    sections: list[Section] = []


class Late(_Strict, frozen=True):
    """What a late hand-in costs, in every lab. Days are whole or begun ones after the due date
    and the grace; after `cutoff_days` of them nothing is accepted."""

    grace_minutes: int = 0
    percent_per_day: int = 0
    cutoff_days: int | None = None


class Grading(_Strict, frozen=True):
    """How attempts become a grade. `due` holds a datetime with its offset for each lab that has
    a due date; load.py sees to that."""

    counts: Counts = "last"
    late: Late = Late()
    due: dict[str, object] = {}


class CourseFile(_Strict, frozen=True):
    """course.toml"""

    id: str
    title: Text
    labs: list[str]
    modules: list[Module]
    grading: Grading = Grading()


class Task(_Strict, frozen=True):
    """A piece of work in a lab, with its own checks and hints."""

    id: str
    title: Text


class Check(_Strict, frozen=True):
    """One graded property. `needs` names checks that must pass for it to be run."""

    id: str
    title: Text
    points: int
    visibility: Visibility
    needs: list[str] = []
    examples: int = 100

    @property
    def task(self) -> str:
        return self.id.rpartition(".")[0]


class LabFile(_Strict, frozen=True):
    """lab.toml, the one source of a lab's ids, titles, points, order and limits."""

    id: str
    version: int
    title: Text
    module: str
    section: str
    profile: str
    files: list[str]
    points: int
    tasks: list[Task]
    checks: list[Check]
    limits: Limits = Limits()
    forbid: list[str] = []


class Lab:
    """A lab on disk: its facts, and where its parts lie."""

    def __init__(self, facts: LabFile, root: Path) -> None:
        self.facts = facts
        self.id = facts.id
        self.folder = root / "labs" / facts.id
        self.hidden_folder = root / "grading" / facts.id
        self.solutions = root / "solutions" / facts.id

    @property
    def entry(self) -> str:
        """The module that a submission must have; the first of `files`."""
        return self.facts.files[0].removesuffix(".py")

    @property
    def driver(self) -> Path:
        return self.folder / "driver.py"

    @property
    def starter(self) -> Path:
        return self.folder / "starter"

    @property
    def max_score(self) -> int:
        return self.facts.points

    @property
    def has_hidden(self) -> bool:
        """Whether the hidden checks are here; a student edition has none."""
        return (self.hidden_folder / "checks.py").is_file()

    def check(self, id: str) -> Check:
        return next(check for check in self.facts.checks if check.id == id)

    def public(self) -> list[Check]:
        return [check for check in self.facts.checks if check.visibility == "public"]

    def handout(self, language: str) -> Path:
        return self.folder / f"handout.{language}.md"

    def hints(self, language: str) -> Path:
        return self.folder / f"hints.{language}.md"

    def words(self, language: str) -> Path:
        """What its checks say, in a language other than English. Need not be there."""
        return self.folder / f"words.{language}.toml"

    @property
    def version(self) -> str:
        """The declared version and a digest of everything that a grade rests on."""
        return f"{self.facts.version}-{self.digest()}"

    def graded_files(self) -> list[Path]:
        """Every file that can change a grade, in a stable order."""
        found = [self.folder / "lab.toml", *self.folder.glob("*.py")]
        found += self.hidden_folder.glob("*.py")
        return sorted(found)

    def digest(self) -> str:
        """Twelve hex digits over the content of graded_files(): what a grade rests on."""
        total = hashlib.blake2b(digest_size=6)
        for path in self.graded_files():
            data = path.read_bytes()
            total.update(f"{path.parent.parent.name}/{path.name}:{len(data)}\n".encode())
            total.update(data)
        return total.hexdigest()


class Course:
    """A course on disk and its labs, in the course's order."""

    def __init__(self, facts: CourseFile, root: Path, labs: list[Lab]) -> None:
        self.facts = facts
        self.root = root
        self.labs = labs
