"""Shows a Scene: as a whole screen that is redrawn, or as lines one after another."""

from __future__ import annotations

import os

from rich.console import Console
from rich.text import Text

from aisys_cli.language import translate
from aisys_cli.report.records import CheckResult
from aisys_cli.report.text import render_row
from aisys_cli.watch.terminal import Terminal
from aisys_cli.watch.view import Scene, render_lines, render_outcome

__all__ = ["Screen"]


class Screen:
    def __init__(self, terminal: Terminal, scene: Scene) -> None:
        self.scene = scene
        self._terminal = terminal
        self._out = Console(
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
            color_system=None if os.environ.get("NO_COLOR") else "auto",  # not bold either
        )
        terminal.on_resize = self.refresh

    def refresh(self) -> None:
        if self._terminal.calm:
            self._terminal.draw(render_lines(self.scene, *self._terminal.size))

    def started(self, why: str) -> None:
        self.scene.pane = None
        self.scene.scroll = 0
        self._show(f"\n--- {self.scene.lab.id}: {translate(why, self.scene.language)}\n")

    def result(self, check: CheckResult) -> None:
        self._show(render_row(check, language=self.scene.language))

    def finished(self) -> None:
        text = render_outcome(self.scene)
        if self.scene.timing:
            text.append(f"\n  {translate(self.scene.timing, self.scene.language)}\n")
        self._show(text)

    def results(self) -> None:
        """Back to the results, after something else or another choice of them."""
        self.scene.pane = None
        self.scene.scroll = 0
        self._show(render_outcome(self.scene))

    def pane(self, text: Text) -> None:
        self.scene.pane = text
        self.scene.scroll = 0
        self._show(text)

    def note(self, text: str) -> None:
        self.scene.note = text
        self._show(f"  {translate(text, self.scene.language)}\n")

    def scroll(self, lines: int) -> None:
        self.scene.scroll += lines
        self.refresh()

    def _show(self, text: Text | str) -> None:
        if self._terminal.calm:
            self.refresh()
        else:
            self._out.print(text, end="")
            self._out.file.flush()
