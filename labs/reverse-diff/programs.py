"""What the checks of this lab are made of: programs as Python text, and PyTorch's answers.

Theory of operation
-------------------
A check needs one and the same program three times: run on your tensors in the sandbox, run
on PyTorch's by the grader, and shown to you when the two disagree. So a program is text.
driver.py runs it with the names of your module, `torch_function` with those of NAMES below,
and `show` prints it with its inputs.

Gradients always start from a seed whose entries differ. With a seed of ones an operator that
forgets the upstream gradient would look right.
"""

from __future__ import annotations

import functools
import itertools
import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from aisys_cli.grader import StudentRaised, agree, difference

__all__ = [
    "NAMES",
    "POINTS",
    "RTOL",
    "arrays",
    "data",
    "forms_agree",
    "numbers",
    "positive",
    "run_agrees",
    "seconds_agree",
    "show",
    "torch_function",
    "torch_grad",
    "torch_run",
    "values_agree",
]

# -- numbers and arrays to put in --------------------------------------------

# Multiples of 1/8 up to 3 without 0, the plainest first: Hypothesis shrinks towards the front.
POINTS = sorted(
    (sign * k / 8 for k in range(1, 25) for sign in (1, -1)),
    key=lambda v: (v * 2 % 1 != 0, v % 1 != 0, v < 0, abs(v)),
)
_TABLE = np.array([POINTS[i % len(POINTS)] for i in range(256)])

numbers = st.sampled_from(POINTS)
positive = st.sampled_from([v for v in POINTS if v > 0])


def arrays(*shapes: tuple[int, ...]) -> st.SearchStrategy[list[Any]]:
    """An array of POINTS for each shape (a float for shape ()), all from one draw.

    The plainest draw is 1, 2, 3, -1, -2, -3, 1, ...: equal numbers would hide mistakes.
    """
    sizes = [int(np.prod(shape)) for shape in shapes]
    ends = list(itertools.accumulate(sizes))
    places = np.arange(ends[-1]) % 6

    def cut(drawn: bytes) -> list[Any]:
        flat = _TABLE[(np.frombuffer(drawn, np.uint8) + places) % len(_TABLE)]
        return [
            flat[end - size : end].reshape(shape) if shape else float(flat[end - 1])
            for shape, size, end in zip(shapes, sizes, ends, strict=True)
        ]

    return st.binary(min_size=ends[-1], max_size=ends[-1]).map(cut)


# -- the same names for PyTorch ----------------------------------------------


def _tensor(x: Any) -> torch.Tensor:
    return x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=torch.float64)


def _leaf(x: Any, requires_grad: bool = False) -> torch.Tensor:
    return torch.tensor(np.array(x, np.float64), requires_grad=requires_grad)


def _elementwise(function: Any) -> Any:
    return lambda x: function(_tensor(x))


def _axes(x: torch.Tensor, axis: Any) -> Any:
    return tuple(range(x.ndim)) if axis is None else axis


def _reduction(function: Any) -> Any:
    def reduce(x: Any, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
        x = _tensor(x)
        return function(x, dim=_axes(x, axis), keepdim=keepdims)

    return reduce


def _transpose(x: Any, axes: Any = None) -> torch.Tensor:
    x = _tensor(x)
    return x.permute(tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


def _where(cond: Any, a: Any, b: Any) -> torch.Tensor:
    return torch.where(torch.as_tensor(cond), _tensor(a), _tensor(b))


def _index(x: Any, index: Any) -> Any:
    """x[index]; PyTorch's own indexing has no negative steps."""
    if not isinstance(x, torch.Tensor):
        return x[index]
    places = np.arange(x.numel()).reshape(x.shape)[index]
    return x.reshape(-1)[torch.tensor(np.array(places))]


def torch_grad(outputs: Any, inputs: Any, grad_outputs: Any = None, create_graph: bool = False):
    """torch.autograd.grad as the handout has it: a list, zeros for what is not used."""
    outputs, inputs = _list(outputs), _list(inputs)
    seeds = [None] * len(outputs) if grad_outputs is None else _list(grad_outputs)
    pairs = [
        (out, None if seed is None else _tensor(seed).expand(out.shape))
        for out, seed in zip(outputs, seeds, strict=True)
        if out.requires_grad
    ]
    found = [None] * len(inputs)
    if pairs:
        found = torch.autograd.grad(
            [out for out, _ in pairs],
            inputs,
            [seed for _, seed in pairs],
            create_graph=create_graph,
            retain_graph=True,
            allow_unused=True,
        )
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


def _list(x: Any) -> list[Any]:
    return list(x) if isinstance(x, list | tuple) else [x]


def _backward(x: torch.Tensor, grad: Any = None, create_graph: bool = False) -> None:
    seed = None if grad is None else _tensor(grad)
    x.backward(seed, retain_graph=True, create_graph=create_graph)


_FUNCTIONS = ("exp", "log", "sin", "cos", "tanh", "relu")
NAMES: dict[str, Any] = {
    **{name: _elementwise(getattr(torch, name)) for name in _FUNCTIONS},
    "sum": _reduction(torch.sum),
    "mean": _reduction(torch.mean),
    "max": _reduction(torch.amax),
    "reshape": lambda x, shape: _tensor(x).reshape(shape),
    "transpose": _transpose,
    "broadcast_to": lambda x, shape: _tensor(x).expand(shape),
    "concatenate": lambda xs, axis=0: torch.cat([_tensor(x) for x in xs], dim=axis),
    "where": _where,
    "matmul": lambda a, b: torch.matmul(_tensor(a), _tensor(b)),
    "index": _index,
    "Tensor": _leaf,
    "grad": torch_grad,
    "backward": _backward,
    "Variable": lambda value, name=None: _leaf(value, True),
    "reset_tape": lambda: None,
    "ops_add": torch.add,
    "ops_sub": torch.sub,
    "ops_mul": torch.mul,
    "ops_sin": torch.sin,
    "ops_log": torch.log,
    "np": SimpleNamespace(
        array=lambda x: torch.tensor(x) if _is_mask(x) else _tensor(x),
        float64=_tensor,
        float32=_tensor,
        int64=_tensor,
        s_=np.s_,
    ),
}
METHODS = [*_FUNCTIONS, "sum", "mean", "max", "reshape", "transpose", "broadcast_to", "backward"]


def _is_mask(x: Any) -> bool:
    return isinstance(x, bool) or (isinstance(x, list) and _is_mask(x[0]))


_FOR_TENSORS = [
    (re.compile(rf"\b(?!np\b)(\w+)\.({'|'.join(METHODS)})\("), r"\2(\1, "),
    (re.compile(r"(\w+)\.T\b"), r"transpose(\1)"),
    (re.compile(r"(\w+)\.value\b"), r"\1.data"),
    (re.compile(r"\b(\w+)\[([^\[\]]*)\]"), r"index(\1, np.s_[\2])"),
    (re.compile(r"(\w+) ([-+*/])= (.*)"), r"\1 = \1 \2 (\3)"),
]


@functools.lru_cache(maxsize=4096)
def torch_function(source: str) -> Any:
    """The function f of the text, with PyTorch's names in it."""
    names = dict(NAMES)
    for pattern, replacement in _FOR_TENSORS:
        source = pattern.sub(replacement, source)
    exec(source, names)  # noqa: S102 - our own text
    return names["f"]


def data(out: Any) -> Any:
    """Tensors in a result of PyTorch as arrays."""
    if isinstance(out, list | tuple):
        return [data(one) for one in out]
    if isinstance(out, dict):
        return {key: data(one) for key, one in out.items()}
    return out.detach().numpy() if isinstance(out, torch.Tensor) else out


# -- text --------------------------------------------------------------------


class show:  # noqa: N801 - used like a function
    """A program and under it the inputs, as a student would write them; written on demand.

    `program` is a "def f..." or an expression in the names. needs[i] says what the driver
    makes of input i: True a Tensor with requires_grad, False one without, None nothing.
    `lines` come last.
    """

    def __init__(
        self, program: str, names: str, values: Any, needs: Any = None, lines: Any = ()
    ) -> None:
        self.program, self.names, self.values = program, names.split(", "), values
        self.needs = [None] * len(values) if needs is None else needs
        self.lines = lines

    def __str__(self) -> str:
        whole = self.program.startswith("def ")
        lines = [self.program] if whole else []
        for name, value, need in zip(self.names, self.values, self.needs, strict=True):
            if whole or re.search(rf"\b{name}\b", self.program):
                lines.append(f"{name} = {_made(value, need)}")
        lines += [] if whole else [f"out = {self.program}"]
        return "\n".join([*lines, *self.lines])


def _made(value: Any, need: bool | None) -> str:
    if need is None:
        return literal(value)
    return f"Tensor({_bare(value)}{', requires_grad=True' if need else ''})"


def _bare(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    return str(value.tolist()) if value.size else f"np.zeros({value.shape})"


def literal(value: Any) -> str:
    """A value as an expression."""
    if isinstance(value, np.ndarray) and value.size:
        kind = "" if value.dtype == np.float64 else f", np.{value.dtype}"
        return f"np.array({value.tolist()}{kind})"
    return _bare(value)


# Tighter than the engine's 1e-7, so that rounding to float32 is noticed.
RTOL = 1e-8

# -- comparisons that most checks make ----------------------------------------


def torch_run(source: str, values: Any) -> Any:
    """What the whole program returns; its arrays are tensors, so that operators take them."""
    return data(torch_function(source)(*_torch_inputs(values, [None] * len(values))))


def run_agrees(student: Any, source: str, names: str, values: Any, right: Any = None) -> None:
    """The whole program returns what PyTorch returns, or `right` (or what that returns)."""
    shown = show(source, names, values)
    got = student.run(source, values, of=shown)
    if right is None:
        agree(got, torch_run(source, values), of=shown, rtol=RTOL)
    else:
        right = right() if callable(right) else right
        agree(got, right, of=shown, rtol=RTOL, oracle="The handout")


def values_agree(
    student: Any, names: str, expressions: list[str], values: Any, needs: Any = None
) -> None:
    """The data of each expression is PyTorch's."""
    needs = [False] * len(values) if needs is None else needs

    def ask(some: list[str]) -> tuple[Any, Any]:
        source = _returning(names, some)
        shown = show(some[0] if len(some) == 1 else source, names, values, needs, ["out.data"])
        return student.values(source, values, needs, of=shown), shown

    def right(some: list[str]) -> Any:
        return data(torch_function(_returning(names, some))(*_torch_inputs(values, needs)))

    _each_agrees(expressions, ask, right)


def forms_agree(
    student: Any, names: str, expressions: list[str], values: Any, needs: Any, pool: Any
) -> None:
    """Each expression has PyTorch's data and gradients, from seeds cut out of the pool.

    One call for all expressions, all on the same input tensors. The seeds are arrays.
    """
    shapes = _shapes(names, tuple(expressions), _shapes_of(values), tuple(needs))
    seeds = {
        e: _cut(pool, shape, k)
        for k, (e, shape) in enumerate(zip(expressions, shapes, strict=True))
    }

    def ask(some: list[str]) -> tuple[Any, Any]:
        source, mine = _returning(names, some), [seeds[e] for e in some]
        if len(some) == 1:
            last = f"grad(out, {_wanted(names, needs)}, {literal(mine[0])})"
            shown = show(some[0], names, values, needs, [last])
        else:
            shown = show(source, names, values, needs)
        return student.gradients(source, values, needs, mine, of=shown), shown

    def right(some: list[str]) -> Any:
        inputs = _torch_inputs(values, needs)
        wanted = [x for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
        outs = torch_function(_returning(names, some))(*inputs)
        return [
            {"value": data(out), "gradients": data(torch_grad(out, wanted, seeds[e]))}
            for out, e in zip(outs, some, strict=True)
        ]

    _each_agrees(expressions, ask, right)


def seconds_agree(
    student: Any, names: str, expressions: list[str], values: Any, needs: Any, pool: Any
) -> None:
    """The gradients g with create_graph, and the gradients of g: for the inputs and the seed."""
    shapes = _shapes(names, tuple(expressions), _shapes_of(values), tuple(needs))
    wanted_shapes = [s for s, need in zip(_shapes_of(values), needs, strict=True) if need]
    seeds = {
        e: _cut(pool, shape, k)
        for k, (e, shape) in enumerate(zip(expressions, shapes, strict=True))
    }
    others = {
        e: [_cut(pool, shape, 11 + k + 5 * i) for i, shape in enumerate(wanted_shapes)]
        for k, e in enumerate(expressions)
    }

    def ask(some: list[str]) -> tuple[Any, Any]:
        source = _returning(names, some)
        starts = [others[e] for e in some]
        if len(some) == 1:
            wanted = _wanted(names, needs)
            shown_starts = ", ".join(map(literal, starts[0]))
            lines = [
                f"u = {_made(seeds[some[0]], True)}",
                f"first = grad(out, {wanted}, u, create_graph=True)",
                f"second = grad(first, [{wanted[1:-1]}, u], [{shown_starts}])",
            ]
            shown = show(some[0], names, values, needs, lines)
        else:
            shown = show(source, names, values, needs)
        mine = [seeds[e] for e in some]
        return student.seconds(source, values, needs, mine, starts, of=shown), shown

    def right(some: list[str]) -> Any:
        inputs = _torch_inputs(values, needs)
        wanted = [x for x in inputs if isinstance(x, torch.Tensor) and x.requires_grad]
        answers = []
        for out, e in zip(torch_function(_returning(names, some))(*inputs), some, strict=True):
            u = _leaf(seeds[e], True)
            first = torch_grad(out, wanted, u, create_graph=True)
            second = torch_grad(first, [*wanted, u], others[e])
            answers.append({"first": data(first), "second": data(second)})
        return answers

    _each_agrees(expressions, ask, right)


def _returning(names: str, expressions: list[str]) -> str:
    return f"def f({names}): return [{', '.join(expressions)}]"


def _wanted(names: str, needs: Any) -> str:
    return f"[{', '.join(n for n, need in zip(names.split(', '), needs, strict=True) if need)}]"


def _torch_inputs(values: Any, needs: Any) -> list[Any]:
    """As the driver makes them; a plain array is a tensor here, so that operators take it."""
    return [
        _leaf(v, bool(need)) if need is not None or isinstance(v, np.ndarray) else v
        for v, need in zip(values, needs, strict=True)
    ]


def _shapes_of(values: Any) -> tuple[Any, ...]:
    return tuple(np.shape(v) for v in values)


@functools.lru_cache(maxsize=4096)
def _shapes(names: str, expressions: tuple[str, ...], shapes: Any, needs: Any) -> list[Any]:
    """The shape of each expression, which follows from the shapes of the inputs."""
    inputs = [torch.ones(shape, dtype=torch.float64) for shape in shapes]
    outs = torch_function(_returning(names, list(expressions)))(*inputs)
    return [tuple(out.shape) for out in outs]


def _cut(pool: Any, shape: tuple[int, ...], k: int) -> Any:
    """Entries of the pool in this shape, other ones for another k."""
    size = int(np.prod(shape))
    flat = np.roll(np.resize(pool, max(size, len(pool))), -7 * k)[:size]
    return flat.reshape(shape).copy()


def _each_agrees(expressions: list[str], ask: Any, right: Any) -> None:
    """One call for all expressions; one that fails is asked again alone: then what the last
    call ran is what this expression ran. The student is asked before the oracle."""
    try:
        together, _ = ask(expressions)
        if type(together) is not list or len(together) != len(expressions):
            together = None
    except StudentRaised:
        together = None  # one of them raised; one by one, it is known which
    for i, (expression, theirs) in enumerate(zip(expressions, right(expressions), strict=True)):
        if together is not None and difference(together[i], theirs, rtol=RTOL) is None:
            continue
        (alone,), shown = ask([expression])
        agree(alone, theirs, of=shown, rtol=RTOL)
        if together is not None:
            agree(together[i], theirs, of=shown, rtol=RTOL)  # wrong beside the others only
