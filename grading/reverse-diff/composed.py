"""Random programs, built one line at a time and evaluated with PyTorch on the way.

Theory of operation
-------------------
A builder adds a line `v3 = v2 * x`, with the last node or an older one as operands, and takes
it back if the value leaves the safe region: too near a kink or a pole, or too large. A right
answer is then never lost to rounding. At the end the lines become the text of a function that
makes tensors of its arguments and returns gradients, by grad or by backward.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st
from programs import POINTS, arrays, torch_function

__all__ = ["Composed", "composed", "tape_programs"]

LARGEST = 30.0
MARGIN = 1e-3  # least distance from a kink
SHAPES = [(), (2,), (2, 3), (1,), (3, 1), (2, 1, 3), (1, 3), (2, 2, 1, 2), (0, 3), (3,)]


@dataclass
class Composed:
    """A function as text, and its arguments."""

    source: str
    names: str
    values: list[Any]


class Builder:
    """Nodes by name with their values, and the lines that made them."""

    def __init__(self, draw: Any, inputs: dict[str, Any]) -> None:
        self.draw = draw
        self.values: dict[str, torch.Tensor] = {
            name: torch.as_tensor(value, dtype=torch.float64) for name, value in inputs.items()
        }
        self.lines: list[str] = []
        self.last = next(iter(inputs))

    def grow(self, operators: list[Operator]) -> None:
        """One more line on top of the last one, if what is drawn is fit for its value."""
        try:
            text = self.choose(operators)(self, self.last)
            value = None if text is None else self.evaluate(text)
        except (RuntimeError, IndexError):  # shapes that do not go together
            return
        if value is None or value.ndim > 4 or value.numel() > 48 or not self._is_moderate(value):
            return
        self.last = f"v{len(self.lines) + 1}"
        self.values[self.last] = value
        self.lines.append(f"{self.last} = {text}")

    @staticmethod
    def _is_moderate(value: torch.Tensor) -> bool:
        # Written so that a NaN is not moderate.
        return not value.numel() or value.abs().max().item() <= LARGEST

    def choose(self, options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def evaluate(self, text: str) -> torch.Tensor:
        source = f"def f({', '.join(self.values)}): return {text}"
        return torch_function(source)(*self.values.values())

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.values[name].shape)

    def least(self, name: str) -> float:
        """The least entry; 1 if there is none."""
        value = self.values[name] if name in self.values else self.evaluate(f"{name} + 0 * x")
        return value.min().item() if value.numel() else 1.0

    def most(self, name: str) -> float:
        """The largest magnitude."""
        value = self.values[name]
        return value.abs().max().item() if value.numel() else 0.0

    def apart(self, text: str) -> float:
        """The least magnitude; 1 if there is none."""
        value = self.evaluate(text)
        return value.abs().min().item() if value.numel() else 1.0

    def node(self) -> str:
        """A tensor that there is, the youngest first."""
        return self.choose(list(reversed(self.values)))

    def other(self) -> str:
        """A second operand: mostly a node, else a number or an array."""
        kind = self.draw(st.integers(0, 5))
        if kind < 4:
            return self.node()
        number = self.choose(POINTS)
        shape = self.shape(self.last)
        if kind == 4 and shape and shape[-1]:
            return f"np.array({self.draw(arrays(shape[-1:]))[0].tolist()})"
        return f"{number}" if number > 0 else f"({number})"

    def pair(self, name: str) -> tuple[str, str]:
        other = self.other()
        return (other, name) if self.draw(st.booleans()) else (name, other)


Operator = Callable[[Builder, str], str | None]


def _divide(b: Builder, a: str) -> str:
    other = b.node()
    return f"{a} / {other}" if b.apart(other) > 0.25 else f"{a} / ({other} * {other} + 1)"


def _power(b: Builder, a: str) -> str | None:
    return f"{a} ** {b.choose(['1.5', '-0.5', 'np.float64(0.5)'])}" if b.least(a) > 0.25 else None


def _general_power(b: Builder, a: str) -> str | None:
    other = b.node()
    return f"{a} ** {other}" if b.least(a) > 0.25 and b.most(other) <= 3 else None


def _reduce(b: Builder, a: str) -> str | None:
    last = len(b.shape(a)) - 1
    forms = ["", ", keepdims=True"]
    if last >= 0:
        forms += [", axis=0", ", axis=-1, keepdims=True", f", axis={last}"]
    if last >= 1:
        forms += [", axis=(0, -1)", ", axis=(-2, -1), keepdims=True", ", axis=(1, 0)"]
    name = b.choose(["sum", "mean", "max"] if b.values[a].numel() else ["sum"])
    form = b.choose(forms)
    if name == "max" and not _is_clear(b.values[a]):
        return None
    return f"{name}({a}{form})" if b.draw(st.booleans()) else f"{a}.{name}({form[2:]})"


def _is_clear(value: torch.Tensor) -> bool:
    """Whether no two entries are so near that rounding could decide which is larger."""
    ordered = value.reshape(-1).sort().values
    steps = ordered[1:] - ordered[:-1]
    return not steps.numel() or steps.min().item() > MARGIN


def _where(b: Builder, a: str) -> str | None:
    other = b.other()
    if b.apart(f"({a} - {other})") <= MARGIN:
        return None
    right = f"{other}.data" if other in b.values else other
    return f"where({a}.data > {right}, {a}, {b.other()})"


def _transpose(b: Builder, a: str) -> str | None:
    orders = list(itertools.permutations(range(len(b.shape(a)))))
    return b.choose([f"{a}.T", f"transpose({a}, {b.choose(orders)})"]) if len(orders) > 1 else None


def _reshape(b: Builder, a: str) -> str:
    shape = b.shape(a)
    whole = -1 if b.values[a].numel() else 0
    return f"reshape({a}, {b.choose([whole, (1, *shape), shape[::-1], (*shape, 1)])})"


def _index(b: Builder, a: str) -> str | None:
    rank = len(b.shape(a))
    forms = ["..."]
    if rank >= 1:
        forms += ["1:", "::-1", "0", "-1", "None"]
    if rank >= 2:
        forms += [":, 1:", "..., 0", "0, ::2", ":, -1:"]
    return f"{a}[{b.choose(forms)}]"


def _concatenate(b: Builder, a: str) -> str | None:
    if not b.shape(a):
        return None
    axis, other = b.choose([0, -1]), b.choose([a, b.node()])
    if len(b.shape(other)) != len(b.shape(a)):
        return None  # PyTorch takes an empty vector beside anything, numpy does not
    return f"concatenate([{a}, {other}], axis={axis})"


def _broadcast(b: Builder, a: str) -> str:
    shape = tuple(3 if n == 1 and b.draw(st.booleans()) else n for n in b.shape(a))
    return f"broadcast_to({a}, {b.choose([shape, (2, *shape)])})"


def _matmul(b: Builder, a: str) -> str | None:
    shape = b.shape(a)
    if not shape or 0 in shape:
        return None
    matrix = b.draw(arrays((shape[-1], 2)))[0].tolist()
    forms = [f"{a} @ np.array({matrix})", f"matmul({a}, {b.node()})"]
    if len(shape) == 2:
        forms += [f"{a} @ {a}.T", f"{a}.T @ {a}"]
    if len(shape) == 1:
        forms += [f"{a} @ {a}"]
    return b.choose(forms)


ALL: list[Operator] = [
    lambda b, a: "{} * {}".format(*b.pair(a)),
    lambda b, a: "{} + {}".format(*b.pair(a)),
    lambda b, a: "{} - {}".format(*b.pair(a)),
    lambda b, a: f"sin({a})",
    lambda b, a: f"{a} * {a}",
    _divide,
    lambda b, a: f"-{a}",
    lambda b, a: f"cos({a})",
    lambda b, a: f"exp({a})" if b.most(a) <= 3 else f"exp(tanh({a}))",
    lambda b, a: f"log({a})" if b.least(a) > 0.25 else f"log({a} * {a} + 1)",
    lambda b, a: f"tanh({a})",
    lambda b, a: f"relu({a})" if b.apart(a) > MARGIN else None,
    lambda b, a: f"{a} ** {b.choose([2, 3])}",
    lambda b, a: f"2 ** {a}" if b.most(a) <= 3 else None,
    _power,
    _general_power,
    _reduce,
    _where,
    _transpose,
    _reshape,
    _index,
    _concatenate,
    _broadcast,
    _matmul,
    _reduce,
    _matmul,
]


@st.composite
def composed(draw: Any, *, second: bool = False, most: int = 12) -> Composed:
    """A function that returns values and gradients of a random program; in `second`, those of
    the gradients too."""
    names = ["x", "y", "z"][: draw(st.integers(1, 3))]
    values = [draw(arrays(draw(st.sampled_from(SHAPES))))[0] for _ in names]
    builder = Builder(draw, dict(zip(names, values, strict=True)))
    for _ in range(draw(st.integers(1, most))):
        builder.grow(ALL)
    out, other = builder.last, draw(st.sampled_from(list(builder.values)))
    seeds = draw(arrays(builder.shape(out), builder.shape(other)))
    arguments = [f"{name}0" for name in names]
    lines = [f"{n} = Tensor({n}0, requires_grad=True)" for n in names] + builder.lines
    wanted = ", ".join(names)
    if second:
        starts = draw(arrays(*(np.shape(v) for v in values)))
        values += [seeds[0], *starts]
        arguments += ["s", *(f"{n}1" for n in names)]
        starting = ", ".join(f"{n}1" for n in names)
        lines += [
            f"first = grad({out}, [{wanted}], s, create_graph=True)",
            f"second = grad(first, [{wanted}], [{starting}])",
            "return [g.data for g in first], [g.data for g in second]",
        ]
    elif draw(st.booleans()):
        values += seeds
        arguments += ["s", "t"]
        lines += [
            f"gradients = grad([{out}, {other}], [{wanted}, {other}], [s, t])",
            f"return {out}.data, [g.data for g in gradients]",
        ]
    else:
        values += seeds[:1]
        arguments += ["s"]
        lines += [
            f"{out}.backward(s)",
            f"return [None if p.grad is None else p.grad.data for p in [{wanted}]]",
        ]
    header = ", ".join(arguments)
    return Composed("\n    ".join([f"def f({header}):", *lines]), header, values)


@st.composite
def tape_programs(draw: Any) -> Composed:
    """Two functions of variables one after the other on a tape, and gradients of three nodes."""
    values = [draw(st.sampled_from(POINTS)) for _ in range(3)]
    names = draw(st.sampled_from(["", ", 'x'"]))  # the same name for all of them, or none
    known = dict(zip(["x", "y", "z"], values, strict=True))
    lines = [
        "reset_tape()",
        f"x, y, z = Variable(a{names}), Variable(b{names}), Variable(c{names})",
    ]
    for k in range(1, draw(st.integers(2, 16))):
        operation = draw(st.sampled_from(["mul", "add", "sub", "sin", "log"]))
        a, b = (draw(st.sampled_from(list(reversed(known)))) for _ in range(2))
        value = _scalar(operation, known[a], known[b])
        if value is None:
            operation, value = "sin", float(np.sin(known[a]))
        operands = f"{a}, {b}" if operation in ("mul", "add", "sub") else a
        lines.append(f"v{k} = ops_{operation}({operands})")
        known[f"v{k}"] = value
    ends = [list(known)[-1], *(draw(st.sampled_from(list(known))) for _ in range(2))]
    wanted = f"[{', '.join([*known, 'x'])}]"
    lines.append(f"return {', '.join(f'{end}.value, grad({end}, {wanted})' for end in ends)}")
    return Composed("\n    ".join(["def f(a, b, c):", *lines]), "a, b, c", values)


def _scalar(operation: str, a: float, b: float) -> float | None:
    """The value, None if it is too large or too near a pole."""
    if operation == "log":
        return float(np.log(a)) if a > 0.1 else None
    if operation == "sin":
        return float(np.sin(a))
    value = {"mul": a * b, "add": a + b, "sub": a - b}[operation]
    return value if abs(value) <= LARGEST else None
