"""An Exchange as SVG: a lane for each rank, time downwards, an arrow for each message.

Self-contained, without scripts; its colours follow the reader's light or dark setting.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from aisys_cli.draw.exchange import Exchange, Transfer

__all__ = ["exchange_svg"]

_LANE, _STEP, _LEFT, _TOP, _BOTTOM = 130, 64, 80, 84, 34
_STYLE = """
svg { --ink: #1b1f24; --soft: #6e7781; --paper: #ffffff; font: 13px system-ui, sans-serif }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6edf3; --soft: #8b949e; --paper: #0d1117 } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .title { font-size: 16px; font-weight: 600 }
.lane { stroke: var(--soft); stroke-width: 1 } .step { stroke: var(--soft); stroke-dasharray: 1 5 }
.label { paint-order: stroke; stroke: var(--paper); stroke-width: 5px; font-weight: 600 }
.arrow { stroke-width: 2; fill: none }
"""


def exchange_svg(picture: Exchange) -> str:
    """The whole SVG document as text."""
    width = max(_LEFT + _LANE * picture.size, 8 * max(map(len, [picture.title, *picture.notes])))
    below = _TOP + _STEP * picture.steps
    height = below + _BOTTOM + 20 * len(picture.notes)
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    name = f'role="img" aria-label={quoteattr(picture.title)}'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {name}>',
        f"<title>{escape(picture.title)}</title><style>{_STYLE}</style>",
        '<rect width="100%" height="100%" style="fill: var(--paper)"/>',
        _heads(picture.kinds),
        f'<text class="title" x="20" y="30">{escape(picture.title)}</text>',
    ]
    for step in range(1, picture.steps + 1):
        y = _TOP + _STEP * (step - 1)
        right = _x(picture.size - 1) + 30
        parts.append(f'<line class="step" x1="{_LEFT}" y1="{y}" x2="{right}" y2="{y}"/>')
        parts.append(f'<text class="soft" x="20" y="{y + _STEP / 2 + 4:g}">step {step}</text>')
    for rank in range(picture.size):
        x = _x(rank)
        parts.append(f'<text x="{x}" y="{_TOP - 16}" text-anchor="middle">rank {rank}</text>')
        parts.append(f'<line class="lane" x1="{x}" y1="{_TOP - 8}" x2="{x}" y2="{below + 6}"/>')
    # Labels last: no arrow runs over one.
    parts += [_arrow(one, picture.kinds) for one in picture.transfers]
    parts += [_label(one) for one in picture.transfers]
    for i, note in enumerate(picture.notes):
        parts.append(f'<text class="soft" x="20" y="{below + 36 + 20 * i}">{escape(note)}</text>')
    return "\n".join([*parts, "</svg>\n"])


def _x(rank: int) -> int:
    return _LEFT + _LANE // 2 + _LANE * rank


def _colour(kind: int, kinds: int) -> str:
    return f"hsl({round(360 * kind / kinds + 210) % 360} 70% 48%)"


def _heads(kinds: int) -> str:
    """An arrow head of each colour: a marker does not take that of its line everywhere."""
    return (
        "<defs>"
        + "".join(
            f'<marker id="head{kind}" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" '
            f'markerHeight="7" orient="auto"><path d="M0 0 10 5 0 10z" '
            f'fill="{_colour(kind, kinds)}"/></marker>'
            for kind in range(kinds)
        )
        + "</defs>"
    )


def _ends(one: Transfer) -> tuple[float, float, float, float]:
    aside = 5 if one.dst > one.src else -5
    top = _TOP + _STEP * (one.sent - 1) + 7
    bottom = _TOP + _STEP * one.arrived - 7
    return _x(one.src) + aside, top, _x(one.dst) - aside, bottom


def _arrow(one: Transfer, kinds: int) -> str:
    x1, y1, x2, y2 = _ends(one)
    return (
        f'<path class="arrow" d="M{x1:g} {y1:g} L{x2:g} {y2:g}" '
        f'stroke="{_colour(one.kind, kinds)}" marker-end="url(#head{one.kind})">'
        f"<title>{escape(one.detail or one.label)}</title></path>"
    )


def _label(one: Transfer) -> str:
    """Near the sender; what goes right stands higher than what goes left, so that the labels
    of two that cross between neighbours keep apart."""
    x1, y1, x2, y2 = _ends(one)
    right = one.dst > one.src
    lanes = 0.1 if right else 0.36 if one.src - one.dst == 1 else 0.23
    along = lanes * _LANE / abs(x2 - x1)
    x, y = x1 + along * (x2 - x1), y1 + along * (y2 - y1)
    at = f'x="{x:g}" y="{y + 4:g}" text-anchor="{"start" if right else "middle"}"'
    return f'<text class="label" {at}>{escape(one.label)}</text>'
