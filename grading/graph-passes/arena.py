"""How small an arena can be: what task 7 asks for, and so in no file that students have."""

from __future__ import annotations

from typing import Any

from graphs import Graph, nbytes, show
from judging import last_steps, plan_of, takes_over, wrong

SEARCHED = 12  # buffers, for which every placement is tried


def arena_is_small(student: Any, graph: Graph, order: list[int]) -> None:
    """No larger than best-fit makes it; for a few buffers, the smallest there is."""
    plan, shown = plan_of(student, graph, order)
    nodes = {node.id: node for node in graph.nodes}
    peak = max((offset + nbytes(nodes[id]) for id, (_, offset) in plan.items()), default=0)
    buffers = buffers_of(graph, order, last_steps(graph, order))
    most = peak_of(buffers, best_fit(buffers))
    right = f"best-fit needs {most} bytes"
    if len(buffers) <= SEARCHED:
        most = smallest_peak(buffers, most)
        right = f"the smallest there is: {most} bytes"
    if peak > most:
        lines = [f"%{id}: buffer {b}, offset {o}" for id, (b, o) in plan.items()]
        theirs = show(f"{peak} bytes", *lines[:30])
        raise wrong("the arena is too large", shown, theirs, right)


Buffer = tuple[int, int, int]  # first step, last step, bytes


def buffers_of(graph: Graph, order: list[int], last: dict[int, int]) -> list[Buffer]:
    """With every value in place of the first of its arguments that allows it."""
    nodes = {node.id: node for node in graph.nodes}
    place: dict[int, int] = {}
    buffers: list[Buffer] = []
    for step, id in enumerate(order):
        node = nodes[id]
        if node.op in ("input", "const"):
            continue
        given = [a for a in node.args if a in place and takes_over(node, nodes[a], step, last)]
        if given:
            place[id] = place[given[0]]
            start, _, size = buffers[place[id]]
            buffers[place[id]] = start, last[id], size
        else:
            place[id] = len(buffers)
            buffers.append((step, last[id], nbytes(node)))
    return buffers


def best_fit(buffers: list[Buffer]) -> list[int]:
    offsets: list[int] = []
    live: list[tuple[int, int, int]] = []
    for start, end, size in buffers:
        live = sorted(one for one in live if one[2] >= start)
        top, gaps = 0, []
        for offset, above, _ in live:
            if offset - top >= size:
                gaps.append((offset - top, top))
            top = max(top, above)
        offset = min(gaps)[1] if gaps else top
        offsets.append(offset)
        live.append((offset, offset + size, end))
    return offsets


def peak_of(buffers: list[Buffer], offsets: list[int]) -> int:
    return max((o + b[2] for b, o in zip(buffers, offsets, strict=True)), default=0)


def live_maximum(buffers: list[Buffer]) -> int:
    steps = {start for start, _, _ in buffers}
    return max((sum(b[2] for b in buffers if b[0] <= t <= b[1]) for t in steps), default=0)


def smallest_peak(buffers: list[Buffer], most: int) -> int:
    """Over all placements; `most` is the peak of one. Some best placement arises by putting
    the buffers down from the lowest to the highest, each on top of those it must not overlap."""
    steps = sorted({start for start, _, _ in buffers})
    spans = [[k for k, t in enumerate(steps) if b[0] <= t <= b[1]] for b in buffers]
    least, best = live_maximum(buffers), most
    rest = [sum(b[2] for b in buffers if b[0] <= t <= b[1]) for t in steps]

    def put(tops: list[int], rest: list[int], left: tuple[int, ...], low: tuple[int, int]) -> None:
        nonlocal best
        floor = low[0]
        need = max((max(t, floor) + r if r else t for t, r in zip(tops, rest, strict=True)))
        if need >= best or best == least:
            return
        if not left:
            best = need
        for i in left:
            offset = max(tops[k] for k in spans[i])
            if (offset, i) > low:  # of those at one offset, only in the order of their numbers
                above, less = tops.copy(), rest.copy()
                for k in spans[i]:
                    above[k] = offset + buffers[i][2]
                    less[k] -= buffers[i][2]
                put(above, less, tuple(j for j in left if j != i), (offset, i))

    if buffers:
        put([0] * len(steps), rest, tuple(range(len(buffers))), (0, -1))
    return best
