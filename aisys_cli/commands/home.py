"""`aisys` alone: where you are, what is next, how far; outside of a workspace how to begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aisys_cli.commands.context import course_of

if TYPE_CHECKING:
    from aisys_cli.course.records import Course, Lab
    from aisys_cli.workspace.progress import LabProgress
    from aisys_cli.workspace.state import Workspace

__all__ = ["home"]


def home(context: typer.Context) -> None:
    """Print it."""
    from aisys_cli.workspace.state import find_workspace

    course = course_of(context)
    language = context.obj.language
    workspace = find_workspace(Path.cwd())
    print(course.facts.title.in_(language))
    if workspace is None or not any(lab.id in workspace.labs for lab in course.labs):
        _welcome(course)
        return
    _here(course, workspace, language)
    print()
    _modules(course, workspace, language)
    print("\nThe outline: aisys lab list    All commands: aisys --help")


def _welcome(course: Course) -> None:
    first = course.labs[0].id if course.labs else "LAB"
    print("\nNo lab is started in this folder. Three commands to begin with:\n")
    for command, what in (
        ("aisys lab list", "what there is"),
        (f"aisys lab start {first}", "the first lab, in a folder of its own"),
        ("aisys lab watch", "test it whenever you save"),
    ):
        print(f"  {command:<32} {what}")
    print("\nAll commands: aisys --help    Is everything there? aisys doctor")


def _here(course: Course, workspace: Workspace, language: str) -> None:
    from aisys_cli.report.columns import cut
    from aisys_cli.workspace.progress import lab_progress

    lab = _current(course, workspace)
    if lab is None:
        print(f"\n  The current lab, {workspace.current}, is not in this course.")
        print("  Next          aisys lab start LAB")
        return
    progress = lab_progress(lab, workspace)
    folder = workspace.folder(lab.id)
    print("\n" + cut(f"  You are at    {lab.id}: {lab.facts.title.in_(language)}", 80))
    if not folder.is_dir():
        print(f"                Its folder {os.path.relpath(folder)} is gone.")
        print(f"  Next          put it back, or: aisys lab start {lab.id}")
        return
    print(
        f"  So far        {progress.passed} of {progress.checks} public checks passed, "
        f"{progress.points} of {progress.public_points} points"
    )
    for line in _next(course, workspace, lab, progress, language):
        print(cut(line, 80))


def _current(course: Course, workspace: Workspace) -> Lab | None:
    here = workspace.lab_at(Path.cwd()) or workspace.current
    return next((lab for lab in course.labs if lab.id == here), None)


def _next(
    course: Course, workspace: Workspace, lab: Lab, progress: LabProgress, language: str
) -> list[str]:
    from aisys_cli.workspace.progress import next_lab

    lines = []
    if progress.renewed:
        lines = [f"  Newer version aisys lab start {lab.id}    your files are kept"]
    check = progress.next_check
    if check is not None:
        task = next(task for task in lab.facts.tasks if task.id == check.task)
        file = os.path.relpath(workspace.folder(lab.id) / lab.facts.files[0])
        return [
            *lines,
            f"  Next          task {task.id}: {task.title.in_(language)}",
            f"                write {file}",
            "                aisys lab watch    tests it whenever you save",
        ]
    after = next_lab(course, workspace)
    lines.append("  Next          aisys lab submit    the hidden checks run when it is graded")
    if after is not None:
        lines.append(f"                aisys lab start {after.id}    the next lab")
    return lines


def _modules(course: Course, workspace: Workspace, language: str) -> None:
    from aisys_cli.report.columns import bar, fitted
    from aisys_cli.workspace.progress import module_progress

    for module in course.facts.modules:
        far = module_progress(course, module, workspace)
        name = fitted(f"  {module.title.in_(language)}", 30)
        if not far.labs:
            print(f"{name}  no lab yet")
            continue
        labs = f"{far.done} of {far.labs} lab{'' if far.labs == 1 else 's'}"
        points = f"{far.points} of {far.public_points} points"
        print(f"{name}  {bar(far.points, far.public_points)}  {labs}, {points}")
