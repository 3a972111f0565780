"""Many reports in one table, 80 columns: `render_table`. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from aisys_cli.language import phrases
from aisys_cli.report.columns import aligned, fitted, folded
from aisys_cli.report.records import Report

__all__ = ["render_table"]

_STYLES = {"pass": "green", "partial": "yellow", "infra": "magenta"}


def render_table(reports: Sequence[Report], *, language: str = "en") -> Text:
    """A line for each submission: verdict, score, the checks that did not pass."""
    _ = phrases(language)
    head = _("submission")
    width = min(32, max([cell_len(head), *(cell_len(r.submission) for r in reports)]))
    text = Text()
    heads = f"{fitted(_('verdict'), 9)}{aligned(_('score'), 9)}  {_('not passed')}"
    text.append(f"  {set_cell_size(head, width)}  {heads}\n", "bold")
    for report in reports:
        name = report.submission
        if cell_len(name) > width:
            name = set_cell_size(name, width - 2) + ".."
        text.append(f"  {set_cell_size(name, width)}  ")
        style = _STYLES.get(report.verdict, "red")
        text.append(f"{report.verdict:<9}", style=style)
        score = "-" if report.score is None else str(report.score)
        ids = _not_passed(report, 78 - width - 24, language)
        text.append(f" {score:>4}/{report.max_score:<4} {ids}".rstrip() + "\n")
    counts = Counter(report.verdict for report in reports)
    words = ", ".join(f"{count} {verdict}" for verdict, count in counts.most_common())
    for number, line in enumerate(folded(_("{} submissions: {}").format(len(reports), words), 76)):
        text.append(f"{'    ' if number else '  '}{line}\n")
    return text


def _not_passed(report: Report, room: int, language: str) -> str:
    ids = [f"{c.id}" for c in report.checks if c.verdict not in ("pass", "blocked")]
    if len(ids) == len(report.checks) and ids:
        return phrases(language)("all")
    line = " ".join(ids)
    while ids and len(line) > room:
        ids.pop()
        line = " ".join(ids) + " ..."
    return line
