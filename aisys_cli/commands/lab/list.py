"""aisys lab list"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aisys_cli.commands.context import Format, FormatOption, course_of
from aisys_cli.language import phrases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aisys_cli.course.records import Course, Lab, Module, Section
    from aisys_cli.workspace.state import Workspace

__all__ = ["list_labs"]


def list_labs(context: typer.Context, format: FormatOption = Format.text) -> None:
    """The course's outline with its labs: done, begun, open, coming."""
    from aisys_cli.workspace.state import find_workspace

    course = course_of(context)
    language = context.obj.language
    _ = phrases(language)
    workspace = find_workspace(Path.cwd())
    if format is Format.json:
        print(json.dumps([_record(lab, workspace) for lab in course.labs], ensure_ascii=False))
        return
    print(course.facts.title.in_(language))
    for module in course.facts.modules:
        has_labs = any(lab.facts.module == module.id for lab in course.labs)
        title = f"  {module.title.in_(language)}"
        print(f"\n{title}" if has_labs else f"\n{title}   ({_('no lab yet')})")
        for line in _module(course, module, workspace, language):
            print(line)
    if workspace is not None and any(lab.id == workspace.current for lab in course.labs):
        about = _("* current lab. Last column: public checks that passed when last tested.")
        print(f"\n{about}\n{_('Start another:')} aisys lab start LAB")
    else:
        print(f"\n{_('Start one:')} aisys lab start LAB")


def _module(
    course: Course, module: Module, workspace: Workspace | None, language: str
) -> Iterator[str]:
    labs = [lab for lab in course.labs if lab.facts.module == module.id]
    if not module.sections:
        yield from (_row(lab, workspace, language) for lab in labs)
    width = max((len(section.id) for section in module.sections), default=0)
    for section in module.sections:
        yield from _section(section, labs, workspace, language, width)


def _section(
    section: Section, labs: list[Lab], workspace: Workspace | None, language: str, width: int
) -> Iterator[str]:
    from aisys_cli.report.columns import cut, fitted

    _ = phrases(language)
    own = [lab for lab in labs if section.holds(lab.facts.section)]
    yield cut(f"    {section.id:<{width}}  {section.title.in_(language)}", 80)
    yield from (_row(lab, workspace, language) for lab in own)
    for title in section.coming:
        coming = fitted(_("coming"), 6)
        yield cut(f"      {coming} {title.in_(language)}", 80)


def _row(lab: Lab, workspace: Workspace | None, language: str) -> str:
    """One lab in 80 cells; a long id takes its room from the title."""
    from rich.cells import cell_len

    from aisys_cli.report.columns import fitted
    from aisys_cli.workspace.progress import lab_progress

    progress = lab_progress(lab, workspace)
    current = "*" if workspace is not None and workspace.current == lab.id else " "
    passed = "" if progress.state == "open" else f"{progress.passed}/{progress.checks}"
    _ = phrases(language)
    points = _("{} points").format(f"{lab.max_score:>3}")
    state = points + (f"  {passed:>5}" if workspace is not None else "")
    start = f"    {current} {fitted(_(progress.state), 6)} {lab.id:<18} "
    title = fitted(lab.facts.title.in_(language), 79 - cell_len(start) - cell_len(state))
    return f"{start}{title} {state}".rstrip()


def _record(lab: Lab, workspace: Workspace | None) -> dict[str, object]:
    from aisys_cli.workspace.progress import lab_progress

    facts = lab.facts
    progress = lab_progress(lab, workspace)
    return {
        "id": lab.id,
        "title": {"en": facts.title.en, "zh": facts.title.zh},
        "module": facts.module,
        "section": facts.section,
        "points": lab.max_score,
        "checks": len(facts.checks),
        "public_checks": progress.checks,
        "started": progress.state != "open",
        "state": progress.state,
        "passed": progress.passed,
    }
