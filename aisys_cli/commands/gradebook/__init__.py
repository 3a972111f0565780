"""`aisys gradebook ...`: what a teacher does with the results of grade-all."""

import typer

from aisys_cli.commands.gradebook import comment, export, merge, show, similar, student
from aisys_cli.commands.gradebook import set as set_command

__all__ = ["gradebook_app"]

gradebook_app = typer.Typer(
    help="The results of a class: look, correct, export, merge.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
gradebook_app.command("show")(show.show)
gradebook_app.command("student")(student.student)
gradebook_app.command("set")(set_command.set_score)
gradebook_app.command("comment")(comment.comment)
gradebook_app.command("export")(export.export)
gradebook_app.command("merge")(merge.merge)
gradebook_app.command("similar")(similar.similar)
