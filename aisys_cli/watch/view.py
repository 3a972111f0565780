"""What `lab watch` shows: pure functions of a Scene."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from rich.cells import cell_len
from rich.text import Text

from aisys_cli.course.records import Lab
from aisys_cli.language import N_, phrases, translate
from aisys_cli.report.columns import cut
from aisys_cli.report.records import CheckResult
from aisys_cli.report.text import hidden_later, mark, render_failure, render_row, style

__all__ = ["KEYS", "Scene", "failing", "render_lines", "render_outcome"]

KEYS = N_("h hint  n next  a all  r repro  d draw  enter again  q quit")


class Scene(msgspec.Struct):
    """All that the screen depends on.

    `results` has the latest result of each check, `fresh` the ids of those that came in this run.
    `pane` stands in place of the results: a hint, what a command printed, an error.
    """

    lab: Lab
    language: str
    results: dict[str, CheckResult] = {}
    fresh: set[str] = set()
    running: bool = False
    focus: str = ""
    show: Literal["focus", "all"] = "focus"
    pane: Text | None = None
    note: str = ""
    timing: str = ""
    files: Mapping[str, str] = {}
    scroll: int = 0


def failing(scene: Scene) -> list[str]:
    """The checks that did not pass, other than those that wait for another one; while they
    run, as far as is known."""
    public = [c for c in scene.lab.public() if not scene.running or c.id in scene.fresh]
    found = [scene.results.get(check.id) for check in public]
    return [one.id for one in found if one is not None and one.verdict not in ("pass", "blocked")]


def render_lines(scene: Scene, width: int, height: int) -> list[Text]:
    """The screen: what is tested, a word for each check, the failure in focus, the keys."""
    head = [*_header(scene, width), Text()]
    body = _body(scene).split("\n", allow_blank=True)
    while body and not body[-1].plain.strip():
        body.pop()
    foot = [Text(cut(line, width - 1), style="dim") for line in _foot(scene)]
    room = max(height - len(head) - len(foot) - 1, 1)
    scene.scroll = max(0, min(scene.scroll, len(body) - room))
    shown = body[scene.scroll : scene.scroll + room]
    left = len(body) - scene.scroll - len(shown)
    if left > 0:
        more = translate(f"      ... {left + 1} more lines: space, back: b", scene.language)
        shown[-1] = Text(more, style="dim")
    blank = [Text()] * (room - len(shown))
    return [*head, *shown, *blank, Text(), *foot]


def _header(scene: Scene, width: int) -> list[Text]:
    public = scene.lab.public()
    results = [scene.results.get(check.id) for check in public]
    passed = sum(one is not None and one.verdict == "pass" for one in results)
    title = Text()
    title.append(scene.lab.id, style="bold")
    _ = phrases(scene.language)
    title.append("   " + _("{} of {} public checks passed").format(passed, len(public)))
    if scene.running:
        title.append("   " + _("running ..."), style="yellow")
    return [title, *_marks(scene, width)]


def _marks(scene: Scene, width: int) -> list[Text]:
    """ "1.1 ok  1.2 FAIL  2.1 -": as many to a line as there is room for."""
    lines = [Text(" ")]
    for check in scene.lab.public():
        result = scene.results.get(check.id)
        stale = scene.running and check.id not in scene.fresh
        word = "-" if result is None else mark(result.verdict)
        piece = Text(f" {check.id} {word} ", style="dim" if stale or result is None else "")
        if result is not None and not stale:
            piece.stylize(style(result.verdict), len(check.id) + 2)
        if check.id == scene.focus and scene.show == "focus":
            piece.stylize("reverse", 1, len(check.id) + 1)
        if cell_len(lines[-1].plain) + cell_len(piece.plain) > width - 1:
            lines.append(Text(" "))
        lines[-1].append_text(piece)
    return lines


def _body(scene: Scene) -> Text:
    if scene.pane is not None:
        return scene.pane
    if scene.show == "all":
        text = Text()
        for check in scene.lab.public():
            if check.id in scene.results:
                text.append_text(render_row(scene.results[check.id], language=scene.language))
        for id in failing(scene):
            text.append("\n")
            text.append_text(_failure(scene, id))
        return text
    return _failure(scene, scene.focus) if scene.focus else _passed(scene)


def _failure(scene: Scene, id: str) -> Text:
    return render_failure(scene.results[id], language=scene.language, file=scene.files.get(id, ""))


def _passed(scene: Scene) -> Text:
    public = scene.lab.public()
    if scene.running or any(check.id not in scene.results for check in public):
        return Text()
    hidden = len(scene.lab.facts.checks) - len(public)
    text = Text()
    _ = phrases(scene.language)
    text.append("  " + _("All {} public checks passed").format(len(public)), style="bold green")
    if hidden:
        text.append(_("; ") + hidden_later(hidden, language=scene.language))
    text.append(f"\n  {_('Hand it in:')} aisys lab submit\n  {_('n starts the next lab.')}\n")
    return text


def _foot(scene: Scene) -> Sequence[str]:
    said = (scene.note, scene.timing, KEYS)
    return [translate(line, scene.language) for line in said if line]


def render_outcome(scene: Scene) -> Text:
    """What follows the rows of a run where lines are printed one after another."""
    text = Text()
    if scene.show == "all":
        for id in failing(scene):
            text.append("\n")
            text.append_text(_failure(scene, id))
    elif scene.focus:
        text.append("\n")
        text.append_text(_failure(scene, scene.focus))
    else:
        text.append_text(_passed(scene))
    others = [id for id in failing(scene) if id != scene.focus]
    if others and scene.show != "all":
        said = phrases(scene.language)("Also not passed: {}").format(", ".join(others))
        text.append(f"\n  {said}\n")
    return text
