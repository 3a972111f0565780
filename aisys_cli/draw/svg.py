"""Pictures as SVG: self-contained, without scripts, in the reader's light or dark colours.

An Exchange has a lane for each rank, time downwards, an arrow for each message; a Gantt a row
for each lane, time to the right; a Graph its nodes in layers, what they are made of above.
"""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from aisys_cli.draw.exchange import Exchange, Transfer
from aisys_cli.draw.gantt import Gantt
from aisys_cli.draw.graph import Graph, Graphs, Node

__all__ = ["exchange_svg", "gantt_svg", "graphs_svg"]

_LANE, _STEP, _LEFT, _TOP, _BOTTOM = 130, 64, 80, 84, 34
_STYLE = """
svg { --ink: #1b1f24; --soft: #6e7781; --paper: #ffffff; font-size: 13px;
  font-family: system-ui, sans-serif }
@media (prefers-color-scheme: dark) {
  svg { --ink: #e6edf3; --soft: #8b949e; --paper: #0d1117 } }
text { fill: var(--ink) } .soft { fill: var(--soft) } .title { font-size: 16px; font-weight: 600 }
.lane { stroke: var(--soft); stroke-width: 1 } .step { stroke: var(--soft); stroke-dasharray: 1 5 }
.label { paint-order: stroke; stroke: var(--paper); stroke-width: 5px; font-weight: 600 }
.arrow { stroke-width: 2; fill: none } .edge { stroke: var(--soft); fill: none }
.paper, .box { fill: var(--paper) } .box { stroke-width: 1.5 } .bar { stroke: var(--paper) }
.on-bar { fill: #ffffff; font-size: 12px } .mono { font-family: ui-monospace, monospace }
"""


def exchange_svg(picture: Exchange) -> str:
    """The whole SVG document as text."""
    width = max(_LEFT + _LANE * picture.size, _text_width(picture.title, *picture.notes))
    below = _TOP + _STEP * picture.steps
    height = below + _BOTTOM + 20 * len(picture.notes)
    parts = [
        *_opened(picture.title, width, height),
        _heads(picture.kinds),
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
    return "\n".join([*parts, *_notes(picture.notes, below + 36), "</svg>\n"])


def _opened(title: str, width: float, height: float) -> list[str]:
    """The document's start, with its title above the picture."""
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    name = f'role="img" aria-label={quoteattr(title)}'
    return [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {name}>',
        f"<title>{escape(title)}</title><style>{_STYLE}</style>",
        '<rect class="paper" width="100%" height="100%"/>',  # a page may forbid style="..."
        f'<text class="title" x="20" y="30">{escape(title)}</text>',
    ]


def _notes(notes: list[str], y: float) -> list[str]:
    return [
        f'<text class="soft" x="20" y="{y + 20 * i:g}">{escape(note)}</text>'
        for i, note in enumerate(notes)
    ]


def _text_width(title: str, *texts: str) -> int:
    """Room for them in a wide font: the title is larger and bold."""
    return 40 + max(11 * len(title), 8 * max(map(len, texts), default=0))


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


# -- Gantt ---------------------------------------------------------------------

_TICK, _ROW = 34, 38


def gantt_svg(picture: Gantt) -> str:
    """The whole SVG document as text."""
    left = 30 + 8 * max(map(len, picture.lanes), default=0)
    below = 70 + _ROW * len(picture.lanes)
    notes = picture.notes
    width = max(left + _TICK * picture.ticks + 30, _text_width(picture.title, *notes), 300)
    height = below + 60 + 20 * len(notes)
    parts = _opened(picture.title, width, height)
    for lane, name in enumerate(picture.lanes):
        y = 70 + _ROW * lane
        parts.append(f'<text x="20" y="{y + 22}">{escape(name)}</text>')
        end = left + _TICK * picture.ticks
        parts.append(f'<line class="step" x1="{left}" y1="{y + 32}" x2="{end}" y2="{y + 32}"/>')
    for tick in range(0, picture.ticks + 1, 1 if picture.ticks <= 20 else 5):
        x = left + _TICK * tick
        parts.append(f'<text class="soft" x="{x}" y="60" text-anchor="middle">{tick}</text>')
    kinds = max([1, len(picture.kinds), *(bar.kind + 1 for bar in picture.bars)])
    for bar in picture.bars:
        x, y = left + _TICK * bar.start, 70 + _ROW * bar.lane + 4
        across = _TICK * (bar.end - bar.start)
        box = f'x="{x}" y="{y}" width="{across}" height="26" rx="3"'
        said = f"<title>{escape(bar.detail or bar.label)}</title>"
        parts.append(f'<rect class="bar" {box} fill="{_colour(bar.kind, kinds)}">{said}</rect>')
        middle = f'x="{x + across / 2:g}" y="{y + 17}" text-anchor="middle"'
        parts.append(f'<text class="on-bar" {middle}>{escape(bar.label)}</text>')
    at = 20
    for kind, name in enumerate(picture.kinds):
        fill = _colour(kind, kinds)
        parts.append(f'<rect x="{at}" y="{below + 14}" width="14" height="14" fill="{fill}"/>')
        parts.append(f'<text x="{at + 20}" y="{below + 26}">{escape(name)}</text>')
        at += 50 + 8 * len(name)
    return "\n".join([*parts, *_notes(notes, below + 52), "</svg>\n"])


# -- graphs --------------------------------------------------------------------

_GAP, _LINE, _BETWEEN = 24, 18, 44
_MARKS = {
    "removed": "#d1242f",
    "merged": "#bf8700",
    "folded": "#1f6feb",
    "fused": "#8250df",
    "new": "#1a7f37",
}


def graphs_svg(picture: Graph | Graphs) -> str:
    """The whole SVG document as text: the graphs beside each other."""
    graphs = [picture] if isinstance(picture, Graph) else picture.graphs
    left, deepest, bodies = 20.0, 0.0, []
    for graph in graphs:
        body, across, down = _graph(graph, left, headed=graph is not picture)
        bodies += body
        left += across + 40
        deepest = max(deepest, down)
    width = max(left, _text_width(picture.title, *picture.notes))
    height = deepest + 40 + 20 * len(picture.notes)
    notes = _notes(picture.notes, deepest + 30)
    return "\n".join([*_opened(picture.title, width, height), *bodies, *notes, "</svg>\n"])


def _graph(graph: Graph, left: float, *, headed: bool) -> tuple[list[str], float, float]:
    """The parts of one graph, its width, and where it ends below.

    A value that is used further down keeps a narrow lane free in every layer on the way, so
    that no line runs behind a box.
    """
    layers = graph.layers()
    layer_of = {node.id: i for i, layer in enumerate(layers) for node in layer}
    sizes: dict[_Slot, tuple[float, float]] = {
        (node.id, layer_of[node.id]): _box_size(node) for node in graph.nodes
    }
    rows: list[list[_Slot]] = [[(node.id, i) for node in layer] for i, layer in enumerate(layers)]
    for node in graph.nodes:
        for one in node.inputs:
            for lane in range(layer_of.get(one, len(layers)) + 1, layer_of[node.id]):
                if (one, lane) not in sizes:
                    sizes[one, lane] = (8, 0)
                    rows[lane].append((one, lane))
    _untangle(rows, graph, layer_of)
    widths = [sum(sizes[slot][0] + _GAP for slot in row) - _GAP for row in rows]
    across = max([*widths, _text_width(graph.title) if headed else 0.0, 120.0])
    top = 54.0 + 26 * headed
    place: dict[_Slot, tuple[float, float, float]] = {}  # x of the middle, top, bottom
    by_id = {node.id: node for node in graph.nodes}
    parts = [f'<text x="{left:g}" y="58" font-weight="600">{escape(graph.title)}</text>'] * headed
    boxes = []
    for number, (row, wide) in enumerate(zip(rows, widths, strict=True)):
        x = left + (across - wide) / 2
        deep = max(sizes[slot][1] for slot in row)
        for slot in row:
            w, h = sizes[slot]
            own = layer_of[slot[0]] == number
            place[slot] = (x + w / 2, top, top + (h if own else deep))
            boxes += _box(by_id[slot[0]], x, top, w, h) if own else []
            x += w + _GAP
        top += deep + _BETWEEN
    for node in graph.nodes:
        for one in node.inputs:
            if one in layer_of:
                way = [(one, i) for i in range(layer_of[one], layer_of[node.id])]
                parts.append(_edge([place[slot] for slot in [*way, (node.id, layer_of[node.id])]]))
    parts += boxes
    notes = _notes(graph.notes, top) if headed else []
    down = top - _BETWEEN + (30 + 20 * len(graph.notes)) * headed
    return [*parts, *(note.replace('x="20"', f'x="{left:g}"', 1) for note in notes)], across, down


_Slot = tuple[str, int]  # a node and a layer: its own, or one that its line passes through


def _untangle(rows: list[list[_Slot]], graph: Graph, layer_of: dict[str, int]) -> None:
    """Order each row by where the lines into it come from: fewer of them cross."""
    inputs = {node.id: [one for one in node.inputs if one in layer_of] for node in graph.nodes}
    for i in range(1, len(rows)):
        before = {slot: x for x, slot in enumerate(rows[i - 1])}

        def middle(slot: _Slot, i: int = i, before: dict[_Slot, int] = before) -> float:
            name, _ = slot
            above = inputs[name] if layer_of[name] == i else [name]
            known = [before[one, i - 1] for one in above if (one, i - 1) in before]
            return sum(known) / len(known) if known else 0.0

        rows[i].sort(key=middle)


def _edge(way: list[tuple[float, float, float]]) -> str:
    """A line from the bottom of the first place to the top of the last, through the others."""
    x, _, y = way[0]
    d = f"M{x:g} {y:g}"
    for next_x, top, bottom in way[1:]:
        half = (y + top) / 2
        d += f" C{x:g} {half:g} {next_x:g} {half:g} {next_x:g} {top:g}"
        if (next_x, top, bottom) != way[-1]:
            d += f" L{next_x:g} {bottom:g}"
        x, y = next_x, bottom
    return f'<path class="edge" d="{d}"/>'


def _box_size(node: Node) -> tuple[float, float]:
    texts = [f"{node.id} = {node.label}", *node.lines, node.mark]
    return 20 + 7.6 * max(map(len, texts)), 10 + _LINE * (1 + len(node.lines) + bool(node.mark))


def _box(node: Node, x: float, y: float, w: float, h: float) -> list[str]:
    edge = _MARKS.get(node.mark, "var(--soft)")
    dashed = ' stroke-dasharray="4 3"' if node.mark == "removed" else ""
    place = f'x="{x:g}" y="{y:g}" width="{w:g}" height="{h:g}" rx="5"'
    parts = [f'<rect class="box" {place} stroke="{edge}"{dashed}/>']
    texts = [(f"{node.id} = {node.label}", "mono"), *((line, "mono soft") for line in node.lines)]
    texts += [(node.mark, "soft")] if node.mark else []
    for i, (text, kind) in enumerate(texts):
        at = f'x="{x + w / 2:g}" y="{y + 17 + _LINE * i:g}" text-anchor="middle"'
        parts.append(f'<text class="{kind}" {at}>{escape(text)}</text>')
    return parts
