"""`aisys` alone: where you are, what is next, how far; outside of a workspace how to begin."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aisys_cli.commands.context import course_of
from aisys_cli.language import phrases

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
        _welcome(course, language)
        return
    _here(course, workspace, language)
    print()
    _modules(course, workspace, language)
    _ = phrases(language)
    print(f"\n{_('The outline:')} aisys lab list    {_('All commands:')} aisys --help")


def _welcome(course: Course, language: str) -> None:
    _ = phrases(language)
    first = course.labs[0].id if course.labs else "LAB"
    print("\n" + _("No lab is started in this folder. Three commands to begin with:") + "\n")
    for command, what in (
        ("aisys lab list", _("what there is")),
        (f"aisys lab start {first}", _("the first lab, in a folder of its own")),
        ("aisys lab watch", _("test it whenever you save")),
    ):
        print(f"  {command:<32} {what}")
    print(f"\n{_('All commands:')} aisys --help    {_('Is everything there?')} aisys doctor")


def _here(course: Course, workspace: Workspace, language: str) -> None:
    from aisys_cli.report.columns import cut, fitted
    from aisys_cli.workspace.progress import lab_progress

    _ = phrases(language)
    lab = _current(course, workspace)
    if lab is None:
        print("\n  " + _("The current lab, {}, is not in this course.").format(workspace.current))
        print(f"  {fitted(_('Next'), 13)} aisys lab start LAB")
        return
    progress = lab_progress(lab, workspace)
    folder = workspace.folder(lab.id)
    at = fitted(_("You are at"), 13)
    print("\n" + cut(f"  {at} {lab.id}: {lab.facts.title.in_(language)}", 80))
    if not folder.is_dir():
        print(" " * 16 + _("Its folder {} is gone.").format(os.path.relpath(folder)))
        back = _("put it back, or: aisys lab start {}").format(lab.id)
        print(f"  {fitted(_('Next'), 13)} {back}")
        return
    said = _("{} of {} public checks passed, {} of {} points").format(
        progress.passed, progress.checks, progress.points, progress.public_points
    )
    print(f"  {fitted(_('So far'), 13)} {said}")
    for line in _next(course, workspace, lab, progress, language):
        print(cut(line, 80))


def _current(course: Course, workspace: Workspace) -> Lab | None:
    here = workspace.lab_at(Path.cwd()) or workspace.current
    return next((lab for lab in course.labs if lab.id == here), None)


def _next(
    course: Course, workspace: Workspace, lab: Lab, progress: LabProgress, language: str
) -> list[str]:
    from aisys_cli.report.columns import fitted
    from aisys_cli.workspace.progress import next_lab

    _ = phrases(language)
    begin = f"  {fitted(_('Next'), 13)} "
    lines = []
    if progress.renewed:
        newer, kept = fitted(_("Newer version"), 13), _("your files are kept")
        lines = [f"  {newer} aisys lab start {lab.id}    {kept}"]
    check = progress.next_check
    if check is not None:
        task = next(task for task in lab.facts.tasks if task.id == check.task)
        file = os.path.relpath(workspace.folder(lab.id) / lab.facts.files[0])
        return [
            *lines,
            begin + _("task {}: {}").format(task.id, task.title.in_(language)),
            " " * 16 + _("write {}").format(file),
            " " * 16 + "aisys lab watch    " + _("tests it whenever you save"),
        ]
    after = next_lab(course, workspace)
    graded = _("the hidden checks run when it is graded")
    lines.append(f"{begin}aisys lab submit    {graded}")
    if after is not None:
        lines.append(" " * 16 + f"aisys lab start {after.id}    " + _("the next lab"))
    return lines


def _modules(course: Course, workspace: Workspace, language: str) -> None:
    from aisys_cli.report.columns import bar, fitted
    from aisys_cli.workspace.progress import module_progress

    _ = phrases(language)

    for module in course.facts.modules:
        far = module_progress(course, module, workspace)
        name = fitted(f"  {module.title.in_(language)}", 30)
        if not far.labs:
            print(f"{name}  {_('no lab yet')}")
            continue
        one = _("{} of {} lab, {} of {} points")
        said = one if far.labs == 1 else _("{} of {} labs, {} of {} points")
        said = said.format(far.done, far.labs, far.points, far.public_points)
        print(f"{name}  {bar(far.points, far.public_points)}  {said}")
