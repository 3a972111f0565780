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
    from rich.cells import set_cell_size

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
            title = set_cell_size(lab.facts.title.in_(language), 40)
            state = f"{lab.max_score} points   {_state(lab, workspace)}"
            print(f"    {lab.id:<18} {title} {state}")
        if not labs:
            print("    (no lab yet)")
    print("\nStart one: aisys lab start LAB")


def _state(lab: Lab, workspace: Workspace | None) -> str:
    if workspace is None or lab.id not in workspace.labs:
        return ""
    passed = workspace.labs[lab.id].verdicts
    public = lab.public()
    done = sum(passed.get(check.id) == "pass" for check in public)
    current = " (current)" if workspace.current == lab.id else ""
    return f"{done}/{len(public)} public checks{current}"


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
