"""Graphs to put in: made by hand (`Maker`), or grown from drawn bytes (`grown`).

Four bytes make a node, zeros make none: so Hypothesis shrinks a graph by writing zeros.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from graphs import BINARY, ELEMENTWISE, FLOATS, NUMBERS, Graph, Node, kind_of
from hypothesis import example
from hypothesis import strategies as st

__all__ = [
    "EVERY",
    "EXACT",
    "FOLDABLE",
    "FUSABLE",
    "KINDS",
    "MEMORY",
    "SHARED",
    "SIMPLE",
    "Maker",
    "always",
    "grow",
    "grown",
    "input_sets",
    "mixed",
]

F64, F32, I64, BOOL = "float64", "float32", "int64", "bool"
NAN, INF = float("nan"), float("inf")
FLOAT_CONSTS = [0.0, -0.0, 1.0, 2.0, NAN, -1.0, 0.5, INF, -3.0, 1e308]
INT_CONSTS = [0, 1, 2, -1, 3, -2, 2**62, 5]
KINDS = [(F64, (2,)), (F64, ()), (I64, (2,)), (F32, (2,)), (F64, (2, 2)), (BOOL, (2,)), (I64, ())]


class Maker:
    """Builds a graph node by node; dtype and shape follow from the args."""

    def __init__(self, shape: Any = (2,)) -> None:
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        self.shape = shape  # of inputs and constants that do not say theirs

    def add(self, op: str, *args: int, kind: Any = None, **attrs: Any) -> int:
        dtype, shape = kind or self._kind(op, args, attrs)
        effect = op in ("rand", "read", "print", "all_reduce", "write")
        self.nodes.append(Node(len(self.nodes), op, args, attrs, dtype, shape, effect))
        return len(self.nodes) - 1

    def _kind(self, op: str, args: Any, attrs: dict[str, Any]) -> Any:
        dtype, shape = kind_of(self.nodes[args[-1]])
        if op == "cast":
            return attrs["to"], shape
        if op == "less":
            return BOOL, shape
        if op == "sum":
            return dtype, shape[: attrs["axis"]] + shape[attrs["axis"] + 1 :]
        if op == "broadcast":
            return dtype, attrs["shape"]
        if op == "matmul":
            return dtype, (self.nodes[args[0]].shape[0], shape[1])
        return dtype, shape

    def input(self, dtype: str = F64, shape: Any = None) -> int:
        kind = dtype, self.shape if shape is None else shape
        self.inputs.append(self.add("input", kind=kind))
        return self.inputs[-1]

    def const(self, value: Any, dtype: str = F64, shape: Any = None) -> int:
        """A list of numbers is repeated until the shape is full."""
        shape = self.shape if shape is None else shape
        with np.errstate(over="ignore"):
            array = np.resize(np.asarray(value, dtype), shape)
        return self.add("const", kind=(dtype, shape), value=array)

    def graph(self, *outputs: int) -> Graph:
        return Graph(tuple(self.nodes), tuple(self.inputs), outputs)


def mixed(graph: Graph, mix: int) -> Graph:
    """The same graph, its nodes in another order and with other ids; effects keep theirs."""
    if mix == 0:
        return graph
    rng = random.Random(mix)  # noqa: S311
    new = dict(
        zip(
            (n.id for n in graph.nodes),
            rng.sample(range(len(graph.nodes) * 3 // 2 + 1), len(graph.nodes)),
            strict=True,
        )
    )
    nodes = [n._replace(id=new[n.id], args=tuple(new[a] for a in n.args)) for n in graph.nodes]
    effects = iter([node for node in nodes if node.effect])
    rng.shuffle(nodes)
    nodes = [next(effects) if node.effect else node for node in nodes]
    inputs = tuple(new[i] for i in graph.inputs)
    return Graph(tuple(nodes), inputs, tuple(new[i] for i in graph.outputs))


# -- grown from bytes -------------------------------------------------------------


class _Grower(Maker):
    def __init__(self, kinds: Any, *, exact: bool) -> None:
        super().__init__()
        self.kinds = kinds
        self.exact = exact  # only small whole numbers, in float64 and int64
        self.numbers = (F64, I64) if exact else NUMBERS

    def pick(self, byte: int, fits: Callable[[Node], bool]) -> int:
        """One of the nodes that fit, the newest first; a new input if none does."""
        found = [node.id for node in reversed(self.nodes) if fits(node)]
        if found:
            return found[byte % len(found)]
        for kind in (*self.kinds, *KINDS):
            if fits(Node(-1, "input", dtype=kind[0], shape=kind[1])):
                return self.input(*kind)
        raise AssertionError(fits)

    def like(self, byte: int, id: int) -> int:
        kind = kind_of(self.nodes[id])
        return self.pick(byte, lambda node: kind_of(node) == kind)

    def number(self, byte: int, kind: Any) -> int:
        """A constant: the same number throughout, or one after the other."""
        dtype, shape = kind
        table = FLOAT_CONSTS if dtype in FLOATS else INT_CONSTS
        if self.exact:
            table = [0.0, 1.0, -0.0, 2.0, -1.0, 3.0]
        if dtype == BOOL:
            table = [True, False]
        n = len(table)
        if byte < 192:
            return self.const(table[byte % n], dtype, shape)
        size = int(np.prod(shape))
        return self.const(np.reshape([table[(byte + i) % n] for i in range(size)], shape), *kind)


def _unary(g: _Grower, a: int, b: int, c: int) -> None:
    op = ("neg", "abs", "exp", "tanh", "sqrt", "not")[b % 6]
    g.add(op, g.pick(a, lambda node: node.dtype in ELEMENTWISE[op][1]))


def _binary(g: _Grower, a: int, b: int, c: int) -> None:
    op = BINARY[c % 6]
    x = g.pick(a, lambda node: node.dtype in ELEMENTWISE[op][1])
    y = g.like(b, x)
    g.add(op, x, y)


def _select(g: _Grower, a: int, b: int, c: int) -> None:
    condition = g.pick(a, lambda node: node.dtype == BOOL)
    shape = g.nodes[condition].shape
    x = g.pick(b, lambda node: node.shape == shape)
    g.add("select", condition, x, g.like(c, x))


def _shaped(g: _Grower, a: int, b: int, c: int) -> None:
    op = ("cast", "broadcast", "sum", "matmul")[b % 4]
    if op == "cast":
        g.add(op, g.pick(a, lambda node: True), to=(F64, F32, I64, F64)[c % 4] if c < 250 else BOOL)
    elif op == "sum":
        x = g.pick(a, lambda node: node.dtype in NUMBERS and node.shape != ())
        g.add(op, x, axis=c % len(g.nodes[x].shape))
    elif op == "broadcast":
        g.add(op, g.pick(a, lambda node: node.shape in ((), (2,), (2, 2))), shape=(2, 2))
    else:
        x = g.pick(a, lambda node: node.dtype in FLOATS and node.shape == (2, 2))
        g.add(op, x, g.like(c, x))


def _const(g: _Grower, a: int, b: int, c: int) -> None:
    g.number(a, g.kinds[b % len(g.kinds)])


def _again(g: _Grower, a: int, b: int, c: int) -> None:
    """A node once more, perhaps with its arguments the other way round."""
    found = [node for node in reversed(g.nodes) if node.op != "input"]
    if found:
        node = found[a % len(found)]
        args = node.args[::-1] if c % 2 and node.op in BINARY else node.args
        g.add(node.op, *args, kind=kind_of(node), **node.attrs)


def _layers(g: _Grower, a: int, b: int, c: int) -> None:
    """Two equal nodes, and on each of them two equal ones."""
    op = ("add", "mul", "sub", "maximum")[c % 4]
    x = g.pick(a, lambda node: node.dtype in g.numbers)
    y = g.like(b, x)
    for swap in (False, b % 3 > 0):
        inner = g.add(op, *((y, x) if swap else (x, y)))
        g.add("neg", g.add("abs", inner)) if c & 4 else g.add("add", inner, y)


def _effect(g: _Grower, a: int, b: int, c: int) -> None:
    op = ("print", "rand", "write", "read", "all_reduce")[b % 5]
    name = {"name": ("w", "v")[c % 2]} if op in ("write", "read") else {}
    if op == "all_reduce":
        name = {"reduce": "sum"}
    if op in ("rand", "read"):
        kind = g.kinds[a % len(g.kinds)]
        g.add(op, kind=kind if kind[0] != BOOL else KINDS[0], **name)
    else:
        g.add(op, g.pick(a, lambda node: node.dtype in NUMBERS), **name)


def _folded(g: _Grower, a: int, b: int, c: int) -> None:
    """An operation on constants."""
    op = BINARY[b % 6]
    kind = g.kinds[c % len(g.kinds)]
    kind = kind if kind[0] in ELEMENTWISE[op][1] else KINDS[0]
    found = [n.id for n in reversed(g.nodes) if n.op == "const" and kind_of(n) == kind]
    x = found[a % len(found)] if found else g.number(a, kind)
    g.add(op, x, g.number(b, kind))


def _motif(g: _Grower, a: int, b: int, c: int) -> None:
    """Something that a rule of simplify applies to, or seems to."""
    number = g.pick(a, lambda node: node.dtype in g.numbers)
    kind = kind_of(g.nodes[number])
    which = b % 16
    if which < 8:  # x op a number, on either side
        op = ("add", "mul", "sub", "add", "mul", "sub", "maximum", "add")[which]
        args = [number, g.number(c, kind)]
        g.add(op, *(args[::-1] if b & 16 else args))
    elif which < 11:  # (x + c) + d
        op = ("add", "mul", "add")[which - 8]
        first = [number, g.number(c, kind)]
        inner = g.add(op, *(first[::-1] if b & 16 else first))
        last = [inner, g.number(b, kind)]
        g.add(op, *(last[::-1] if b & 32 else last))
    elif which == 11:
        g.add(("sub", "maximum", "less")[c % 3], number, number)
    elif which == 12:
        op = ("neg", "abs")[c % 2]
        g.add(op, g.add(op, number))
    elif which == 13:
        g.add("cast", g.add("cast", number, to=F32 if c % 2 else kind[0]), to=kind[0])
    elif which == 14:
        condition = g.number(c, (BOOL, kind[1]))
        g.add("select", condition, number, g.like(c, number))
    else:
        g.add("broadcast", number, shape=kind[1])


def _sum_of(g: _Grower, a: int, b: int, c: int) -> None:
    x = g.pick(a, lambda node: node.dtype in g.numbers)
    g.add(("add", "sub", "maximum")[c % 3], x, g.like(b, x))


def _elementwise(g: _Grower, a: int, b: int, c: int) -> None:
    op = ("neg", "add", "tanh", "maximum", "less", "cast", "mul", "select")[c % 8]
    if op == "select":
        return _select(g, a, b, c)
    x = g.pick(a, lambda node: node.dtype in NUMBERS[: 2 if op == "tanh" else 3])
    args = [x, g.like(b, x)][: ELEMENTWISE[op][0]]
    return g.add(op, *args, **({"to": F32} if op == "cast" else {})) and None


def _born(g: _Grower, a: int, b: int, c: int) -> None:
    g.add("rand", kind=(F64, (1 + b % 7,)))


def _spent(g: _Grower, a: int, b: int, c: int) -> None:
    g.add("sum", g.pick(a, lambda node: node.dtype in NUMBERS and node.shape != ()), axis=0)


EVERY = (_binary, _unary, _const, _shaped, _select, _again, _effect, _folded, _motif, _effect)
SHARED = (_binary, _layers, _const, _shaped, _again, _effect, _select, _again, _folded, _layers)
EXACT = (_motif, _sum_of, _motif, _again, _motif, _const)
FUSABLE = (_elementwise, _elementwise, _shaped, _elementwise, _effect, _elementwise, _const)
FOLDABLE = (_folded, _binary, _folded, _const, _select, _shaped, _again, _effect, _unary)
SIMPLE = (_motif, _unary, _motif, _binary, _motif, _const, _select, _effect, _motif, _folded)
MEMORY = (_born, _spent, _elementwise, _born, _spent, _spent, _shaped)


def grow(data: bytes, makers: Any, kinds: Any, *, exact: bool = False) -> Graph:
    count, mix, out, more, *rest = data
    g = _Grower(kinds, exact=exact)
    for i in range(1 + count % 3):
        g.input(*kinds[(count // 3 * i) % len(kinds)])
    for k in range(0, len(rest) - 3, 4):
        op, a, b, c = rest[k : k + 4]
        if op:
            makers[(op - 1) % len(makers)](g, a, b, c)
    last = len(g.nodes) - 1
    outputs = {last: None}
    if out:
        outputs = dict.fromkeys((last - out % (last + 1), last - more % (last + 1)))
    return mixed(g.graph(*outputs), mix)


def grown(makers: Any = EVERY, *, most: int = 8, kinds: Any = KINDS, exact: bool = False) -> Any:
    """A strategy of graphs with `most` nodes and some more."""
    size = 4 + 4 * most
    return st.binary(min_size=size, max_size=size).map(
        lambda data: grow(data, makers, kinds, exact=exact)
    )


def always(cases: Any) -> Any:
    """Goes above @given: try each of these cases first, in this order."""

    def add(check: Any) -> Any:
        for case in reversed(list(cases)):
            check = example(case)(check)
        return check

    return add


# -- values for the inputs -----------------------------------------------------------

_ORDINARY = [1.5, -2.25, 0.5, 3.0, -0.75, 1.0, -4.0]
_SPECIAL = [NAN, -0.0, INF, 0.0, -INF, 5e-324, -0.0, 1e308, -1e-310]
_BOTH = [0.1, -0.0, 1e16, NAN, -1.0, 1 / 3, INF, 0.0, -2.5]
_FLOATS = (_ORDINARY, _SPECIAL, _BOTH)
_INTS = ([3, -2, 7, 5, -4], [0, -1, 2**63 - 1, -(2**63), 1], [2**62, 10, -3, 0, 2**31])


def input_sets(graph: Graph, *, exact: bool = False) -> list[dict[int, Any]]:
    """Three sets of values: ordinary ones; NaN, infinities and zeros of both signs; a mixture.
    With `exact` all are small whole numbers."""
    kinds = {node.id: kind_of(node) for node in graph.nodes if node.op == "input"}
    return [
        {id: _values(*kinds[id], which, 3 * place, exact) for place, id in enumerate(graph.inputs)}
        for which in range(3)
    ]


def _values(dtype: str, shape: Any, which: int, start: int, exact: bool) -> Any:
    size = int(np.prod(shape))
    table: Any = [True, False, False, True, True] if dtype == BOOL else _INTS[which]
    if exact and dtype != BOOL:
        table = [1 + which, -2, 0, 3, -1]
    elif dtype in FLOATS:
        table = _FLOATS[which]
    with np.errstate(all="ignore"):
        values = [table[(start + which + i) % len(table)] for i in range(size)]
        return np.array(values).astype(dtype).reshape(shape)
