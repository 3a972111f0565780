"""Random functions of 1 to 12 operators, with PyTorch's value and tangent.

Theory of operation
-------------------
A builder grows a function one operator at a time, each on top of the last one, with a
second operand from anywhere. It evaluates every operator with PyTorch's duals as it goes
and takes back one that leaves the safe region: too near a kink or a pole, too large a value
or a tangent. A right answer is then never lost to rounding. At the end the operators become
text; a node that is used once is written where it is used.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from hypothesis import strategies as st
from programs import NAMES, array, dual_inputs, numbers
from torch.autograd import forward_ad

__all__ = ["Program", "grown_at", "programs"]

LARGEST_VALUE = 50.0
LARGEST_TANGENT = 500.0
MARGIN = 1e-3  # least distance from a kink
SHAPES = [(), (2,), (2, 3), (1,), (3, 1), (2, 1, 3), (1, 3), (2, 2, 1, 2), (0, 3), (3,)]


@dataclass
class Program:
    """f as text, and where to evaluate it."""

    source: str
    names: str
    values: list[Any]
    tangents: list[Any]


class Builder:
    """Nodes by name: their text and their value as one of PyTorch's duals."""

    def __init__(self, draw: Any, inputs: dict[str, Any]) -> None:
        self.draw = draw
        self.values: dict[str, Any] = dict(inputs)
        self.text: dict[str, str] = {}  # of every node but the inputs
        self.last = next(iter(inputs))

    def grow(self, operators: list[Operator]) -> None:
        """One more node on top of the last one, if what is drawn is fit for its value."""
        operator = self.choose(operators)
        try:
            text = operator(self, self.last)
            value = None if text is None else self.evaluate(text)
        except RuntimeError:  # shapes that do not go together
            return
        if value is not None and _is_moderate(value):
            self.last = f"v{len(self.text) + 1}"
            self.text[self.last] = text
            self.values[self.last] = value

    # -- for the operators below

    def choose(self, options: Any) -> Any:
        return self.draw(st.sampled_from(options))

    def evaluate(self, text: str) -> Any:
        return eval(text, NAMES, self.values)  # noqa: S307 - our own text

    def plain(self, text: str) -> Any:
        value = self.values[text] if text in self.values else self.evaluate(text)
        return torch.as_tensor(value, dtype=torch.float64).detach()

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.values[name].shape)

    def least(self, text: str) -> float:
        """The least entry; 1 if there is none."""
        value = self.plain(text)
        return value.min().item() if value.numel() else 1.0

    def most(self, text: str) -> float:
        """The largest magnitude."""
        value = self.plain(text)
        return value.abs().max().item() if value.numel() else 0.0

    def apart(self, text: str) -> float:
        """The least magnitude; 1 if there is none."""
        value = self.plain(text)
        return value.abs().min().item() if value.numel() else 1.0

    def other(self) -> str:
        """A second operand: a node that there is, or a constant of one of four kinds."""
        nodes = list(self.values)
        kind = self.draw(st.integers(0, len(nodes) + 3))
        if kind < len(nodes):
            return nodes[kind]
        number = self.draw(numbers)
        shape = self.shape(self.last)
        constant = [f"{number}", f"{int(number * 8)}", f"np.float64({number})"][kind - len(nodes) :]
        if not constant:
            return self.constant(shape[-1:]) if shape and shape[-1] else f"{abs(number)}"
        return f"({constant[0]})" if constant[0].startswith("-") else constant[0]

    def constant(self, shape: tuple[int, ...]) -> str:
        """An array as text."""
        return f"np.array({array(self.draw, shape).tolist()})"

    def pair(self, name: str) -> tuple[str, str]:
        """The node and another operand, in either order."""
        other = self.other()
        return (other, name) if self.draw(st.booleans()) else (name, other)

    # -- as text

    def source(self, header: str, results: list[str]) -> str:
        """The header and the lines that compute these nodes and return them."""
        needed = self._needed(results)
        uses = " ".join([*(self.text[name] for name in needed), *results])
        lines: list[str] = []
        inside: dict[str, str] = {}
        for name in needed:
            text = _fill(self.text[name], inside)
            if len(re.findall(rf"\b{name}\b", uses)) == 1:
                inside[name] = text if _is_closed(text) else f"({text})"
            else:
                lines.append(f"{name} = {text}")
        returned = ", ".join(_bare(_fill(name, inside)) for name in results)
        if not lines:
            return f"{header} return {returned}"
        return "\n    ".join([header, *lines, f"return {returned}"])

    def _needed(self, results: list[str]) -> list[str]:
        """The nodes that the results rest on, in order."""
        live = set(results)
        for name in reversed(self.text):
            if name in live:
                live.update(_NODE.findall(self.text[name]))
        return [name for name in self.text if name in live]


_NODE = re.compile(r"\bv\d+\b")


def _fill(text: str, inside: dict[str, str]) -> str:
    return _NODE.sub(lambda found: inside.get(found.group(), found.group()), text)


def _is_closed(text: str) -> bool:
    """Whether the text is one call, name or bracket and needs no brackets around it."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth == 0 and letter in " -":
            return False
    return True


def _bare(text: str) -> str:
    return text[1:-1] if text.startswith("(") and _is_closed(text) else text


def _is_moderate(node: Any) -> bool:
    value, tangent = forward_ad.unpack_dual(node)
    if value.ndim > 4 or value.numel() > 48:
        return False
    # Written so that a NaN is not moderate.
    return not value.numel() or (
        value.abs().max().item() <= LARGEST_VALUE
        and (tangent is None or tangent.abs().max().item() <= LARGEST_TANGENT)
    )


# -- operators: from a builder and its last node to text, or None if none is fit ---------------

Operator = Callable[[Builder, str], str | None]


def _divide(b: Builder, a: str) -> str:
    left, right = b.pair(a)
    return f"{left} / {right}" if b.apart(right) > 0.1 else f"{left} / ({right} * {right} + 1)"


def _general_power(b: Builder, a: str) -> str | None:
    left, right = b.pair(a)
    # PyTorch takes an exponent whose value is 0 for a constant, and a derivative lowers the
    # exponent by 1: at whole exponents its higher derivatives are wrong.
    exponent = b.plain(right)
    whole = exponent.numel() and (exponent - exponent.round()).abs().min().item() <= MARGIN
    fit = b.least(left) > 0.1 and b.most(right) <= 3 and not whole
    return f"{left} ** {right}" if fit else None


def _maximum(b: Builder, a: str) -> str | None:
    left, right = b.pair(a)
    return f"maximum({left}, {right})" if b.apart(f"({left} - {right})") > MARGIN else None


def _where(b: Builder, a: str) -> str | None:
    left, right = b.pair(a)
    if b.apart(f"({left} - {right})") <= MARGIN:
        return None
    return f"where({left} > {right}, {a}, {b.other()})"


def _sum(b: Builder, a: str) -> str:
    last = len(b.shape(a)) - 1
    forms = ["", ", keepdims=True"]
    if last >= 0:
        forms += [", axis=0", ", axis=-1, keepdims=True", f", axis={last}"]
    if last >= 1:
        forms += [", axis=(0, -1)", ", axis=(-2, -1), keepdims=True"]
    return f"sum({a}{b.choose(forms)})"


def _transpose(b: Builder, a: str) -> str | None:
    axes = list(itertools.permutations(range(len(b.shape(a)))))
    return f"transpose({a}, {b.choose(axes)})" if len(axes) > 1 else None


def _reshape(b: Builder, a: str) -> str:
    shape = b.shape(a)
    return f"reshape({a}, {b.choose([-1, (-1, 1), (1, *shape), shape[::-1]])})"


def _matmul(b: Builder, a: str) -> str | None:
    shape = b.shape(a)
    if not shape or 0 in shape:
        return None
    return b.choose(
        [
            f"matmul({a}, {b.constant((shape[-1], 2))})",
            f"matmul({b.constant((2, *shape[-2:][:1]))}, {a})",
            f"matmul({a}, {b.constant(shape[-1:])})",
            f"matmul(transpose({a}), {a})",
        ]
    )


SCALAR: list[Operator] = [
    lambda b, a: "{} * {}".format(*b.pair(a)),
    lambda b, a: "{} + {}".format(*b.pair(a)),
    lambda b, a: "{} - {}".format(*b.pair(a)),
    lambda b, a: f"sin({a})",
    lambda b, a: f"{a} ** 2",
    _divide,
    lambda b, a: f"-{a}",
    lambda b, a: f"cos({a})",
    lambda b, a: f"exp({a})" if b.most(a) <= 3 else f"exp(tanh({a}))",
    lambda b, a: f"log({a})" if b.least(a) > 0.1 else f"log({a} * {a} + 1)",
    lambda b, a: f"sqrt({a})" if b.least(a) > 0.1 else f"sqrt({a} * {a} + 1)",
    lambda b, a: f"tanh({a})",
    lambda b, a: f"sigmoid({a})",
    lambda b, a: f"tan({a})" if b.most(a) <= 1.25 else f"tan(sin({a}))",
    lambda b, a: f"relu({a})" if b.apart(a) > MARGIN else None,
    lambda b, a: f"{a} ** 3",
    lambda b, a: f"{a} ** -1" if b.apart(a) > 0.25 else f"1 / ({a} * {a} + 1)",
    lambda b, a: f"{a} ** 1.5" if b.least(a) > 0.1 else None,
    lambda b, a: f"2 ** {a}" if b.most(a) <= 4 else None,
    lambda b, a: f"np.float64(0.5) ** {a}" if b.most(a) <= 4 else None,
    _general_power,
    _maximum,
    _where,
]
ALL: list[Operator] = [*SCALAR, _sum, _transpose, _reshape, _matmul, _sum, _matmul]


@st.composite
def programs(draw: Any, *, inputs: int = 2, most: int = 12) -> Program:
    """A function of `inputs` floats or arrays; it returns a tuple in one of four draws."""
    names = ["x", "y", "z"][:inputs]
    shapes = [draw(st.sampled_from(SHAPES)) for _ in names]
    values = [array(draw, shape) for shape in shapes]
    tangents = [array(draw, shape) for shape in shapes]
    with dual_inputs(values, tangents) as duals:
        builder = Builder(draw, dict(zip(names, duals, strict=True)))
        for _ in range(draw(st.integers(1, most))):
            builder.grow(ALL)
        results = [builder.last]
        if draw(st.integers(0, 3)) == 3:
            results.append(draw(st.sampled_from(list(builder.values))))
    header = ", ".join(names)
    return Program(builder.source(f"def f({header}):", results), header, values, tangents)


def grown_at(draw: Any, values: dict[str, float], header: str, *, most: int) -> str:
    """A function of floats as text, safe at these values; header is its "def ...:" line."""
    points = list(values.values())
    with dual_inputs(points, [1.0] * len(points)) as duals:
        builder = Builder(draw, dict(zip(values, duals, strict=True)))
        for _ in range(draw(st.integers(1, most))):
            builder.grow(SCALAR)
    return builder.source(header, [builder.last])
