"""Each rank counts its steps: what it does in step k follows from k, as in libraries."""

from __future__ import annotations

from collections import deque


def gpipe(p, m):
    return [[("FB"[k // m], k % m, 0) for k in range(2 * m)] for _ in range(p)]


def one_f_one_b(p, m):
    return [_rank(m, 1, m, min(m, p - rank - 1)) for rank in range(p)]


def _rank(m, v, per, warm):
    """Warm-up, steady state and cool-down of one rank; groups of `per` microbatches."""
    total = m * v
    sizes = _sizes(m, per)

    def at(k, back):
        first = 0
        for size in sizes:
            if k < size * v:
                chunk = k // size
                return first + k % size, v - 1 - chunk if back else chunk
            k -= size * v
            first += size
        raise IndexError(k)

    mine, fs, bs = [], 0, 0
    for step in range(2 * total):
        steady = warm <= step < 2 * total - warm
        if step < warm or (steady and (step - warm) % 2 == 0):
            mine.append(("F", *at(fs, back=False)))
            fs += 1
        else:
            mine.append(("B", *at(bs, back=True)))
            bs += 1
    return mine


def _sizes(m, per):
    """As many groups as m // per, at least one; small ones first."""
    n = max(1, m // per)
    return [m // n + (g >= n - m % n) for g in range(n)]


def interleaved_one_f_one_b(p, m, v):
    widest = max(_sizes(m, p))
    return [_rank(m, v, p, min(m * v, (v - 1) * widest + 2 * (p - 1 - rank))) for rank in range(p)]


def zero_bubble(p, m, max_live):
    caps = max_live if type(max_live) is list else [max_live for _ in range(p)]
    ranks = range(p)
    if min(caps) >= 2 * p - 1:
        return [_with_w(m, 2 * (p - r) - 1, 2 * p - 1) for r in ranks]
    if min(caps) >= p:
        return [_with_w(m, p - r, p) for r in ranks]
    if all(caps[r] >= p - r for r in ranks):
        return [_with_w(m, p - r, p - r) for r in ranks]
    return [_with_w(m, 1, 1) for r in ranks]


def _with_w(m, ahead, room):
    """F until `ahead` of them wait for their B or `room` for their W; B and W in turn after."""
    order, f, b, w = [], 0, 0, 0
    while w < m:
        if f < m and f - b < ahead and f - w < room:
            order.append(("F", f, 0))
            f += 1
        elif b < f and order[-1][0] != "B":
            order.append(("B", b, 0))
            b += 1
        else:
            order.append(("W", w, 0))
            w += 1
    return order


def peak_activations(schedule):
    flat = [entry for order in schedule for entry in order if entry is not None]
    has_w = any(op == "W" for op, _, _ in flat)
    result = []
    for order in schedule:
        held, peak = set(), 0
        for entry in order:
            if entry is None:
                continue
            op, i, chunk = entry
            if op == "F":
                held.add((i, chunk))
                peak = max(peak, len(held))
            elif op == ("W" if has_w else "B"):
                held.remove((i, chunk))
        result.append(peak)
    return result


def bubble_fraction(schedule, t_f=1, t_b=1, t_w=1):
    p = len(schedule)
    todo = [deque(entry for entry in order if entry is not None) for order in schedule]
    stages = p * (max(entry[2] for order in todo for entry in order) + 1)
    cost = dict(F=t_f, B=t_b, W=t_w)
    ended, now = {}, [0] * p
    idle = 0
    while any(todo):
        progress = False
        for rank, queue in enumerate(todo):
            if not queue:
                continue
            op, i, chunk = queue[0]
            s = chunk * p + rank
            ready = {
                "F": [ended.get(("F", i, s - 1))] if s else [],
                "B": [ended.get(("F", i, s))]
                + ([ended.get(("B", i, s + 1))] if s < stages - 1 else []),
                "W": [ended.get(("B", i, s))],
            }[op]
            if None in ready:
                continue
            queue.popleft()
            start = max(ready + [now[rank]])
            idle += start - now[rank]
            now[rank] = ended[op, i, s] = start + cost[op]
            progress = True
        if not progress:
            raise ValueError(f"stuck with {sum(map(len, todo))} operations left")
    end = max(now)
    return float((idle + sum(end - one for one in now)) / (p * end))


def run_schedule(order, stages, comm):
    """All receives are started before the first operation, and each is waited for in its turn."""
    p, me = comm.size, comm.rank
    n = p * len(stages)
    arriving, same_rank, sent = {}, {}, []
    todo = [entry for entry in order if entry is not None]
    for op, i, chunk in todo:
        s = chunk * p + me
        source = {"F": s - 1, "B": s + 1}.get(op, -1)
        if 0 <= source < n and source % p != me:
            tensor = stages[chunk].buffer(i)
            tag = i * n + s if op == "F" else (i + 1000) * n + s
            arriving[op, i, s] = tensor, comm.irecv(tensor, source % p, tag=tag)
    for op, i, chunk in todo:
        s = chunk * p + me
        if op == "W":
            stages[chunk].weights(i)
            continue
        given = same_rank.pop((op, i, s), None)
        if (op, i, s) in arriving:
            given, work = arriving.pop((op, i, s))
            work.wait()
        made = stages[chunk].forward(i, given) if op == "F" else stages[chunk].backward(i, given)
        target = s + 1 if op == "F" else s - 1
        if 0 <= target < n:
            if target % p == me:
                same_rank[op, i, target] = made
            else:
                tag = i * n + target if op == "F" else (i + 1000) * n + target
                sent.append(comm.isend(made, target % p, tag=tag))
    while sent:
        sent.pop().wait()
