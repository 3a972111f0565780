"""Automatic mutants of a reference: the same file with one small thing changed.

What chaffs are to a teacher's imagination, mutants are without it: every operator, number,
condition and statement of the reference is changed in turn, and the checks ought to notice.
One that they cannot notice, because it does the same, is explained in
solutions/<lab>/equivalent.toml:

    [[mutants]]
    change = "halving: n - 1 -> n - 2"     # as `aisys course check --mutants` prints it
    why = "the last element is never read"

mutmut and cosmic-ray make such changes as well, but each runs a test command a mutant, a
process that imports PyTorch; here a mutant is one more submission of a bulk run.
"""

from __future__ import annotations

import ast
import copy
import tomllib
from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from aisys_cli.course.records import Lab
from aisys_cli.errors import CourseError

__all__ = ["Mutant", "equivalent", "mutants"]

_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitAnd,
}
_COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_IDLE = (ast.Expr, ast.Assign, ast.AugAssign, ast.Raise, ast.Break, ast.Continue)


class Mutant(msgspec.Struct, frozen=True):
    """`change` names it, whatever the line: the function, what stood there, what does now."""

    change: str
    line: int
    source: str


class _Explained(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    change: str
    why: str


class _Explanations(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    mutants: list[_Explained] = []


def equivalent(lab: Lab) -> dict[str, str]:
    """The changes that do the same as the reference, and why; CourseError if unreadable."""
    path = lab.solutions / "equivalent.toml"
    if not path.is_file():
        return {}
    try:
        found = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _Explanations)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CourseError(f"{path}: {error}") from None
    return {one.change: one.why for one in found.mutants}


def mutants(source: str, *, given: str = "") -> list[Mutant]:
    """Every mutant of a module, in the order of its text.

    `given` is the starter's: what stands there as it is was not written by a student, and is
    left alone.
    """
    tree = ast.parse(source)
    kept = set(_statements(ast.parse(given), ""))
    found: list[Mutant] = []
    names: Counter[str] = Counter()
    sources = {ast.unparse(tree) + "\n"}
    for path, function, node in _nodes(tree, (), "", kept):
        for new in _changes(node):
            changed = copy.deepcopy(tree)
            _put(changed, path, new)
            text = ast.unparse(ast.fix_missing_locations(changed)) + "\n"
            if text in sources:
                continue
            sources.add(text)
            name = f"{function}: {_text(node)} -> {_text(new)}"
            names[name] += 1
            if names[name] > 1:
                name += f" ({names[name]})"
            found.append(Mutant(name, getattr(node, "lineno", 0), text))
    return found


_Path = tuple[tuple[str, int | None], ...]


def _statements(node: ast.AST, place: str) -> Iterator[tuple[str, str]]:
    """(place, text) of the statements of a module and of its classes, functions whole."""
    for child in getattr(node, "body", []):
        yield place, ast.unparse(child)
        if isinstance(child, ast.ClassDef):
            yield from _statements(child, f"{place}.{child.name}")


def _nodes(
    node: ast.AST, path: _Path, function: str, kept: set[tuple[str, str]]
) -> Iterator[tuple[_Path, str, ast.AST]]:
    """Every node that may be changed, where it stands, and in which function."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}".lstrip(".")
    place = f".{function}" if function else ""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "type_params", "decorator_list"):
            continue
        for i, child in enumerate(value) if isinstance(value, list) else [(None, value)]:
            if not isinstance(child, ast.AST) or _left_alone(child, function):
                continue
            if kept and isinstance(child, ast.stmt) and (place, ast.unparse(child)) in kept:
                continue
            where = (*path, (field, i))
            yield where, function or "module", child
            yield from _nodes(child, where, function, kept)


def _left_alone(node: ast.AST, function: str) -> bool:
    """What is no code: imports, docstrings, what a module says of itself, error messages."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.JoinedStr | ast.alias):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return True
    if isinstance(node, ast.Assign) and not function:
        return any(isinstance(one, ast.Name) and one.id == "__all__" for one in node.targets)
    return False


def _put(tree: ast.AST, path: _Path, new: ast.AST) -> None:
    node: Any = tree
    for field, i in path[:-1]:
        node = getattr(node, field) if i is None else getattr(node, field)[i]
    field, i = path[-1]
    if i is None:
        setattr(node, field, new)
    else:
        getattr(node, field)[i] = new


def _text(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 70 else text[:67] + "..."


def _changes(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp):
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
        yield node.left
        yield node.right
    elif isinstance(node, ast.AugAssign):
        yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
    elif isinstance(node, ast.Compare):
        other = _COMPARISONS[type(node.ops[0])]()
        yield ast.Compare(node.left, [other, *node.ops[1:]], node.comparators)
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
        yield from node.values
    elif isinstance(node, ast.UnaryOp):
        yield node.operand
    elif isinstance(node, ast.Constant):
        yield from _constants(node.value)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        opposite = copy.copy(node)
        opposite.test = ast.UnaryOp(ast.Not(), node.test)
        yield opposite
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.Return) and node.value is not None:
        yield ast.Return(ast.Constant(None))
    if isinstance(node, _IDLE):
        yield ast.Pass()


def _constants(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
        if value == 1:
            yield ast.Constant(0)


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    """Without one keyword argument; with two neighbouring arguments exchanged."""
    for i in range(len(node.keywords)):
        rest = [*node.keywords[:i], *node.keywords[i + 1 :]]
        yield ast.Call(node.func, node.args, rest)
    for i in range(len(node.args) - 1):
        args = [*node.args[:i], node.args[i + 1], node.args[i], *node.args[i + 2 :]]
        if not any(isinstance(one, ast.Starred) for one in args):
            yield ast.Call(node.func, args, node.keywords)
