"""`check`: mark a function as the check with an id of lab.toml."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import example

__all__ = ["MARK", "always", "check", "check_id"]

MARK = "__aisys_check__"


def check(id: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Mark a function of `student`, and of what @given draws, as the check `id`.

    Goes above @given. Title, points, visibility and number of inputs are in lab.toml.
    """

    def mark(function: Callable[..., Any]) -> Callable[..., Any]:
        if hasattr(function, "hypothesis"):
            # Hypothesis' own way in for test runners: the function it calls per example.
            handle = function.hypothesis
            handle.inner_test = _one_input(handle.inner_test)
            marked = function
        else:
            marked = _one_input(function)
        setattr(marked, MARK, id)
        return marked

    return mark


def always(cases: Iterable[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Goes between `check` and @given of one argument: try each of these first, in this
    order. For what must not be left to chance. Hypothesis shrinks nothing that was given, so
    the plainest go first.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for case in reversed(list(cases)):
            function = example(case)(function)
        return function

    return add


def check_id(function: object) -> str | None:
    """The id that `check` gave to a function, or None."""
    found = getattr(function, MARK, None)
    return found if isinstance(found, str) else None


def _one_input(function: Callable[..., Any]) -> Callable[..., Any]:
    """Tell the student proxy where one input begins and how it ended."""

    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        with kwargs["student"].one_input():
            return function(*args, **kwargs)

    return run
