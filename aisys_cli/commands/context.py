"""What every command starts from: the settings, the course, the lab that is meant."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aisys_cli.errors import NothingToDo, UsageError
from aisys_cli.language import N_, learn, phrases, reader, translate

if TYPE_CHECKING:
    from rich.console import Console

    from aisys_cli.course.records import Course, Lab
    from aisys_cli.report.records import Report
    from aisys_cli.workspace.state import Workspace

__all__ = [
    "Format",
    "FormatOption",
    "Isolation",
    "ReportOption",
    "SeedOption",
    "Settings",
    "check_report_options",
    "choose_checks",
    "console",
    "counted",
    "course_of",
    "meant_lab",
    "named",
    "print_list",
    "say",
    "started_lab",
    "tell",
    "write_reports",
]


@dataclass(frozen=True)
class Settings:
    """The options of `aisys` itself."""

    course: Path | None
    language: str


class Format(StrEnum):
    text = "text"
    json = "json"


class Isolation(StrEnum):
    auto = "auto"
    bwrap = "bwrap"
    process = "process"


FormatOption = Annotated[Format, typer.Option("--format", help="What stdout carries.")]
SeedOption = Annotated[int, typer.Option(help="Seed of the generated inputs.")]
ReportOption = Annotated[
    list[str] | None,
    typer.Option("--report", metavar="FMT=PATH", help="Also write it: json, junit, markdown, ..."),
]


def console(*, stderr: bool = False) -> Console:
    """A Rich console that never reads markup in what it prints."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # for main(); Rich would end the program with 1

    return Plain(stderr=stderr, highlight=False, markup=False, emoji=False, soft_wrap=True)


def counted(number: int, what: str) -> str:
    """ "1 check", "2 checks", in the reader's language."""
    return phrases(reader.get())(f"{{}} {what}{'' if number == 1 else 's'}").format(number)


def say(text: str, *, end: str = "\n") -> None:
    """A line for the person at the terminal; stdout stays for data."""
    print(translate(text, reader.get()), file=sys.stderr, end=end)


def print_list(lines: Iterable[str]) -> None:
    """Names below what `say` said of them."""
    for line in lines:
        print(f"  {line}", file=sys.stderr)


def tell(text: str, *, end: str = "\n") -> None:
    """A line on stdout, for commands whose output is words."""
    print(translate(text, reader.get()), end=end)


def course_of(context: typer.Context) -> Course:
    from aisys_cli.course.load import find_course, load_course, read_words

    course, language = load_course(find_course(context.obj.course)), reader.get()
    if language != "en":
        for lab in course.labs:
            learn(language, read_words(lab, language))
    return course


def meant_lab(course: Course, name: str | None) -> tuple[Lab, str]:
    """The lab named, else the one of this directory, else the current one; and which of
    these it was, in words."""
    from aisys_cli.course.load import find_lab
    from aisys_cli.workspace.state import find_workspace

    if name:
        return find_lab(course, name), ""
    workspace = find_workspace(Path.cwd())
    if workspace is None:
        raise UsageError(
            f"which lab? None is named, and none is started in {Path.cwd()}",
            remedy="Start one here: aisys lab start LAB\nSee which there are: aisys lab list",
        )
    here = workspace.lab_at(Path.cwd())
    if here:
        return find_lab(course, here), N_("lab of this directory")
    return find_lab(course, workspace.current), N_("current lab")


def named(lab: Lab, how: str) -> str:
    """A lab, and which it was as meant_lab says."""
    return f"{lab.id} ({translate(how, reader.get())})" if how else lab.id


def started_lab(course: Course, name: str | None) -> tuple[Workspace, Lab, str]:
    """Like meant_lab, for a lab that was started; with its workspace."""
    from aisys_cli.workspace.state import find_workspace

    lab, how = meant_lab(course, name)
    workspace = find_workspace(Path.cwd())
    if workspace is None or lab.id not in workspace.labs:
        raise UsageError(
            f"{lab.id} is not started in {workspace.root if workspace else Path.cwd()}",
            remedy=f"Start it: aisys lab start {lab.id}\nOr go to the folder where you did.",
        )
    return workspace, lab, how


def choose_checks(lab: Lab, wanted: list[str], *, hidden: bool) -> list[str]:
    """The ids that a list of tasks and checks means; NothingToDo if one matches nothing."""
    known = lab.facts.checks if hidden else lab.public()
    chosen: list[str] = []
    for word in wanted:
        found = [c.id for c in known if word in (c.id, c.task)]
        if not found:
            which = ", ".join(c.id for c in known)
            if hidden:
                what = N_(f"{lab.id} has no task or check {word!r}")
            else:
                what = N_(f"{lab.id} has no task or public check {word!r}")
            raise NothingToDo(what, remedy=f"There are: {which}")
        chosen += [id for id in found if id not in chosen]
    return chosen


def check_report_options(options: list[str] | None) -> None:
    """UsageError for a bad `--report`, before it can cost a grading run."""
    from aisys_cli.report.formats import parse_report_option

    for option in options or []:
        parse_report_option(option)


def write_reports(
    options: list[str] | None, reports: list[Report], *, language: str, folder: str = ""
) -> None:
    """Write every `--report FMT=PATH`. `folder`: where the files of the one submission are."""
    from aisys_cli.report.formats import write_report

    for option in options or []:
        write_report(option, reports, folder=folder, language=language)
