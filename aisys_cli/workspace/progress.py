"""How far a student is: in a lab, in a module, in the course. Public checks, as last tested."""

from __future__ import annotations

from typing import Literal

import msgspec

from aisys_cli.course.records import Check, Course, Lab, Module
from aisys_cli.workspace.state import Workspace

__all__ = ["LabProgress", "ModuleProgress", "lab_progress", "module_progress", "next_lab"]

# open: not started yet; begun: started, and some public check has not passed.
State = Literal["open", "begun", "done"]


class LabProgress(msgspec.Struct, frozen=True):
    """Checks and points count the public checks; `max_score` is of all of them. `next_check` is
    the first that did not pass; `renewed`: the course has another version than was started."""

    id: str
    state: State
    passed: int
    checks: int
    points: int
    public_points: int
    max_score: int
    next_check: Check | None
    renewed: bool = False


class ModuleProgress(msgspec.Struct, frozen=True):
    labs: int
    done: int
    points: int
    public_points: int


def lab_progress(lab: Lab, workspace: Workspace | None) -> LabProgress:
    known = workspace.labs.get(lab.id) if workspace is not None else None
    verdicts = known.verdicts if known is not None else {}
    public = lab.public()
    passed = [check for check in public if verdicts.get(check.id) == "pass"]
    done = known is not None and len(passed) == len(public)
    return LabProgress(
        id=lab.id,
        state="done" if done else "open" if known is None else "begun",
        passed=len(passed),
        checks=len(public),
        points=sum(check.points for check in passed),
        public_points=sum(check.points for check in public),
        max_score=lab.max_score,
        next_check=next((check for check in public if check not in passed), None),
        renewed=known is not None and known.version != lab.facts.version,
    )


def module_progress(course: Course, module: Module, workspace: Workspace | None) -> ModuleProgress:
    labs = [lab_progress(lab, workspace) for lab in course.labs if lab.facts.module == module.id]
    return ModuleProgress(
        labs=len(labs),
        done=sum(lab.state == "done" for lab in labs),
        points=sum(lab.points for lab in labs),
        public_points=sum(lab.public_points for lab in labs),
    )


def next_lab(course: Course, workspace: Workspace | None) -> Lab | None:
    """The first lab that is not done, in the course's order: a begun one before an open one."""
    left = [(lab, lab_progress(lab, workspace).state) for lab in course.labs]
    for wanted in ("begun", "open"):
        for lab, state in left:
            if state == wanted:
                return lab
    return None
