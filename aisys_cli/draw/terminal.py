"""An Exchange as lines of text: a row for each step, a column for each rank."""

from __future__ import annotations

from rich.text import Text

from aisys_cli.draw.exchange import Exchange

__all__ = ["exchange_text"]

_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red", "bright_cyan", "bright_magenta")
_MARGIN = 9


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
