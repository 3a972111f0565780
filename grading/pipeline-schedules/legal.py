"""Legal schedules of every sort, drawn at random, and what they cost with any times.

A schedule is drawn by running it: whenever a rank is free, one of the operations that it could
start is taken. So it may be slow and hold many activations, microbatches may overtake each other,
and ranks may differ in their order; but it can run.
"""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from hypothesis import strategies as st
from ticks import FUSED, SPLIT, needs, written

__all__ = ["Case", "bubble", "cases", "peaks", "stuck"]


class Case(NamedTuple):
    schedule: list[list[Any]]
    p: int
    m: int
    v: int
    split: bool

    def __str__(self) -> str:
        return written(self.schedule)


PRIORITIES = ("BFW", "FBW", "WBF", "FWB")


def cases(most: int = 40, *, ranks: int = 5, idles: bool = True) -> st.SearchStrategy[Case]:
    """Schedules of at most `most` microbatches times stages, half of them with W."""
    shapes = [
        (p, m, v, split)
        for p in range(1, ranks + 1)
        for m in range(1, 8)
        for v in (1, 2, 3)
        for split in (False, True)
        if p * m * v <= most and (m > 1 or p * v < 4)
    ]
    shapes.sort(key=lambda one: (one[0] * one[1] * one[2], one))

    @st.composite
    def draw_case(draw: Any) -> Case:
        p, m, v, split = draw(st.sampled_from(shapes))
        rng = random.Random(draw(st.integers(0, 9999)))  # noqa: S311 - no secret
        wild = draw(st.sampled_from([0.0, 0.3, 1.0]))
        return Case(_drawn(p, m, v, rng, wild, split=split, idles=idles), p, m, v, split)

    return draw_case()


def _drawn(
    p: int, m: int, v: int, rng: random.Random, wild: float, *, split: bool, idles: bool
) -> list[list[Any]]:
    """`wild`: how often it is any operation, and not the first by the rank's priorities."""
    ops = SPLIT if split else FUSED
    same = rng.random() < 0.5  # on all ranks: backwards as soon as they can
    firsts = ["BFW" if same else rng.choice(PRIORITIES) for _ in range(p)]
    left = [
        [(op, i, c) for op in first if op in ops for i in range(m) for c in range(v)]
        for first in firsts
    ]
    schedule: list[list[Any]] = [[] for _ in range(p)]
    done: set[Any] = set()
    while any(left):
        now = []
        for rank in range(p):
            ready = [one for one in left[rank] if all(x in done for x in needs(one, rank, p, v))]
            if ready and not (idles and rng.random() < wild / 4):
                entry = rng.choice(ready) if rng.random() < wild else ready[0]
                left[rank].remove(entry)
                schedule[rank].append(entry)
                now.append((rank, entry))
            elif idles and left[rank] and rng.random() < 0.5:
                schedule[rank].append(None)
        done.update(now)
    return schedule


def peaks(case: Case) -> list[int]:
    release = "W" if case.split else "B"
    found = []
    for order in case.schedule:
        live = [0]
        for entry in filter(None, order):
            live.append(live[-1] + (entry[0] == "F") - (entry[0] == release))
        found.append(max(live))
    return found


def bubble(case: Case, times: list[float]) -> float:
    """Idle time over p * makespan: the longest path through operations and dependencies."""
    takes = dict(zip("FBW", times, strict=True))
    before: dict[Any, list[Any]] = {}
    for rank, order in enumerate(case.schedule):
        last = None
        for entry in filter(None, order):
            before[rank, entry] = needs(entry, rank, case.p, case.v)
            if last is not None:
                before[rank, entry].append((rank, last))
            last = entry
    end: dict[Any, float] = {}
    waiting = list(before)
    while waiting:
        later = []
        for key in waiting:
            if all(one in end for one in before[key]):
                end[key] = takes[key[1][0]] + max([end[one] for one in before[key]], default=0.0)
            else:
                later.append(key)
        assert len(later) < len(waiting)
        waiting = later
    makespan = max(end.values())
    busy = sum(takes[entry[0]] for _, entry in before)
    return 1.0 - busy / (case.p * makespan)


def stuck(case: Case, pick: int) -> list[list[Any]]:
    """A schedule that cannot run: two ranks wait for each other, or an operation comes before one
    that it needs on its own rank, or one that others need is not there."""
    kind, rank = pick % 3, pick // 3 % case.p
    if kind == 0 and case.p > 1:
        one, two = [[(op, i, 0) for op in "FB"] for i in range(2)]
        return [[*one, *two], *([one[0], two[0], one[1], two[1]] for _ in range(case.p - 1))]
    orders = [[one for one in order if one is not None] for order in case.schedule]
    forward = orders[rank].index(("F", case.m - 1, 0))
    if kind == 1 and case.split:
        orders[rank].remove(("W", 0, 0))
        orders[rank].insert(0, ("W", 0, 0))
    elif kind == 1:
        orders[rank].append(orders[rank].pop(forward))
    else:
        orders[rank].pop(forward)
    return orders
