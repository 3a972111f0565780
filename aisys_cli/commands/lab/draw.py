"""aisys lab draw"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.commands.completion import complete_lab
from aisys_cli.commands.context import Isolation, console, course_of, say, started_lab
from aisys_cli.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from aisys_cli.draw import Picture

__all__ = ["draw"]

FORMATS = (".svg", ".png", ".html")


def draw(
    context: typer.Context,
    lab: Annotated[
        str | None,
        typer.Argument(
            metavar="[LAB[/PICTURE]]",
            help="Default: its first picture.",
            autocompletion=complete_lab,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="What to draw it for, such as p=6."),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option("-o", "--output", metavar="FILE.svg|png|html", help="Write it to a file."),
    ] = None,
    perfetto: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the trace for ui.perfetto.dev, as JSON."),
    ] = None,
    isolation: Annotated[Isolation, typer.Option(help="How to confine the code.")] = Isolation.auto,
) -> ExitCode:
    """A picture of what your code does."""
    from aisys_cli.bulk.intake import read_submission
    from aisys_cli.draw import to_text, to_trace
    from aisys_cli.grader.drawing import Drawing, Undrawn
    from aisys_cli.report.text import render_evidence
    from aisys_cli.report.writing import write_whole

    for path in output or []:
        if path.suffix not in FORMATS:
            raise UsageError(f"-o {path}: want a name that ends in {', '.join(FORMATS)}")
    name, _, wanted = (lab or "").partition("/")
    workspace, found, _ = started_lab(course_of(context), name or None)
    drawing = Drawing(found, wanted, set_ or [])
    submission = read_submission(workspace.root.name, workspace.folder(found.id), found)
    try:
        picture = drawing.of(submission, isolation=isolation)
    except Undrawn as undrawn:
        text = render_evidence(undrawn.message, undrawn.evidence, language=context.obj.language)
        console().print(text, end="")
        return ExitCode.NOT_PASSED
    console().print(to_text(picture), end="")
    trace = to_trace(picture)
    if perfetto is not None and trace is None:
        raise UsageError("--perfetto: this picture has no time", remedy="Take -o FILE.svg")
    files = [(path, _rendered(picture, path.suffix, context.obj.language)) for path in output or []]
    if perfetto is not None and trace is not None:
        files.append((perfetto, trace))
    for path, content in files:
        write_whole(path, content)
        say(f"Wrote {path}")
    return ExitCode.OK


def _rendered(picture: Picture, suffix: str, language: str) -> str | bytes:
    from aisys_cli.draw import to_html, to_png, to_svg

    if suffix == ".png":
        return to_png(picture)
    return to_svg(picture) if suffix == ".svg" else to_html(picture, language=language)
