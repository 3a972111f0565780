"""What Tab offers: labs, tasks, checks. For `autocompletion=` of arguments and options.

A Tab must answer at once, so the files are read here as they are, without the records of
course/ and workspace/: a course that is wrong has no completions, and the command says why.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import typer

from aisys_cli.course.find import find_course
from aisys_cli.errors import AisysError
from aisys_cli.language import language_of_locale

__all__ = [
    "complete_check",
    "complete_failed",
    "complete_lab",
    "complete_lab_or_task",
    "complete_task",
    "complete_what",
]

# What is offered, and what zsh and fish show beside it.
Offer = tuple[str, str]
Completer = Callable[[typer.Context, str], list[Offer]]


class _Asked:
    """The course and the lab that a half-written command line means."""

    def __init__(self, context: typer.Context) -> None:
        root = context.find_root().params
        course = root.get("course")
        self.root = find_course(Path(course) if course else None)
        self.language = root.get("lang") or language_of_locale(os.environ)

    def labs(self) -> Iterator[Offer]:
        for id in _toml(self.root / "course.toml")["labs"]:
            yield id, self.title(self.lab(id))

    def lab(self, id: str) -> dict[str, Any]:
        return _toml(self.root / "labs" / id / "lab.toml")

    def title(self, one: dict[str, Any]) -> str:
        return str(one["title"][self.language])

    def parts(self, id: str, kind: str) -> Iterator[Offer]:
        """Its `tasks`, or those of its `checks` that a student can run."""
        for one in self.lab(id)[kind]:
            if one.get("visibility") != "hidden":
                yield one["id"], self.title(one)


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _here() -> tuple[Path, str]:
    """The workspace's folder `.aisys`, and the lab of this directory, else the current one."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        path = folder / ".aisys" / "workspace.json"
        if path.is_file():
            known = json.loads(path.read_text(encoding="utf-8"))
            for id, lab in known["labs"].items():
                if here.is_relative_to((folder / lab["folder"]).resolve()):
                    return path.parent, id
            return path.parent, known["current"]
    raise FileNotFoundError


def _completer(offers: Callable[[_Asked, str], Iterator[Offer]]) -> Completer:
    def complete(ctx: typer.Context, incomplete: str) -> list[Offer]:
        found: list[Offer] = []
        try:
            found.extend(offers(_Asked(ctx), incomplete))  # keeps what came before an error
        # Nobody wants to read an error while they type; the command itself will say it.
        except (AisysError, OSError, ValueError, LookupError, TypeError, AttributeError):
            pass
        return [offer for offer in found if offer[0].startswith(incomplete)]

    return complete


@_completer
def complete_lab(asked: _Asked, incomplete: str) -> Iterator[Offer]:
    del incomplete
    return asked.labs()


@_completer
def complete_task(asked: _Asked, incomplete: str) -> Iterator[Offer]:
    del incomplete
    return asked.parts(_here()[1], "tasks")


@_completer
def complete_check(asked: _Asked, incomplete: str) -> Iterator[Offer]:
    del incomplete
    return asked.parts(_here()[1], "checks")


@_completer
def complete_failed(asked: _Asked, incomplete: str) -> Iterator[Offer]:
    """Checks whose failing input is stored."""
    del incomplete
    state, lab = _here()
    for id, title in asked.parts(lab, "checks"):
        if (state / lab / f"{id}.failure").is_file():
            yield id, title


@_completer
def complete_lab_or_task(asked: _Asked, incomplete: str) -> Iterator[Offer]:
    """LAB, and once that stands there, LAB/TASK."""
    lab, slash, _ = incomplete.partition("/")
    if not slash:
        yield from asked.labs()
        return
    for id, title in asked.parts(lab, "tasks"):
        yield f"{lab}/{id}", title


@_completer
def complete_what(asked: _Asked, incomplete: str) -> Iterator[Offer]:
    """What `lab test` takes: labs, LAB/TASK, and tasks and checks of the lab here."""
    if "/" in incomplete:
        lab = incomplete.partition("/")[0]
        yield from ((f"{lab}/{id}", title) for id, title in asked.parts(lab, "tasks"))
        return
    yield from asked.labs()
    lab = _here()[1]
    yield from asked.parts(lab, "tasks")
    yield from asked.parts(lab, "checks")
