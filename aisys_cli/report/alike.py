"""Pairs of submissions that are alike, for a person to look at. Never a score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from aisys_cli.language import N_, phrases
from aisys_cli.report.columns import cut, fitted
from aisys_cli.report.records import clean_line

if TYPE_CHECKING:
    from aisys_cli.bulk.similar import Pair, Passage

__all__ = ["render_pairs"]

Sources = Mapping[str, Mapping[str, bytes]]
_PASSAGES, _LINES = 2, 8  # shown of each pair, and of each passage
_WIDTH = 38

HEAD = N_(
    "{}: {} submissions compared; what the course gave them is left out.\n"
    "Alike is not copied: look at both, and ask. This is no score and goes into none.\n"
)


def render_pairs(lab: str, pairs: Sequence[Pair], sources: Sources, *, language: str = "en") -> str:
    """Each pair with its share and its longest passages, side by side in 80 columns."""
    _ = phrases(language)
    text = _(HEAD).format(lab, len(sources))
    if not pairs:
        return f"{text}\n{_('No two have anything unusual in common.')}\n"
    for pair in pairs:
        text += f"\n{100 * pair.share:3.0f}%  {pair.first}  {_('and')}  {pair.second}\n"
        for passage in pair.passages[:_PASSAGES]:
            text += _side_by_side(pair, passage, sources)
        left = len(pair.passages) - _PASSAGES
        if left > 0:
            text += f"      {_('and {} more').format(left)}\n"
    return text


def _side_by_side(pair: Pair, passage: Passage, sources: Sources) -> str:
    mine = _lines(sources[pair.first][passage.file], passage.lines)
    theirs = _lines(sources[pair.second][passage.other_file], passage.other_lines)
    heads = (_place(passage.file, passage.lines), _place(passage.other_file, passage.other_lines))
    rows = [heads]
    most = min(_LINES, max(len(mine), len(theirs)))
    rows += [(_at(mine, n), _at(theirs, n)) for n in range(most)]
    if max(len(mine), len(theirs)) > most:
        rows.append(("...", "..."))
    text = "\n"
    for left, right in rows:
        text += f"  {fitted(left, _WIDTH)}  {cut(right, _WIDTH)}".rstrip() + "\n"
    return text


def _place(file: str, lines: tuple[int, int]) -> str:
    return f"{file}:{lines[0]}-{lines[1]}"


def _lines(source: bytes, lines: tuple[int, int]) -> list[str]:
    """Without the indentation that all of them have."""
    import textwrap

    text = source.decode(errors="replace").splitlines()[lines[0] - 1 : lines[1]]
    return [clean_line(line) for line in textwrap.dedent("\n".join(text)).splitlines()]


def _at(lines: list[str], n: int) -> str:
    return lines[n] if n < len(lines) else ""
