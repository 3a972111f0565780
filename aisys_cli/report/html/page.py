"""From the model to the page: one template, autoescape on, a word list for each language."""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aisys_cli.report.html.model import LabPage, student
from aisys_cli.report.html.words import WORDS, verdict_in
from aisys_cli.report.records import Report

if TYPE_CHECKING:
    from jinja2 import Template

__all__ = ["class_html", "to_html"]

_HERE = Path(__file__).parent


def class_html(title: str, labs: Sequence[LabPage], *, language: str) -> Iterator[str]:
    """The page of a class, piece by piece: it may be long."""
    yield from _pieces(title=title, labs=labs, students=[], open_all=False, language=language)


def to_html(reports: Sequence[Report], *, language: str = "en") -> str:
    """Reports by themselves, each as a terminal shows it."""
    students = [
        student(
            report.submission,
            report,
            anchor=f"s{number}",
            language=language,
            score=report.score,
            max_score=report.max_score,
        )
        for number, report in enumerate(reports)
    ]
    title = "; ".join(sorted({report.lab for report in reports}))
    if len(reports) == 1:
        title = f"{reports[0].submission}: {title}"
    return "".join(
        _pieces(title=title, labs=[], students=students, open_all=True, language=language)
    )


def _pieces(*, language: str, **values: Any) -> Iterator[str]:
    from markupsafe import Markup

    style, script = ((_HERE / name).read_text() for name in ("style.css", "sort.js"))
    yield from _template().generate(
        language=language,
        w=WORDS[language],
        say=lambda verdict: verdict_in(verdict, language),
        style=Markup(style),  # noqa: S704 - our own files
        script=Markup(script),  # noqa: S704
        style_hash=_hash(style),
        script_hash=_hash(script),
        **values,
    )


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string((_HERE / "page.html.j2").read_text(encoding="utf-8"))
