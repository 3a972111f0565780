"""Each operation has a number by a formula, and a rank's list is sorted by it."""

from __future__ import annotations

from itertools import accumulate

import torch


def gpipe(p, m):
    def tick(op, i, rank):
        return rank + i if op == "F" else (m + p - 1) + (p - 1 - rank) + i

    return [
        sorted([(op, i, 0) for op in "FB" for i in range(m)], key=lambda e: tick(e[0], e[1], rank))
        for rank in range(p)
    ]


def one_f_one_b(p, m):
    def tick(rank, entry):
        op, i, _ = entry
        if op == "B":
            return 2 * p - 1 - rank + 2 * i
        return rank + i if i < p - rank else rank + 2 * i

    entries = [(op, i, 0) for i in range(m) for op in "FB"]
    return [sorted(entries, key=lambda entry, r=rank: tick(r, entry)) for rank in range(p)]


def interleaved_one_f_one_b(p, m, v):
    rounds = max(1, m // p)
    starts = torch.arange(m).tensor_split(rounds)
    widest = max(len(one) for one in starts)

    def number(op, i, c):
        for one in starts:
            first, size = int(one[0]), len(one)
            if first <= i < first + size:
                turn = c if op == "F" else v - 1 - c
                return first * v + turn * size + i - first

    def place(rank, op, i, c):
        # The backward number b comes after the forward number b + warmup; the least warm-up.
        warmup = (v - 1) * widest + (p - 1 - rank)
        return (number(op, i, c) - warmup, 0) if op == "F" else (number(op, i, c), 1)

    entries = [(op, i, c) for op in "FB" for i in range(m) for c in range(v)]
    return [sorted(entries, key=lambda e, r=rank: place(r, *e)) for rank in range(p)]


def zero_bubble(p, m, max_live):
    caps = [max_live] * p if isinstance(max_live, int) else list(max_live)
    schedule = []
    for rank in range(p):
        if min(caps) >= 2 * p - 1:
            ahead, late = 2 * (p - rank) - 1, min(2 * rank, max(0, m - p + rank))
        elif min(caps) >= p:
            ahead, late = p - rank, rank
        else:
            ahead = min(caps[rank], p - rank)
            late = 0
        keys = {}
        for i in range(m):
            keys["F", i, 0] = (i - ahead + 1, 0)
            keys["B", i, 0] = (i, 1)
            keys["W", i, 0] = (i + late, 2)
        schedule.append(sorted(keys, key=keys.get))
    if any(caps[rank] < p - rank for rank in range(p)):
        return [[(op, i, 0) for i in range(m) for op in "FBW"] for _ in range(p)]
    return schedule


def peak_activations(schedule):
    last = "W" if any(e and e[0] == "W" for order in schedule for e in order) else "B"
    return [
        max(accumulate({"F": 1, last: -1}.get(e[0], 0) if e else 0 for e in order))
        for order in schedule
    ]


def bubble_fraction(schedule, t_f=1, t_b=1, t_w=1):
    """The longest path, relaxed until nothing changes: a cycle would grow for ever."""
    p = len(schedule)
    takes = {"F": t_f, "B": t_b, "W": t_w}
    edges, nodes = [], {}
    last = max(e[2] for order in schedule for e in order if e) * p + p - 1
    for rank, order in enumerate(schedule):
        mine = [(e[0], e[1], e[2] * p + rank) for e in order if e]
        nodes.update((one, float(takes[one[0]])) for one in mine)
        edges += zip(mine, mine[1:])
        for op, i, s in mine:
            if op == "F" and s > 0:
                edges.append((("F", i, s - 1), (op, i, s)))
            elif op == "B":
                edges.append((("F", i, s), (op, i, s)))
                if s < last:
                    edges.append((("B", i, s + 1), (op, i, s)))
            elif op == "W":
                edges.append((("B", i, s), (op, i, s)))
    if any(a not in nodes for a, _ in edges):
        raise ValueError("something never happens")
    end = dict(nodes)
    for _ in range(len(nodes) + 1):
        changed = False
        for a, b in edges:
            if end[a] + nodes[b] > end[b]:
                end[b] = end[a] + nodes[b]
                changed = True
        if not changed:
            return 1.0 - sum(nodes.values()) / (p * max(end.values()))
    raise ValueError("a circle")


class _Post:
    """Letters between stages; a stage on the same rank is handed its letter."""

    def __init__(self, stages, comm):
        self.stages, self.comm = stages, comm
        self.count = comm.size * len(stages)
        self.own, self.sent = {}, []

    def tag(self, kind, i, stage):
        return (kind * self.count + stage) * 1000 + i

    def put(self, kind, i, stage, tensor):
        if not 0 <= stage < self.count:
            return
        if self.comm.size == 1:
            self.own[kind, i, stage] = tensor
            return
        self.sent.append(self.comm.isend(tensor, stage % self.comm.size, self.tag(kind, i, stage)))

    def get(self, kind, i, stage):
        if not 0 <= stage - (1, -1)[kind] < self.count:
            return None
        if self.comm.size == 1:
            return self.own.pop((kind, i, stage))
        tensor = self.stages[0].buffer(i)
        self.comm.recv(tensor, None, self.tag(kind, i, stage))  # the tag says it all
        return tensor


def run_schedule(order, stages, comm):
    post = _Post(stages, comm)
    for entry in order:
        if entry is not None:
            op, i, chunk = entry
            s = chunk * comm.size + comm.rank
            if op == "F":
                post.put(0, i, s + 1, stages[chunk].forward(i, post.get(0, i, s)))
            elif op == "B":
                post.put(1, i, s - 1, stages[chunk].backward(i, post.get(1, i, s)))
            else:
                stages[chunk].weights(i)
    for work in post.sent:
        work.wait()
