"""hints.<language>.md: for each task three steps, under `## <task> <title>`, `### <n>`."""

from __future__ import annotations

import re
from pathlib import Path

from aisys_cli.course.records import Lab
from aisys_cli.errors import CourseError
from aisys_cli.workspace.state import Workspace

__all__ = ["read_hints", "reveal", "unfinished_task"]

_TASK = re.compile(r"##\s+(\S+)")
_STEP = re.compile(r"###\s+(\d+)\s*")


def read_hints(path: Path) -> dict[str, list[str]]:
    """Task id -> its hints, in order. CourseError when steps are not 1, 2, 3, ..."""
    hints: dict[str, list[str]] = {}
    task = ""
    fenced = False
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise CourseError(f"{path}: not UTF-8 at byte {error.start}") from None
    for number, line in enumerate(lines, 1):
        fenced ^= line.startswith("```")
        step = None if fenced else _STEP.fullmatch(line)
        heading = None if fenced or step else _TASK.match(line)
        if heading:
            task = heading.group(1)
            if task in hints:
                raise CourseError(f"{path}:{number}: task {task} stands twice")
            hints[task] = []
        elif step:
            if not task or int(step.group(1)) != len(hints[task]) + 1:
                raise CourseError(f"{path}:{number}: step {step.group(1)} is out of order")
            hints[task].append("")
        elif task and hints[task]:
            hints[task][-1] += line + "\n"
    return {task: [text.strip() for text in steps] for task, steps in hints.items()}


def unfinished_task(lab: Lab, workspace: Workspace) -> str:
    """The task of the first public check that has not passed, else the last task."""
    verdicts = workspace.labs[lab.id].verdicts
    for check in lab.public():
        if verdicts.get(check.id) != "pass":
            return check.task
    return lab.facts.tasks[-1].id


def reveal(
    lab: Lab,
    workspace: Workspace,
    task: str,
    *,
    language: str,
    more: bool = False,
    everything: bool = False,
) -> tuple[list[str], int]:
    """The steps of a task that are open now, and how many there are. One is always open, with
    `more` another one is; what was opened stays open."""
    steps = read_hints(lab.hints(language)).get(task, [])
    state = workspace.labs[lab.id]
    seen = state.hints.get(task, 0)
    upto = len(steps) if everything else min(len(steps), max(1, seen + (1 if more else 0)))
    if upto > seen:
        state.hints[task] = upto
        workspace.save()
    return steps[:upto], len(steps)
