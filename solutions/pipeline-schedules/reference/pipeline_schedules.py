"""Pipeline schedules: GPipe, 1F1B, interleaved 1F1B, zero bubble, and a step of training on them.

p ranks, m microbatches, v chunks of the model on each rank. A schedule is a list for each rank of
entries (op, microbatch, chunk) in the order in which the rank does them; None is an idle slot. Chunk
c of rank r is stage c * p + r of the model. The full contract: aisys lab show.
"""

from __future__ import annotations

import torch


def gpipe(p: int, m: int) -> list[list]:
    """All forwards first, then all backwards."""
    order = [("F", i, 0) for i in range(m)] + [("B", i, 0) for i in range(m)]
    return [list(order) for _ in range(p)]


def peak_activations(schedule: list[list]) -> list[int]:
    """For each rank, how many activations it holds at most at a time."""
    split = any(entry is not None and entry[0] == "W" for order in schedule for entry in order)
    release = "W" if split else "B"
    peaks = []
    for order in schedule:
        live = peak = 0
        for entry in order:
            if entry is not None:
                live += (entry[0] == "F") - (entry[0] == release)
            peak = max(peak, live)
        peaks.append(peak)
    return peaks


def _needs(op: str, i: int, stage: int, last: int) -> list[tuple]:
    """The operations (op, microbatch, stage) that one has to wait for."""
    if op == "F":
        return [("F", i, stage - 1)] if stage > 0 else []
    if op == "B":
        return [("F", i, stage)] + ([("B", i, stage + 1)] if stage < last else [])
    return [("B", i, stage)]


def bubble_fraction(schedule: list[list], t_f: float = 1, t_b: float = 1, t_w: float = 1) -> float:
    """The part of p * makespan in which the ranks are idle."""
    p = len(schedule)
    times = {"F": t_f, "B": t_b, "W": t_w}
    left = [[entry for entry in order if entry is not None] for order in schedule]
    last = p * (1 + max(entry[2] for order in left for entry in order)) - 1
    at, free, end = [0] * p, [0.0] * p, {}
    moved = True
    while moved:
        moved = False
        for rank in range(p):
            while at[rank] < len(left[rank]):
                op, i, chunk = left[rank][at[rank]]
                needs = _needs(op, i, chunk * p + rank, last)
                if any(need not in end for need in needs):
                    break
                start = max([free[rank], *(end[need] for need in needs)])
                free[rank] = end[op, i, chunk * p + rank] = start + times[op]
                at[rank] += 1
                moved = True
    if any(at[rank] < len(left[rank]) for rank in range(p)):
        raise ValueError("the schedule cannot run: ranks wait for each other")
    busy = sum(times[entry[0]] for order in left for entry in order)
    return 1 - busy / (p * max(free))


def _one_by_one(forwards: list, backwards: list, warmup: int) -> list:
    """`warmup` forwards, then a forward and a backward in turn, then the backwards left."""
    warmup = min(warmup, len(forwards))
    order = forwards[:warmup]
    for forward, backward in zip(forwards[warmup:], backwards):
        order += [forward, backward]
    return order + backwards[len(forwards) - warmup :]


def one_f_one_b(p: int, m: int) -> list[list]:
    """As few activations as possible in the time of GPipe."""
    forwards = [("F", i, 0) for i in range(m)]
    backwards = [("B", i, 0) for i in range(m)]
    return [_one_by_one(forwards, backwards, p - 1 - rank) for rank in range(p)]


def interleaved_one_f_one_b(p: int, m: int, v: int) -> list[list]:
    """1F1B with v chunks of the model on each rank."""
    rounds = max(1, m // p)
    forwards, backwards, first = [], [], 0
    for number in range(rounds):
        size = m // rounds + (number < m % rounds)
        group = range(first, first + size)
        forwards += [("F", i, chunk) for chunk in range(v) for i in group]
        backwards += [("B", i, chunk) for chunk in reversed(range(v)) for i in group]
        first += size
    most = -(-m // rounds)
    return [
        _one_by_one(forwards, backwards, (v - 1) * most + 2 * (p - 1 - rank)) for rank in range(p)
    ]


def zero_bubble(p: int, m: int, max_live: int | list[int]) -> list[list]:
    """The backward in two halves: B for the input, W for the weights, which can wait."""
    caps = [max_live] * p if isinstance(max_live, int) else max_live
    schedule: list[list] = [[] for _ in range(p)]
    done = [{"F": 0, "B": 0, "W": 0} for _ in range(p)]
    while any(counts["W"] < m for counts in done):
        before = [dict(counts) for counts in done]
        for rank, counts in enumerate(before):
            f, b, w = counts["F"], counts["B"], counts["W"]
            ready = {
                "F": f < (m if rank == 0 else before[rank - 1]["F"])
                and f - w < caps[rank]
                and f - b < 2 * (p - rank) - 1,
                "B": b < (f if rank == p - 1 else before[rank + 1]["B"]),
                "W": w < b,
            }
            for op in "FBW":
                if ready[op]:
                    schedule[rank].append((op, counts[op], 0))
                    done[rank][op] += 1
                    break
    return schedule


def run_schedule(order: list, stages: list, comm) -> None:
    """One training step of this rank: its operations in order, what they need and make by comm."""
    p, rank = comm.size, comm.rank
    count = p * len(stages)
    works, kept = [], {}

    def send(op: str, i: int, stage: int, tensor: torch.Tensor) -> None:
        if stage % p == rank:
            kept[op, i, stage] = tensor
        else:
            works.append(comm.isend(tensor, stage % p, tag=2 * (i * count + stage) + (op == "B")))

    def receive(op: str, i: int, stage: int, src: int) -> torch.Tensor:
        if src % p == rank:
            return kept.pop((op, i, stage))
        tensor = stages[stage // p].buffer(i)
        comm.recv(tensor, src % p, tag=2 * (i * count + stage) + (op == "B"))
        return tensor

    for op, i, chunk in filter(None, order):
        stage = chunk * p + rank
        if op == "F":
            y = stages[chunk].forward(i, receive("F", i, stage, stage - 1) if stage else None)
            if stage < count - 1:
                send("F", i, stage + 1, y)
        elif op == "B":
            dy = receive("B", i, stage, stage + 1) if stage < count - 1 else None
            dx = stages[chunk].backward(i, dy)
            if stage > 0:
                send("B", i, stage - 1, dx)
        else:
            stages[chunk].weights(i)
    for work in works:
        work.wait()
