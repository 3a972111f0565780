"""What the checks of this lab are made of: functions as Python text, and PyTorch's answers.

Theory of operation
-------------------
A check needs one and the same function three times: run on your duals in the sandbox, run
on PyTorch's tensors by the grader, and shown to you when the two disagree. So a function is
text, such as "def f(x, y): return sin(x) * y". driver.py runs it with the names of your
module, `torch_function` with those of NAMES below, and `show` prints it.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from torch.autograd import forward_ad

from aisys_cli.grader import StudentRaised, agree, difference

__all__ = [
    "NAMES",
    "Together",
    "array",
    "arrays",
    "dual_inputs",
    "dual_parts",
    "integers",
    "named",
    "nested_derivative",
    "numbers",
    "positive",
    "returning",
    "show",
    "torch_function",
    "torch_jvp",
    "unpack",
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
integers = st.sampled_from([2, 3, -1, -2, 4, 5, -3, 7])


def arrays(*shapes: tuple[int, ...]) -> st.SearchStrategy[list[Any]]:
    """An array of POINTS for each shape (a float for shape ()), all from one draw.

    The plainest draw is 1, 2, 3, -1, -2, -3, 1, ...: equal numbers would hide mistakes, and
    the smallest failing input would be a longer function than need be.
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


def array(draw: Any, shape: tuple[int, ...]) -> Any:
    """One array of POINTS, drawn at once."""
    return draw(arrays(shape))[0]


# -- the same names for PyTorch ----------------------------------------------


def _tensor(x: Any) -> torch.Tensor:
    return x if isinstance(x, torch.Tensor) else torch.as_tensor(x, dtype=torch.float64)


def _elementwise(function: Any) -> Any:
    return lambda x: function(_tensor(x))


def _sum(x: Any, axis: Any = None, keepdims: bool = False) -> torch.Tensor:
    x = _tensor(x)
    return torch.sum(x, dim=tuple(range(x.ndim)) if axis is None else axis, keepdim=keepdims)


def _transpose(x: Any, axes: Any = None) -> torch.Tensor:
    x = _tensor(x)
    return x.permute(tuple(reversed(range(x.ndim))) if axes is None else tuple(axes))


def _where(cond: Any, a: Any, b: Any) -> torch.Tensor:
    return torch.where(torch.as_tensor(cond), _tensor(a), _tensor(b))


def _jvp(f: Any, primals: Any, tangents: Any) -> Any:
    """Through torch.func, which nests to any depth; dual_parts is faster and does not."""
    points = tuple(map(_tensor, primals))
    directions = tuple(
        torch.zeros_like(point) if t is None else _tensor(t).expand(point.shape)
        for point, t in zip(points, tangents, strict=True)
    )
    return torch.func.jvp(lambda *duals: _tensors(f(*duals)), points, directions)


def _tensors(out: Any) -> Any:
    return tuple(map(_tensor, out)) if isinstance(out, tuple) else _tensor(out)


NAMES: dict[str, Any] = {
    **{
        name: _elementwise(getattr(torch, name))
        for name in ("sin", "cos", "tan", "exp", "log", "sqrt", "tanh", "sigmoid", "relu")
    },
    "maximum": lambda a, b: torch.maximum(_tensor(a), _tensor(b)),
    "where": _where,
    "sum": _sum,
    "reshape": lambda x, shape: _tensor(x).reshape(shape),
    "transpose": _transpose,
    "matmul": lambda a, b: torch.matmul(_tensor(a), _tensor(b)),
    "jvp": _jvp,
    "derivative": lambda f, x: _jvp(f, (x,), (1.0,))[1],
    "np": SimpleNamespace(array=_tensor, float64=_tensor, float32=_tensor, int64=_tensor),
}


_FOR_TENSORS = [
    # z *= x: on a tensor this writes into it, in its shape.
    (re.compile(r"(\w+) ([-+*/])= (.*)"), r"\1 = \1 \2 (\3)"),
    # x.T: deprecated of a tensor with a rank other than 2.
    (re.compile(r"(\w+)\.T\b"), r"transpose(\1)"),
    # x.size: on a tensor this is a method.
    (re.compile(r"(\w+)\.size\b"), r"\1.numel()"),
]


@functools.lru_cache(maxsize=4096)
def torch_function(source: str) -> Any:
    """The function f of the text, with PyTorch's names in it."""
    names = dict(NAMES)
    for pattern, replacement in _FOR_TENSORS:
        source = pattern.sub(replacement, source)
    exec(source, names)  # noqa: S102 - our own text
    return names["f"]


@contextmanager
def dual_inputs(values: Any, tangents: Any) -> Iterator[list[Any]]:
    """The inputs as PyTorch's duals; a plain tensor where the tangent is None."""
    with forward_ad.dual_level():
        yield [
            _tensor(v) if t is None else forward_ad.make_dual(_tensor(v), _direction(t, v))
            for v, t in zip(values, tangents, strict=True)
        ]


def _direction(tangent: Any, value: Any) -> torch.Tensor:
    tensor = _tensor(tangent)
    shape = np.shape(value)
    return tensor if tensor.shape == shape else tensor.expand(shape).clone()


def unpack(x: Any) -> list[Any]:
    """[value, tangent] of one of PyTorch's duals, as arrays."""
    value, tangent = forward_ad.unpack_dual(_tensor(x))
    return [value.numpy(), np.zeros(value.shape) if tangent is None else tangent.numpy()]


def dual_parts(source: str, values: Any, tangents: Any) -> Any:
    """[value, tangent] of what f returns; a list of them if f returns a list or a tuple."""
    with dual_inputs(values, tangents) as inputs:
        out = torch_function(source)(*inputs)
        return [unpack(one) for one in out] if isinstance(out, list | tuple) else unpack(out)


def torch_jvp(source: str, primals: Any, tangents: Any) -> list[Any]:
    """What jvp(f, primals, tangents) is to return."""
    pairs = zip(primals, tangents, strict=True)
    parts = dual_parts(
        source, primals, [np.zeros(np.shape(p)) if t is None else t for p, t in pairs]
    )
    if isinstance(parts[0], list):
        return [[value for value, _ in parts], [tangent for _, tangent in parts]]
    return parts


def nested_derivative(source: str, x: float) -> Any:
    """f'(x) for an f that may itself take derivatives."""
    return _jvp(torch_function(source), (x,), (1.0,))[1].numpy()


# -- text --------------------------------------------------------------------


def returning(names: str, expressions: list[str]) -> str:
    """A function of these inputs that returns the list of the expressions' values."""
    return f"def f({names}): return [{', '.join(expressions)}]"


class show:  # noqa: N801 - used like a function
    """A function as a student would write it, and under it the inputs; written on demand.

    `function` is a "def f..." or an expression in the names.
    """

    def __init__(self, function: str, names: str, values: Any, tangents: Any = None) -> None:
        self.function, self.names, self.values = function, names.split(", "), values
        self.tangents = [None] * len(values) if tangents is None else tangents

    def __str__(self) -> str:
        lines = [self._heading()]
        for name, value, tangent in zip(self.names, self.values, self.tangents, strict=True):
            if not self.function.startswith("def ") and not _mentions(self.function, name):
                continue
            line = f"{name} = {_literal(value)}"
            lines.append(line if tangent is None else f"{line}   tangent {_literal(tangent)}")
        return "\n".join(lines) if len(lines) > 2 or "\n" in lines[0] else "   ".join(lines)

    def _heading(self) -> str:
        text = self.function
        short = re.fullmatch(r"def f\((.*?)\): return (.*)", text)
        if short:
            return f"f({short.group(1)}) = {short.group(2)}"
        used = ", ".join(name for name in self.names if _mentions(text, name))
        return text if text.startswith("def ") else f"f({used}) = {text}"


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{name}\b", text) is not None


def _literal(value: Any) -> str:
    if not isinstance(value, np.ndarray):
        return repr(value)
    kind = "" if value.dtype == np.float64 else f" ({value.dtype})"
    return f"{value.tolist() if value.size else f'zeros({value.shape})'}{kind}"


# -- comparisons that most checks make -----------------------------------------


class Together:
    """Comparisons whose calls are made all at once, after which they are judged in order.

    with Together(student) as together:
        together.forms("x, y", ["x + y", "x * y"], [x, y], [s, t])
    """

    def __init__(self, student: Any) -> None:
        self._student = student
        self._judges: list[Callable[[], None]] = []

    def __enter__(self) -> Together:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            for judge in self._judges:
                judge()

    def forms(
        self,
        names: str,
        expressions: list[str],
        values: Any,
        tangents: Any,
        *,
        expected: Any = None,
        oracle: str = "PyTorch",
    ) -> None:
        """Each expression, on duals, has PyTorch's (or the expected) value and tangent.

        One call for all of them. A tangent of None means that the input is no dual.
        """

        def right() -> list[Any]:
            pairs = expected or dual_parts(returning(names, expressions), values, tangents)
            return [named(pair) for pair in pairs]

        self._each("duals", names, expressions, values, tangents, right, oracle)

    def plain(
        self, names: str, expressions: list[str], values: Any, tangents: Any, expected: Any
    ) -> None:
        """Each expression is the expected number or array, and no dual."""
        self._each("plain", names, expressions, values, tangents, lambda: expected, "numpy")

    def call(self, request: str, *args: Any, right: Any, of: object, **how: Any) -> None:
        """What the driver's function `request` gives agrees with what is right: `right`, or
        what it returns."""
        answer = getattr(self._student.later, request)(*args, of=of)

        def judge() -> None:
            got = answer()
            agree(got, right() if callable(right) else right, of=of, **how)

        self._judges.append(judge)

    def _each(
        self,
        request: str,
        names: str,
        expressions: list[str],
        values: Any,
        tangents: Any,
        right: Any,
        oracle: str,
    ) -> None:
        """One call for all expressions; one that fails is asked again alone: then what the
        last call ran is what this expression ran. The student is asked before the oracle."""

        def ask(some: list[str]) -> Callable[[], list[Any]]:
            source = returning(names, some)
            shown = show(some[0] if len(some) == 1 else source, names, values, tangents)
            answer = getattr(self._student.later, request)(source, values, tangents, of=shown)

            def answers() -> list[Any]:
                got = answer()
                if type(got) is not list or len(got) != len(some):
                    agree(got, [None] * len(some), of=shown)
                return list(got)

            return answers

        def judge() -> None:
            try:
                together = of_all()
            except StudentRaised:
                together = None  # one of them raised; one by one, it is known which
            for i, (expression, theirs) in enumerate(zip(expressions, right(), strict=True)):
                if together is not None and difference(together[i], theirs) is None:
                    continue
                (alone,) = ask([expression])()
                shown = show(expression, names, values, tangents)
                agree(alone, theirs, of=shown, oracle=oracle)
                if together is not None:  # wrong beside the others only
                    agree(together[i], theirs, of=shown, oracle=oracle)

        of_all = ask(expressions)
        self._judges.append(judge)


def named(pair: Any) -> dict[str, Any]:
    """[value, tangent] as driver.py returns them."""
    value, tangent = pair
    return {"value": value, "tangent": tangent}
