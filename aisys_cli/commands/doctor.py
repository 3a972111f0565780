"""aisys doctor"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from aisys_cli.commands.context import Format, FormatOption
from aisys_cli.errors import ExitCode

__all__ = ["doctor"]


class Purpose(StrEnum):
    lab = "lab"
    grade = "grade"


def doctor(
    context: typer.Context,
    purpose: Annotated[
        Purpose, typer.Option("--for", help="lab: a student's machine. grade: a teacher's.")
    ] = Purpose.lab,
    format: FormatOption = Format.text,
) -> ExitCode:
    """Is everything there? What is missing, and what to do about it."""
    from aisys_cli.language import translate
    from aisys_cli.report.columns import fitted
    from aisys_cli.sandbox.diagnosis import diagnose

    findings = diagnose(course=context.obj.course, grading=purpose is Purpose.grade)
    if format is Format.json:
        print(json.dumps([finding.as_dict() for finding in findings]))
    else:
        language = context.obj.language
        for finding in findings:
            what = fitted(translate(finding.what, language), 22)
            print(f"  {finding.mark:<5} {what} {translate(finding.found, language)}")
            for line in translate(finding.remedy, language).splitlines():
                print(f"        {line}")
    return ExitCode.ENVIRONMENT if any(f.bad for f in findings) else ExitCode.OK
