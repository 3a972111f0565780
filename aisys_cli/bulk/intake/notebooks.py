"""The code of a Jupyter notebook as a module; parsed, never run.

Definitions and constants stay. Magics and shell lines go, and so do statements that only use
what was defined: calls, plots, loops, prints. An import may fail, since a plotting library is not
there, and so may a constant that is made with a call: who needs it in a function gets a NameError
in that function and nowhere else. Each cell begins with a comment that says which one it is.
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Sequence
from typing import NamedTuple

from aisys_cli.bulk.intake.records import Unusable
from aisys_cli.language import N_

__all__ = ["module_of"]

MAX_CELLS = 2000
MAX_CODE = 512 << 10  # characters; a syntax tree takes a hundred times as much
_WHOLE_CELL = re.compile(r"\s*%%(?!time\b|timeit\b|capture\b)\w+")
_ASSIGNED_MAGIC = re.compile(r"[\w\s,]*=\s*[%!]")  # files = !ls
_DEFINITION = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
_IMPORT = (ast.Import, ast.ImportFrom)
_ASSIGNMENT = (ast.Assign, ast.AnnAssign, ast.AugAssign)


class _Cell(NamedTuple):
    number: int
    text: str
    tree: ast.Module | None  # None: not Python


def module_of(data: bytes, name: str, notes: list[str]) -> bytes:
    """The module's text. Unusable if this is no notebook, or none with code."""
    cells = [_parsed(number, text) for number, text in _code_cells(data, name)]
    functions = {
        node.name
        for cell in cells
        for node in (cell.tree.body if cell.tree else [])
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    parts = [f"# The code of {name}."]
    for cell in cells:
        if cell.tree is None:
            notes.append(N_(f"{name}: cell {cell.number} is not Python, left out"))
            continue
        kept = _kept(cell.text, cell.tree, functions)
        if kept.strip():
            parts.append(f"\n\n# -- cell {cell.number} of {name}\n{kept}")
    return ("\n".join(parts) + "\n").encode()


def _code_cells(data: bytes, name: str) -> list[tuple[int, str]]:
    """(number, text) of every cell with code."""
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
    if sum(len(text) for _, text in found) > MAX_CODE:
        raise Unusable(f"{name}: more than {MAX_CODE >> 10} KiB of code in a notebook")
    return found


def _text(source: object) -> str:
    """With the line ends that ast counts."""
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        source = "".join(source)
    if not isinstance(source, str):
        raise TypeError
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _parsed(number: int, text: str) -> _Cell:
    """A cell as it is; if that is no Python, then without what only IPython knows."""
    tree = _tree(text)
    if tree is None:
        text = _without_magics(text)
        tree = _tree(text)
    return _Cell(number, text, tree)


def _tree(text: str) -> ast.Module | None:
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _without_magics(text: str) -> str:
    lines = text.split("\n")
    first = next((line for line in lines if line.strip()), "")
    if _WHOLE_CELL.match(first):
        return ""
    return "\n".join(_without_magic(line) for line in lines)


def _without_magic(line: str) -> str:
    """`pass` in its place, so that a block of nothing else stays one."""
    bare = line.strip()
    asks = bare.startswith("?") or (bare.endswith("?") and "#" not in bare)
    if bare.startswith(("%", "!")) or asks or _ASSIGNED_MAGIC.match(line):
        return line[: len(line) - len(line.lstrip())] + "pass"
    return line


def _kept(text: str, tree: ast.Module, functions: set[str]) -> str:
    lines = text.encode().split(b"\n")  # ast counts columns in bytes
    parts = []
    for node in tree.body:
        if _is_part(node, functions):
            source = _source(lines, node)
            # Of one simple statement only the first line needs to be moved to the right.
            if isinstance(node, _IMPORT):
                source = f"try:\n    {source}\nexcept ImportError:\n    pass"
            elif isinstance(node, _ASSIGNMENT) and _calls(node):
                source = f"try:\n    {source}\nexcept Exception:\n    pass"
            parts.append(source)
    return "\n".join(parts)


def _source(lines: Sequence[bytes], node: ast.stmt) -> str:
    start = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    chosen = list(lines[start - 1 : node.end_lineno])
    chosen[-1] = chosen[-1][: node.end_col_offset]
    if start == node.lineno:
        chosen[0] = chosen[0][node.col_offset :]
    return b"\n".join(chosen).decode()


def _is_part(node: ast.stmt, functions: set[str]) -> bool:
    """Whether the module needs it. A result of the student's own functions is a trial of them."""
    if isinstance(node, _ASSIGNMENT):
        return not _calls(node) & functions
    if isinstance(node, ast.Try):
        blocks = [node.body, node.orelse, node.finalbody, *(one.body for one in node.handlers)]
        return all(_is_inner_part(one, functions) for block in blocks for one in block)
    return isinstance(node, _DEFINITION + _IMPORT)


def _is_inner_part(node: ast.stmt, functions: set[str]) -> bool:
    """The same within `try: import torch`."""
    simple = isinstance(node, _DEFINITION + _IMPORT + _ASSIGNMENT)
    return isinstance(node, ast.Pass) or (simple and _is_part(node, functions))


def _calls(node: ast.AST) -> set[str]:
    """The names that are called, "" for what has none."""
    return {
        one.func.id if isinstance(one.func, ast.Name) else ""
        for one in ast.walk(node)
        if isinstance(one, ast.Call)
    }
