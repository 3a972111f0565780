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
json          aisys/report/1: every check with verdict, score and evidence
junit         JUnit XML: a suite a submission, a case a check
text          what the terminal shows, without colours
markdown      a job summary, a comment
html          a page by itself
github        annotations: workflow commands of GitHub Actions
gradescope    results.json of an autograder, of one submission
classroom50   result.json, of one submission
prairielearn  results.json of an external grader, of one submission
Write any number of them: --report json=out.json --report junit=out.xml"""


def help_topic(
    context: typer.Context,
    topic: Annotated[
        str, typer.Argument(help="exit-codes, environment, formats or commands")
    ] = "exit-codes",
) -> None:
    """On exit-codes, environment, formats or all commands."""
    if topic == "commands":
        from aisys_cli.commands.reference import reference

        root = context.find_root()
        print(reference(root.command, root), end="")
        return
    topics = {
        "exit-codes": "\n".join(f"{code.value:>4}  {code.meaning}" for code in ExitCode),
        "environment": _ENVIRONMENT,
        "formats": _FORMATS,
    }
    if topic not in topics:
        raise UsageError(f"no help on {topic!r}", remedy=f"Topics: {', '.join(topics)}, commands")
    print(topics[topic])
