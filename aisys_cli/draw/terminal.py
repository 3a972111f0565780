"""Pictures as lines of text, within 80 columns up to the sizes that a lab has."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from aisys_cli.draw.exchange import Exchange
from aisys_cli.draw.gantt import Gantt
from aisys_cli.draw.graph import Graph, Graphs

__all__ = ["exchange_text", "gantt_text", "graphs_text"]

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta")
_MARGIN = 9
_WIDTH = 80
_MARKS = {
    "removed": "red",
    "merged": "yellow",
    "folded": "cyan",
    "fused": "magenta",
    "new": "green",
}


def exchange_text(picture: Exchange) -> Text:
    """In 80 columns for up to eight ranks; `2>1` is: 2 goes to rank 1."""
    cells = [f"{one.label}>{one.dst}" for one in picture.transfers]
    width = max(8, *(len(cell) + 1 for cell in cells)) if cells else 8
    text = Text(f"{picture.title}\n\n")
    text.append(" " * _MARGIN)
    for rank in range(picture.size):
        text.append(f"rank {rank}".ljust(width), style="bold")
    text.rstrip()
    for step in range(1, picture.steps + 1):
        rows = [picture.leaving(step, rank) for rank in range(picture.size)]
        for i in range(max(1, *map(len, rows))):
            text.append("\n" + (f"step {step}" if i == 0 else "").ljust(_MARGIN), style="dim")
            for row in rows:
                cell, style = ".", "dim"
                if i < len(row):
                    cell = f"{row[i].label}>{row[i].dst}"
                    style = _COLOURS[row[i].kind % len(_COLOURS)]
                text.append(cell.ljust(width), style=style)
            text.rstrip()
    text.append("\n\n" + "\n".join(picture.notes) + "\n")
    return text


def gantt_text(picture: Gantt) -> Text:
    """A row for each lane, a column for each tick; folded where there are too many ticks."""
    text = Text(f"{picture.title}\n")
    margin = max(map(len, picture.lanes), default=0) + 2
    width = max([2, *(len(bar.label) + 1 for bar in picture.bars)])
    room = max(1, (_WIDTH - margin) // width)
    for first in range(0, max(1, picture.ticks), room):
        last = min(picture.ticks, first + room)
        text.append("\n" + "tick".ljust(margin), style="dim")
        text.append("".join(str(tick).ljust(width) for tick in range(first, last)), style="dim")
        text.rstrip()
        for lane, name in enumerate(picture.lanes):
            text.append("\n" + name.ljust(margin), style="bold")
            mine = [bar for bar in picture.bars if bar.lane == lane]
            bars = {tick: bar for bar in mine for tick in range(bar.start, bar.end)}
            for tick in range(first, last):
                bar = bars.get(tick)
                if bar is None:
                    text.append(".".ljust(width), style="dim")
                else:
                    shown = bar.label if tick == bar.start else "-" * (width - 1)
                    text.append(shown.ljust(width), style=_COLOURS[bar.kind % len(_COLOURS)])
            text.rstrip()
        text.append("\n")
    text.append("\n" + "\n".join(picture.notes) + "\n")
    return text


def graphs_text(picture: Graph | Graphs) -> Text:
    """A line for each node, `name = what makes it`, with what is known of it on the right."""
    graphs = [picture] if isinstance(picture, Graph) else picture.graphs
    text = Text(f"{picture.title}\n")
    for graph in graphs:
        if graph is not picture:
            text.append(f"\n{graph.title}\n", style="bold")
        text.append("\n" if graph is picture else "")
        left = [f"  {node.id} = {node.label}" for node in graph.nodes]
        edge = min(46, max(map(cell_len, left), default=0)) + 2
        for line, node in zip(left, graph.nodes, strict=True):
            known = "; ".join([*([node.mark] if node.mark else []), *node.lines])
            padded = f"{line}  " if cell_len(line) >= edge else set_cell_size(line, edge)
            text.append(padded, style=_MARKS.get(node.mark, ""))
            text.append(known, style="dim")
            text.rstrip()
            text.append("\n")
        text.append("".join(f"{note}\n" for note in graph.notes if graph is not picture))
    text.append("\n" + "\n".join(picture.notes) + "\n")
    return text
