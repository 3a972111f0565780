"""`--report FORMAT=PATH`: every format that a report can be written in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from aisys_cli.errors import UsageError
from aisys_cli.report.files import to_json, to_junit, to_text
from aisys_cli.report.hosts.classroom50 import to_classroom50
from aisys_cli.report.hosts.github import to_github
from aisys_cli.report.hosts.gradescope import to_gradescope
from aisys_cli.report.hosts.markdown import to_markdown
from aisys_cli.report.hosts.prairielearn import to_prairielearn
from aisys_cli.report.html import to_html
from aisys_cli.report.records import Report
from aisys_cli.report.writing import append, write_whole

__all__ = ["FORMATS", "parse_report_option", "write_report"]

FORMATS: dict[str, Callable[[Sequence[Report]], str]] = {
    "json": to_json,
    "junit": to_junit,
    "text": to_text,
    "markdown": to_markdown,
    "html": to_html,
    "github": to_github,
    "gradescope": to_gradescope,
    "classroom50": to_classroom50,
    "prairielearn": to_prairielearn,
}


def parse_report_option(option: str) -> tuple[str, str]:
    """ "junit=out.xml" as ("junit", "out.xml"); UsageError otherwise."""
    name, _, path = option.partition("=")
    if name not in FORMATS or not path:
        raise UsageError(
            f"--report {option}: want FORMAT=PATH, with a format of {', '.join(FORMATS)}",
            remedy="For example: --report junit=report.xml    (- is stdout)",
        )
    return name, path


def write_report(
    option: str, reports: Sequence[Report], *, folder: str = "", language: str = "en"
) -> None:
    """Write one. A job summary of GitHub is added to, since it is the whole step's."""
    name, path = parse_report_option(option)
    if name == "github":
        text = to_github(reports, folder=folder)
    elif name == "html":
        text = to_html(reports, language=language)
    else:
        text = FORMATS[name](reports)
    if path == "-":
        sys.stdout.write(text)
    elif path == os.environ.get("GITHUB_STEP_SUMMARY"):
        append(Path(path), text)
    else:
        write_whole(Path(path), text)
