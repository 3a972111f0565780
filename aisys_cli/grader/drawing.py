"""Runs a lab's draw.py on a submission: `aisys lab draw`."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable, Iterator
from typing import Any

from aisys_cli.bulk.intake import Submission
from aisys_cli.course.records import Lab
from aisys_cli.draw import Picture, is_empty
from aisys_cli.errors import CourseError, NothingToDo, UsageError
from aisys_cli.grader.compare import Mismatch
from aisys_cli.grader.session import open_student
from aisys_cli.grader.student import EndCheck, StudentRaised
from aisys_cli.language import N_
from aisys_cli.report.records import Evidence

__all__ = ["Drawing", "Undrawn", "drawn", "has_pictures", "undrawable"]


class Undrawn(Exception):
    """The submission gave nothing to draw: how its code failed."""

    def __init__(self, message: str, evidence: Evidence | None) -> None:
        super().__init__(message)
        self.message, self.evidence = message, evidence


class Drawing:
    """One picture of a lab, chosen by name, with its options as KEY=VALUE texts.

    UsageError for a name, key or value that it does not have; CourseError if the lab's
    draw.py is at fault, NothingToDo if it has none.
    """

    def __init__(self, lab: Lab, name: str, options: list[str]) -> None:
        self.lab = lab
        pictures = _pictures(lab)
        name = name or next(iter(pictures))
        if name not in pictures:
            raise UsageError(
                f"{lab.id} has no picture {name!r}",
                remedy=f"One of: {', '.join(f'{lab.id}/{one}' for one in pictures)}",
            )
        self._function = pictures[name]
        self._options = _options(name, self._function, options)

    def of(self, submission: Submission, *, isolation: str = "auto") -> Picture:
        """The picture of that submission; Undrawn if its code does not get through."""
        if submission.problem:
            raise Undrawn(submission.problem, None)
        with open_student(self.lab, submission.files, isolation=isolation) as student:
            student.keep_data = True
            try:
                with student.one_input():
                    picture = self._function(student, **self._options)
            except ValueError as error:  # a world of no ranks, a size that cannot be drawn
                raise UsageError(str(error)) from None
            except (StudentRaised, Mismatch) as error:
                failure = student.failure(error)
                raise Undrawn(failure.message, failure.evidence) from None
            except EndCheck:
                assert student.ended is not None
                raise Undrawn(student.ended.message, student.ended.evidence) from None
        return picture  # type: ignore[no-any-return]


def has_pictures(lab: Lab) -> bool:
    return (lab.folder / "draw.py").is_file()


def drawn(lab: Lab, submission: Submission) -> Iterator[tuple[str, Picture]]:
    """The lab's pictures that the submission's code is far enough for, by name."""
    for name in _pictures(lab) if has_pictures(lab) else ():
        try:
            yield name, Drawing(lab, name, []).of(submission)
        except Undrawn:
            continue


def undrawable(lab: Lab, submission: Submission, *, isolation: str) -> list[str]:
    """What is wrong with the lab's pictures of a submission that is right, a sentence each."""
    problems = []
    for name in _pictures(lab) if has_pictures(lab) else ():
        try:
            picture = Drawing(lab, name, []).of(submission, isolation=isolation)
        except Undrawn as error:
            problems.append(N_(f"picture {name}: {error.message}"))
        else:
            if is_empty(picture):
                problems.append(N_(f"picture {name} is empty"))
    return problems


def _pictures(lab: Lab) -> dict[str, Callable[..., Any]]:
    """PICTURES of the lab's draw.py. It is the course's own code, as the checks are."""
    path = lab.folder / "draw.py"
    if not has_pictures(lab):
        raise NothingToDo(f"{lab.id} has no pictures", remedy="aisys lab list")
    sys.path[:0] = [str(lab.folder)]
    spec = importlib.util.spec_from_file_location("draw", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        found = dict(module.PICTURES)
    except Exception as error:  # whatever the lab's code raises is a fault of the lab
        raise CourseError(f"{path} cannot be used: {type(error).__name__}: {error}") from None
    if not found:
        raise CourseError(f"{path}: PICTURES is empty")
    return found


def _options(name: str, function: Callable[..., Any], given: list[str]) -> dict[str, Any]:
    """KEY=VALUE texts as the keyword arguments of a picture, of the types of its defaults."""
    known = {
        key: parameter.default
        for key, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    found = {}
    for text in given:
        key, equals, value = text.partition("=")
        if key not in known or not equals:
            shown = ", ".join(f"{one}={default}" for one, default in known.items())
            raise UsageError(f"--set {text}: {name} has no {key!r}", remedy=f"It has: {shown}")
        found[key] = _value(text, value, known[key])
    return found


def _value(text: str, value: str, default: Any) -> Any:
    if isinstance(default, bool):
        if value not in ("true", "false", "0", "1"):
            raise UsageError(f"--set {text}: want true or false")
        return value in ("true", "1")
    if isinstance(default, int):
        if not value.isdecimal():
            raise UsageError(f"--set {text}: want a whole number")
        return int(value)
    return value
