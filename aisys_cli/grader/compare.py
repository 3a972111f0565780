"""`agree`: compare what a submission returned with what an oracle says, and keep the data.

|a - b| <= atol * scale + rtol * |b|, where scale is the largest finite |b|, at least 1.
Integers, booleans and strings must be equal; NaN equals NaN; a float and a rank-0
float64 array are the same; other dtypes and shapes must match.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from aisys_cli.language import N_

__all__ = ["Difference", "Mismatch", "agree", "describe", "difference"]

MAX_ITEMS = 24
ONE_LINE = 56  # characters of a dict that is written on one line


@dataclass(frozen=True)
class Difference:
    """Where and how two values first differ; `index` is "" when they differ as wholes."""

    why: str
    index: str
    got: Any
    expected: Any


class Mismatch(Exception):
    """A wrong answer, as data. str() is for people only and is never parsed."""

    def __init__(
        self, found: Difference, got: Any, expected: Any, *, of: str, tolerance: str, oracle: str
    ) -> None:
        super().__init__(found.why)
        self.found, self.got, self.expected = found, got, expected
        self.of, self.tolerance, self.oracle = of, tolerance, oracle


def agree(
    got: Any,
    expected: Any,
    *,
    of: object,
    rtol: float = 1e-7,
    atol: float = 1e-9,
    oracle: str = "PyTorch",
) -> None:
    """Raise Mismatch unless `got`, which a submission returned, is `expected`.

    `of` is the input as a student would write it, or a function that returns it (called
    only for a wrong answer); `oracle` is who says what is right. Both values may
    be None, bool, int, float, str, numpy arrays, and lists and dicts of these.
    """
    found = difference(got, expected, rtol=rtol, atol=atol)
    if found is not None:
        exact = not _has_floats(expected) or rtol == atol == 0
        tolerance = "exact" if exact else f"rtol {rtol:g}, atol {atol:g}"
        shown = str(of() if callable(of) else of)
        raise Mismatch(found, got, expected, of=shown, tolerance=tolerance, oracle=oracle)


def _has_floats(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_floats(item) for item in value)
    if isinstance(value, dict):
        return any(_has_floats(item) for item in value.values())
    return (
        isinstance(value, float | np.ndarray | np.generic) and np.asarray(value).dtype.kind in "fc"
    )


def difference(
    got: Any, expected: Any, *, rtol: float = 1e-7, atol: float = 1e-9, at: str = ""
) -> Difference | None:
    """The first difference between two values, or None."""
    if isinstance(expected, list | tuple):
        return _sequence(got, expected, rtol, atol, at)
    if isinstance(expected, dict):
        return _mapping(got, expected, rtol, atol, at)
    if expected is None or isinstance(expected, str | bytes | bool):
        if type(got) is type(expected) and got == expected:
            return None
        return Difference(_unlike(got, expected, at), at, got, expected)
    return _number(got, expected, rtol, atol, at)


def _sequence(got: Any, expected: Any, rtol: float, atol: float, at: str) -> Difference | None:
    if type(got) is not list:
        why = N_(f"{_kind(got)} where a sequence of {len(expected)} was expected")
        return Difference(_nothing(why, got, at), at, got, list(expected))
    if len(got) != len(expected):
        why = N_(f"{len(got)} items, expected {len(expected)}")
        return Difference(why, at, got, list(expected))
    for i, (mine, theirs) in enumerate(zip(got, expected, strict=True)):
        found = difference(mine, theirs, rtol=rtol, atol=atol, at=f"{at}[{i}]")
        if found is not None:
            return found
    return None


def _mapping(got: Any, expected: Any, rtol: float, atol: float, at: str) -> Difference | None:
    if type(got) is not dict:
        why = N_(f"{_kind(got)} where a dict was expected")
        return Difference(_nothing(why, got, at), at, got, expected)
    if list(got) != list(expected):
        why = N_(f"{_kind(got)} with other keys than expected")
        return Difference(why, at, got, expected)
    for key, theirs in expected.items():
        found = difference(got[key], theirs, rtol=rtol, atol=atol, at=f"{at}.{key}".lstrip("."))
        if found is not None:
            return found
    return None


def _number(got: Any, expected: Any, rtol: float, atol: float, at: str) -> Difference | None:
    right = np.asarray(expected)
    if type(got) not in (int, float, bool, np.ndarray) and not isinstance(got, np.generic):
        return Difference(_unlike(got, expected, at), at, got, expected)
    left = np.asarray(got)
    if left.dtype != right.dtype:
        why = N_(f"dtype {left.dtype}, expected {right.dtype}")
        return Difference(why, at, got, expected)
    if left.shape != right.shape:
        why = N_(f"shape {left.shape}, expected {right.shape}")
        return Difference(why, at, got, expected)
    if right.dtype.kind in "fc":
        bad = ~_close(left, right, rtol, atol)
    else:
        bad = left != right
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.argwhere(bad)[0])
    where = at + (str(list(index)) if index else "")
    mine, theirs = left[index].item(), right[index].item()
    why = N_("values differ")
    if bad.size > 1:
        why = N_(f"values differ in {int(bad.sum())} of {bad.size} elements")
    return Difference(_not_finite(why, mine, theirs), where, mine, theirs)


def _not_finite(why: str, mine: Any, theirs: Any) -> str:
    """In words what NaN and inf mean; they are easily read over in a row of numbers."""
    if not isinstance(mine, float):
        return why
    if math.isnan(mine):
        return N_(f"{why}; yours is NaN, not a number")
    if math.isnan(theirs):
        return N_(f"{why}; NaN was expected")
    if math.isinf(mine):
        return N_(f"{why}; yours is infinite")
    return N_(f"{why}; infinity was expected") if math.isinf(theirs) else why


def _close(left: Any, right: Any, rtol: float, atol: float) -> Any:
    magnitude = np.abs(right)
    finite = magnitude[np.isfinite(magnitude)]
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(invalid="ignore", over="ignore"):
        near = np.abs(left - right) <= atol * scale + rtol * magnitude
    near &= np.isfinite(right)  # an infinite tolerance would accept anything
    return near | (left == right) | (np.isnan(left) & np.isnan(right))


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return N_(f"an array of dtype {value.dtype} and shape {value.shape}")
    return {
        type(None): "None",
        list: N_("a sequence"),
        dict: N_("a dict"),
        int: N_("an int"),
        str: N_("a str"),
    }.get(type(value), f"a {type(value).__name__}")


def _nothing(why: str, got: Any, at: str) -> str:
    """And what a None as the whole answer most often comes from."""
    if got is not None or at:
        return why
    return N_(f"{why}; nothing was returned: is a return statement missing?")


def _unlike(got: Any, expected: Any, at: str) -> str:
    if got is None and not at:
        return N_("None was returned; is a return statement missing?")
    if type(got) is type(expected):
        return N_("values differ")
    return N_(f"{_kind(got)} where {_kind(expected)} was expected")


def describe(value: Any, *, limit: int = 400, items: int = MAX_ITEMS) -> str:
    """A value as text with shape and dtype, at most about `limit` characters; arrays of more
    than `items` elements are summarized."""
    if isinstance(value, np.ndarray):
        note = "" if value.ndim == 0 and value.dtype == np.float64 else f"   {value.dtype}"
        flat = value.ndim == 0 or (value.ndim == 1 and value.size == 1)
        text = _elements(value, items) + note + ("" if flat else f", shape {value.shape}")
    elif isinstance(value, list):
        most = items // 3
        shown = ", ".join(_part(item, limit, items) for item in value[:most])
        text = f"[{shown}{', ...' if len(value) > most else ''}]"
    elif isinstance(value, dict):
        parts = [f"{key}: {_part(item, limit, items)}" for key, item in value.items()]
        text = "{" + ", ".join(parts) + "}"
        if len(text) > ONE_LINE:
            text = "\n".join(parts)
    else:
        text = repr(value)
    return text if len(text) <= limit else text[:limit] + "..."


def _part(value: Any, limit: int, items: int) -> str:
    """A value inside another, on one line; float64 and the shape go without saying."""
    if isinstance(value, np.ndarray):
        kind = "" if value.dtype == np.float64 else f" ({value.dtype})"
        empty = f" of shape {value.shape}" if value.size == 0 else ""
        text = " ".join(_elements(value, items).split()) + kind + empty
        return text if len(text) <= limit // 2 else text[: limit // 2] + "..."
    return describe(value, limit=limit // 2, items=items)


def _elements(value: Any, items: int) -> str:
    if value.ndim == 0:
        return repr(value[()].item())
    # Each dimension of a summary multiplies what is printed by six.
    return np.array2string(
        value if value.ndim <= 4 else value.reshape(-1),
        threshold=items,
        precision=12,
        separator=", ",
        max_line_width=72,
    )
