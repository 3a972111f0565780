"""The code of a Jupyter notebook as a module; parsed, never run.

Definitions and constants stay. Magics and shell lines go, and so do statements that only use
what was defined: calls, plots, loops, prints. An import may fail, since a plotting library is not
there: who needs it in a function gets a NameError in that function and nowhere else. Each cell
begins with a comment that says which one it is.
"""

from __future__ import annotations

import ast
import json
import re
import warnings

from aisys_cli.bulk.intake.records import Unusable

__all__ = ["module_of"]

MAX_CELLS = 2000
_MAGIC = re.compile(r"^\s*[%!?]|^.*[^#\s].*\?\s*$")
_WHOLE_CELL = re.compile(r"^\s*%%(?!time\b|timeit\b|capture\b)\w+")


def module_of(data: bytes, name: str, notes: list[str]) -> bytes:
    """The module's text. Unusable if this is no notebook, or none with code."""
    cells = _code_cells(data, name)
    trees = [(number, text, _parsed(text)) for number, text in cells]
    defined = {
        node.name
        for _, _, tree in trees
        for node in (tree.body if tree else [])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }
    parts = [f"# The code of {name}."]
    for number, text, tree in trees:
        if tree is None:
            notes.append(f"{name}: cell {number} is not Python, left out")
            continue
        kept = _kept(text, tree, defined)
        if kept.strip():
            parts.append(f"\n\n# -- cell {number} of {name}\n{kept}")
    return ("\n".join(parts) + "\n").encode()


def _code_cells(data: bytes, name: str) -> list[tuple[int, str]]:
    """(number, text without magics) of every cell with code."""
    try:
        raw = json.loads(data)
        cells = raw["cells"]
        if not isinstance(cells, list) or len(cells) > MAX_CELLS:
            raise Unusable(f"{name}: not a notebook of at most {MAX_CELLS} cells")
        found = [
            (number, _text(cell["source"]))
            for number, cell in enumerate(cells, 1)
            if cell["cell_type"] == "code"
        ]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Unusable(f"{name}: not a notebook (no JSON with cells)") from None
    if not any(text.strip() for _, text in found):
        raise Unusable(f"{name}: a notebook without code")
    return [(number, _without_magics(text)) for number, text in found]


def _text(source: object) -> str:
    if isinstance(source, str):
        return source
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        return "".join(source)
    raise TypeError


def _without_magics(text: str) -> str:
    lines = text.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if _WHOLE_CELL.match(first):
        return ""
    return "\n".join("#" if _MAGIC.match(line) else line for line in lines)


def _parsed(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _kept(text: str, tree: ast.Module, defined: set[str]) -> str:
    lines = text.splitlines()
    parts = []
    for node in tree.body:
        if not _is_part(node, defined):
            continue
        start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
        if isinstance(node, ast.Import | ast.ImportFrom):
            parts.append(f"try:\n    {ast.unparse(node)}\nexcept ImportError:\n    pass")
        elif lines[start - 1][: node.col_offset].strip():  # a second statement of one line
            parts.append(ast.unparse(node))
        else:
            end = node.end_lineno or node.lineno
            parts.append("\n".join(lines[start - 1 : end]))
    return "\n".join(parts)


def _is_part(node: ast.stmt, defined: set[str]) -> bool:
    """Whether the module needs it."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        called = {
            one.func.id
            for one in ast.walk(node)
            if isinstance(one, ast.Call) and isinstance(one.func, ast.Name)
        }
        return not called & defined
    kinds = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    return isinstance(node, kinds)
