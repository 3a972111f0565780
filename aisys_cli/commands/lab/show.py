"""aisys lab show"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.completion import complete_lab_or_task
from aisys_cli.commands.context import console, course_of, meant_lab, say
from aisys_cli.errors import AisysError, CourseError, UsageError

if TYPE_CHECKING:
    from aisys_cli.course.records import Lab

__all__ = ["show"]


def show(
    context: typer.Context,
    lab: Annotated[
        str | None,
        typer.Argument(
            metavar="[LAB[/TASK]]", help="Default: all of it.", autocompletion=complete_lab_or_task
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="The Markdown as it is.")] = False,
    open_: Annotated[
        bool, typer.Option("--open", help="As a page in the browser, formulas typeset.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE.html", help="Write that page.")
    ] = None,
) -> None:
    """The handout, or the part of it about one task."""
    import webbrowser

    from aisys_cli.report.handout import page, readable
    from aisys_cli.report.writing import write_whole

    name, _, task = (lab or "").partition("/")
    found, _ = meant_lab(course_of(context), name or None)
    path = found.handout(context.obj.language)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CourseError(f"{path}: {error.strerror}") from None
    if task:
        text = _section(text, task)
        if not text:
            known = ", ".join(one.id for one in found.facts.tasks)
            raise UsageError(
                f"{path.name} has no section for task {task!r}", remedy=f"Tasks: {known}"
            )
    language = context.obj.language
    if open_ or output is not None:
        target = output or Path(tempfile.mkdtemp(prefix="aisys-")) / f"{found.id}.{language}.html"
        title = found.facts.title.in_(language)
        content = page(text, title=title, language=language, pictures=_pictures(found))
        write_whole(target, content)
        say(f"Wrote {target}")
        if open_ and not webbrowser.open(target.resolve().as_uri()):
            say("No browser could be started: open that file.")
        return
    if plain:
        print(text)
        return
    text = readable(text)
    if not sys.stdout.isatty():
        print(text)
        return
    from rich.markdown import Markdown

    # Not as the console's default would: prose is wrapped at words.
    out = console()
    out.print(Markdown(text), soft_wrap=False, width=min(out.width, 80))


def _pictures(lab: Lab) -> list[tuple[str, str]]:
    """Of the student's own work: what `lab draw` gives now, and what it wrote beside the code."""
    from aisys_cli.bulk.intake import read_submission
    from aisys_cli.bulk.run import check_system
    from aisys_cli.draw import to_svg
    from aisys_cli.grader.drawing import drawn
    from aisys_cli.workspace.state import find_workspace

    workspace = find_workspace(Path.cwd())
    if workspace is None or lab.id not in workspace.labs:
        return []
    folder = workspace.folder(lab.id)
    submission = read_submission(workspace.root.name, folder, lab)
    try:
        check_system()
        now = [(f"lab draw {lab.id}/{name}", to_svg(one)) for name, one in drawn(lab, submission)]
    except AisysError as error:  # reading needs neither a sandbox nor pictures
        say(f"The page is without pictures of your work: {error.message}")
        now = []
    written = [(path.name, path.read_text("utf-8", "replace")) for path in folder.glob("*.svg")]
    return now + sorted(written)


def _section(text: str, task: str) -> str:
    """The part under the first heading that names the task ("Task 2", "任务 2")."""
    heading = re.compile(rf"^(#+)\s.*(?:Task|任务)\s*{re.escape(task)}\b.*$", re.MULTILINE)
    match = heading.search(text)
    if match is None:
        return ""
    level = len(match.group(1))
    end = re.compile(rf"^#{{1,{level}}}\s", re.MULTILINE).search(text, match.end())
    return text[match.start() : end.start() if end else None].rstrip()
