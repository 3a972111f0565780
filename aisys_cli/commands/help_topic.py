"""aisys help"""

from __future__ import annotations

from typing import Annotated

import typer

from aisys_cli.errors import ExitCode, UsageError

__all__ = ["help_topic"]

_ENVIRONMENT = """\
AISYS_COURSE          folder of the course, as --course
AISYS_LANG            en or zh, as --lang (else the locale decides)
AISYS_COURSE_SECRET   teachers: makes the inputs of hidden checks unforeseeable
NO_COLOR, TERM=dumb   no colours
FORCE_COLOR           colours also where stdout is no terminal"""

_FORMATS = """\
json    aisys/report/1: every check with verdict, score and evidence
junit   JUnit XML: a suite a submission, a case a check
text    what the terminal shows, without colours
Write any number of them: --report json=out.json --report junit=out.xml"""


def help_topic(
    topic: Annotated[str, typer.Argument(help="exit-codes, environment or formats")] = "exit-codes",
) -> None:
    """On exit-codes, environment or formats."""
    topics = {
        "exit-codes": "\n".join(f"{code.value:>4}  {code.meaning}" for code in ExitCode),
        "environment": _ENVIRONMENT,
        "formats": _FORMATS,
    }
    if topic not in topics:
        raise UsageError(f"no help on {topic!r}", remedy=f"Topics: {', '.join(topics)}")
    print(topics[topic])
