"""Text in terminal cells: Chinese takes two for each character."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

__all__ = ["bar", "cut", "fitted"]


def cut(text: str, cells: int) -> str:
    """At most that many cells of it, with two dots where something is left out."""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, max(cells - 2, 0)) + ".."[: max(cells, 0)]


def fitted(text: str, cells: int) -> str:
    """Exactly that many cells: cut, or filled with spaces."""
    return set_cell_size(cut(text, cells), max(cells, 0))


def bar(part: int, whole: int, cells: int = 10) -> str:
    """ "[####------]": full only when everything is done, empty only when nothing is."""
    full = part * cells // whole if whole else 0
    full = max(full, 1) if part else 0
    return f"[{'#' * full}{'-' * (cells - full)}]"
