"""`aisys lab ...`: what a student does."""

import typer

from aisys_cli.commands.lab import (
    draw,
    hint,
    repro,
    reset,
    show,
    start,
    status,
    submit,
    test,
    watch,
)
from aisys_cli.commands.lab import list as list_command

__all__ = ["lab_app"]

lab_app = typer.Typer(
    help="Work on labs: start, test, get a hint, submit.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
lab_app.command("list")(list_command.list_labs)
lab_app.command("start")(start.start)
lab_app.command("show")(show.show)
lab_app.command("test")(test.test)
lab_app.command("watch")(watch.watch)
lab_app.command("hint")(hint.hint)
lab_app.command("draw")(draw.draw)
lab_app.command("repro")(repro.repro)
lab_app.command("status")(status.status)
lab_app.command("reset")(reset.reset)
lab_app.command("submit")(submit.submit)
