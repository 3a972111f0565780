"""Progress of a bulk run on stderr: a bar on a terminal, else a line a submission.

TERM=dumb is a terminal whose cursor stays where it is: lines.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from types import TracebackType
from typing import Any

from aisys_cli.report.records import Report

__all__ = ["Progress"]


class Progress:
    """Counts verdicts; a context manager. `advance` is told of each finished report."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._verdicts: Counter[str] = Counter()
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Progress:
        if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.completed:>5}/{task.total}"),
                BarColumn(bar_width=20),
                TextColumn("{task.fields[verdicts]}"),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(compact=True),
                console=Console(stderr=True),
                transient=True,
            )
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total, verdicts="", rate="")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, report: Report) -> None:
        self._done += 1
        self._verdicts[report.verdict] += 1
        if self._bar is None:
            print(self._line(report), file=sys.stderr, flush=True)
            return
        words = "  ".join(f"{name} {count}" for name, count in sorted(self._verdicts.items()))
        speed = self._bar.tasks[0].speed
        rate = f"{speed:.1f} a second" if speed else ""
        self._bar.update(self._task, advance=1, verdicts=words, rate=rate)

    def _line(self, report: Report) -> str:
        """Count, verdict, score, name, in 80 cells."""
        from rich.cells import cell_len, set_cell_size

        score = "-" if report.score is None else report.score
        start = (
            f"{self._done:>5}/{self._total}  {report.verdict:<9} {score:>4}/{report.max_score:<4} "
        )
        name, room = report.submission, 80 - len(start)
        return start + (name if cell_len(name) <= room else set_cell_size(name, room - 2) + "..")
