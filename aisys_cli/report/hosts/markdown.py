"""A report as Markdown: a job summary of GitHub, a comment on a merge request, a page.

Text of a submission stands between fences that are longer than any row of backticks in it,
or is escaped character by character: it makes no link, no picture, no heading and no HTML.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aisys_cli.report.files import evidence_text
from aisys_cli.report.records import CheckResult, Report

__all__ = ["to_markdown"]

# GitHub refuses a summary of more than 1 MiB as a whole.
_MOST_BYTES = 1 << 20
_MOST_EVIDENCE = 4000
_SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~&:@/$^=\"'])")
_MARKS = {"pass": "pass", "infra": "not graded"}


def to_markdown(reports: Sequence[Report]) -> str:
    """One submission with its checks and their evidence; several as a table, then each."""
    parts = [_table(reports)] if len(reports) > 1 else []
    used = sum(len(part.encode()) for part in parts)
    for number, report in enumerate(reports):
        part = _one(report, level=3 if len(reports) > 1 else 2)
        used += len(part.encode())
        if used > _MOST_BYTES - 200:
            parts.append(f"{len(reports) - number} of {len(reports)} submissions: no room here.\n")
            break
        parts.append(part)
    return "\n".join(parts)


def _table(reports: Sequence[Report]) -> str:
    lines = [f"## {len(reports)} submissions", "", "| submission | lab | verdict | score |"]
    lines.append("|---|---|---|--:|")
    for report in reports:
        cells = (_escaped(report.submission), _escaped(report.lab), report.verdict, _score(report))
        lines.append(f"| {' | '.join(cells)} |")
        if sum(map(len, lines)) > _MOST_BYTES // 3:
            lines.append("| and more | | | |")
            break
    return "\n".join(lines) + "\n"


def _score(report: Report) -> str:
    return "none (infra)" if report.score is None else f"{report.score}/{report.max_score}"


def _one(report: Report, *, level: int) -> str:
    head = f"{'#' * level} {_escaped(report.submission)}: {_escaped(report.lab)}, {_score(report)}"
    lines = [head, "", "| check | | score | |", "|---|---|--:|---|"]
    for check in report.checks:
        cells = (
            _escaped(f"{check.id} {check.title_en}"),
            _MARKS.get(check.verdict, f"**{check.verdict}**"),
            f"{'-' if check.score is None else check.score}/{check.max_score}",
            _escaped(check.message.partition("\n")[0][:120]) if check.verdict != "pass" else "",
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", *(f"{_escaped(note)}\n" for note in report.notes)]
    for check in report.checks:
        if check.verdict not in ("pass", "blocked"):
            lines += _evidence(check)
    return "\n".join(lines) + "\n"


def _evidence(check: CheckResult) -> list[str]:
    text = "\n".join(part for part in (check.message, evidence_text(check.evidence)) if part)
    lines = [f"**{_escaped(f'{check.id} {check.title_en}')}**", "", *_fenced(text), ""]
    if check.output:
        lines += ["It printed:", "", *_fenced(check.output), ""]
    return lines


def _fenced(text: str) -> list[str]:
    text = text[:_MOST_EVIDENCE] + (" ..." if len(text) > _MOST_EVIDENCE else "")
    longest = max((len(row) for row in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}text", *text.splitlines(), fence]


def _escaped(text: str) -> str:
    """One line in which nothing means anything."""
    escaped = _SPECIAL.sub(r"\\\1", " ".join(text.split()))
    return escaped.replace("\\<", "&lt;").replace("\\&", "&amp;")
