"""The `aisys` command: the Typer tree, and the one place where errors become exit codes.

Commands are thin: parse, call, render. Nothing here or in commands/ imports torch, numpy
or hypothesis at the top; tests/cli/test_startup.py holds that.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from aisys_cli import __version__
from aisys_cli.commands import (
    course_check,
    course_release,
    demo,
    doctor,
    grade,
    grade_all,
    help_topic,
    home,
    new_lab,
)
from aisys_cli.commands.context import Settings
from aisys_cli.commands.gradebook import gradebook_app
from aisys_cli.commands.lab import lab_app
from aisys_cli.errors import AisysError, ExitCode
from aisys_cli.language import (
    N_,
    language_asked,
    language_of_locale,
    reader,
    translate,
    translate_help,
)

__all__ = ["app", "main"]

app = typer.Typer(
    name="aisys",
    help="Lab runner and autograder for courses on AI systems.",
    invoke_without_command=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
course_app = typer.Typer(
    help="For lab authors: is the course itself right?",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(lab_app, name="lab")
app.command("grade")(grade.grade)
app.command("grade-all")(grade_all.grade_all)
app.add_typer(gradebook_app, name="gradebook")
app.add_typer(course_app, name="course")
course_app.command("check")(course_check.course_check)
course_app.command("release")(course_release.course_release)
course_app.command("new-lab")(new_lab.new_lab)
app.command("demo")(demo.demo)
app.command("doctor")(doctor.doctor)
app.command("help")(help_topic.help_topic)


def _show_version(asked: bool) -> None:  # noqa: FBT001 - Typer's callback signature
    if asked:
        print(f"aisys {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    course: Annotated[
        Path | None,
        typer.Option(help="Folder of the course (it holds course.toml).", envvar="AISYS_COURSE"),
    ] = None,
    lang: Annotated[
        str, typer.Option(help="Language of handouts and titles: en or zh.", envvar="AISYS_LANG")
    ] = "",
    version: Annotated[  # noqa: ARG001 - handled by its callback
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    if lang not in ("", "en", "zh"):
        raise typer.BadParameter(f"{lang!r} is neither en nor zh", param_hint="--lang")
    context.obj = Settings(course=course, language=lang or language_of_locale(os.environ))
    reader.set(context.obj.language)
    if context.invoked_subcommand is None:
        home.home(context)


def main() -> NoReturn:
    """Run, and end with an ExitCode. Errors go to stderr; in JSON mode as JSON."""
    for stream in (sys.stdout, sys.stderr):
        # A title in Chinese on an ASCII terminal must not end the program.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    try:
        command = typer.main.get_command(app)
        reader.set(language_asked(sys.argv[1:], os.environ))
        translate_help(command, reader.get())
        code = command(prog_name="aisys", standalone_mode=False)
        if code == ExitCode.INTERRUPTED:  # Typer makes this of a KeyboardInterrupt
            raise KeyboardInterrupt
    except AisysError as error:
        _show_error(error.message, error.remedy)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        _show_error(N_("interrupted; what was finished is kept"), "")
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    except SystemExit as end:
        # Typer turns a closed pipe into 1, which here means that a check did not pass.
        code = ExitCode.OK if isinstance(end.__context__, BrokenPipeError) else end.code
    # The process boundary. Usage errors of the option parser come with a message of their
    # own; anything else is a bug of ours.
    except Exception as error:
        code = _usage_or_bug(error)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(int(code or 0))


def _usage_or_bug(error: Exception) -> ExitCode:
    if hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "aisys"
        message = error.format_message()
        if context is not None and message == context.get_help():
            print(message, file=sys.stderr)  # `aisys lab` alone asks for help
        elif message:
            _show_error(message, N_(f"See: {path} --help"))
        return ExitCode.USAGE
    import traceback

    message = N_(f"a bug in aisys: {type(error).__name__}: {error}")
    if _wants_json(sys.argv):
        _show_error(message, "Please report it with the traceback.", traceback.format_exc())
    else:
        traceback.print_exc()
        _show_error(message, N_("Please report it with the lines above."))
    return ExitCode.BUG


def _show_error(message: str, remedy: str, trace: str = "") -> None:
    if _wants_json(sys.argv):
        error = {"message": message, "remedy": remedy, **({"traceback": trace} if trace else {})}
        print(json.dumps({"error": error}), file=sys.stderr)
        return
    print(f"aisys: {translate(message, reader.get())}", file=sys.stderr)
    for line in translate(remedy, reader.get()).splitlines():
        print(f"       {line}", file=sys.stderr)


def _wants_json(arguments: list[str]) -> bool:
    """Whether the command line asks for JSON; read by hand, for errors of any command."""
    pairs = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        word == "--format=json" or (word == "--format" and value == "json") for word, value in pairs
    )
