"""Text in terminal cells: Chinese takes two for each character."""

from __future__ import annotations

from rich.cells import cell_len, chop_cells, set_cell_size

__all__ = ["aligned", "bar", "cut", "fitted", "folded"]


def cut(text: str, cells: int) -> str:
    """At most that many cells of it, with two dots where something is left out."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(cells - 2, 0)) + ".."[: max(cells, 0)]


def fitted(text: str, cells: int) -> str:
    """Exactly that many cells: cut, or filled with spaces."""
    return set_cell_size(cut(text, cells), max(cells, 0))


def aligned(text: str, cells: int) -> str:
    """On the right of that many cells."""
    return " " * (cells - cell_len(text)) + text


def bar(part: int, whole: int, cells: int = 10) -> str:
    """ "[####------]": full only when everything is done, empty only when nothing is."""
    full = part * cells // whole if whole else 0
    full = max(full, 1) if part else 0
    return f"[{'#' * full}{'-' * (cells - full)}]"


def folded(value: str, room: int) -> list[str]:
    """Its lines; what is wider than `room` cells is folded, at a space if there is one."""
    lines = []
    for line in value.splitlines():
        rest = line
        while cell_len(rest) > room:
            head = chop_cells(rest[: room + 1], room)[0]
            space = head.rfind(" ") + 1
            head = head[:space] if space > room // 2 else head
            lines.append(head.rstrip())
            rest = rest[len(head) :]
        lines.append(rest)
    return lines
