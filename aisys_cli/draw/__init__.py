"""Pictures of what a student's code did: records that a lab's draw.py makes, and renderers.

labs/<lab>/draw.py    PICTURES: names -> functions of the submission -> a record
exchange.py           Exchange: who sends what to whom, step by step
gantt.py              Gantt: what each rank does when
graph.py              Graph, Graphs: values and what they are made of
terminal.py svg.py perfetto.py    pure functions of a record
files.py              the SVG as PNG, or in a page of its own
"""

from rich.text import Text

from aisys_cli.draw.exchange import Exchange, Transfer
from aisys_cli.draw.files import svg_html, svg_png
from aisys_cli.draw.gantt import Bar, Gantt
from aisys_cli.draw.graph import Graph, Graphs, Node
from aisys_cli.draw.perfetto import exchange_json, gantt_json
from aisys_cli.draw.svg import exchange_svg, gantt_svg, graphs_svg
from aisys_cli.draw.terminal import exchange_text, gantt_text, graphs_text

__all__ = [
    "Bar",
    "Exchange",
    "Gantt",
    "Graph",
    "Graphs",
    "Node",
    "Picture",
    "Transfer",
    "is_empty",
    "to_html",
    "to_png",
    "to_svg",
    "to_text",
    "to_trace",
]

Picture = Exchange | Gantt | Graph | Graphs


def to_text(picture: Picture) -> Text:
    """For a terminal."""
    if isinstance(picture, Exchange):
        return exchange_text(picture)
    return gantt_text(picture) if isinstance(picture, Gantt) else graphs_text(picture)


def to_svg(picture: Picture) -> str:
    """An SVG document."""
    if isinstance(picture, Exchange):
        return exchange_svg(picture)
    return gantt_svg(picture) if isinstance(picture, Gantt) else graphs_svg(picture)


def to_png(picture: Picture) -> bytes:
    """A PNG in light colours."""
    return svg_png(to_svg(picture))


def to_html(picture: Picture, *, language: str) -> str:
    """A page that needs nothing else."""
    text = to_text(picture).plain
    return svg_html(to_svg(picture), title=picture.title, text=text, language=language)


def to_trace(picture: Picture) -> str | None:
    """A trace for ui.perfetto.dev, as JSON; None for what has no time."""
    if isinstance(picture, Exchange):
        return exchange_json(picture)
    return gantt_json(picture) if isinstance(picture, Gantt) else None


def is_empty(picture: Picture) -> bool:
    """Whether there is nothing on it."""
    if isinstance(picture, Exchange):
        return not picture.transfers
    if isinstance(picture, Gantt):
        return not picture.bars
    return not any(one.nodes for one in getattr(picture, "graphs", [picture]))
