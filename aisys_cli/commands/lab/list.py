"""aisys lab list"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aisys_cli.commands.context import Format, FormatOption, course_of

if TYPE_CHECKING:
    from aisys_cli.course.records import Lab
    from aisys_cli.workspace.state import Workspace

__all__ = ["list_labs"]


def list_labs(context: typer.Context, format: FormatOption = Format.text) -> None:
    """The labs of the course, by module, and how far you are."""
    from aisys_cli.workspace.state import find_workspace

    course = course_of(context)
    language = context.obj.language
    workspace = find_workspace(Path.cwd())
    if format is Format.json:
        print(json.dumps([_record(lab, workspace) for lab in course.labs], ensure_ascii=False))
        return
    print(course.facts.title.in_(language))
    for module in course.facts.modules:
        labs = [lab for lab in course.labs if lab.facts.module == module.id]
        print(f"\n  {module.title.in_(language)}")
        for lab in labs:
            print(_row(lab, workspace, language))
        if not labs:
            print("    (no lab yet)")
    if workspace is not None and any(lab.id == workspace.current for lab in course.labs):
        print("\n* current lab. Passed: public checks, when last tested.")
        print("Start another: aisys lab start LAB")
    else:
        print("\nStart one: aisys lab start LAB")


def _row(lab: Lab, workspace: Workspace | None, language: str) -> str:
    """One lab in 80 cells; a long id takes its room from the title."""
    from rich.cells import cell_len, set_cell_size

    mark = "*" if workspace is not None and workspace.current == lab.id else " "
    state = f"{lab.max_score:>3} points"
    if workspace is not None:
        state += f"  {_passed(lab, workspace):<12}"
    start = f"  {mark} {lab.id:<18} "
    title, room = lab.facts.title.in_(language), 79 - len(start) - len(state)
    if cell_len(title) > room:
        title = set_cell_size(title, max(room - 2, 0)) + ".."
    return f"{start}{set_cell_size(title, max(room, 0))} {state}".rstrip()


def _passed(lab: Lab, workspace: Workspace | None) -> str:
    if workspace is None or lab.id not in workspace.labs:
        return ""
    verdicts = workspace.labs[lab.id].verdicts
    public = lab.public()
    done = sum(verdicts.get(check.id) == "pass" for check in public)
    return f"{done}/{len(public)} passed"


def _record(lab: Lab, workspace: Workspace | None) -> dict[str, object]:
    facts = lab.facts
    started = workspace is not None and lab.id in workspace.labs
    return {
        "id": lab.id,
        "title": {"en": facts.title.en, "zh": facts.title.zh},
        "module": facts.module,
        "section": facts.section,
        "points": lab.max_score,
        "checks": len(facts.checks),
        "public_checks": len(lab.public()),
        "started": started,
    }
