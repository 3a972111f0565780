"""Schedules as tables with a column for each tick: who has nothing to do has an idle slot there."""

import torch

IDLE = None


class Table:
    """Filled tick by tick: `choose(rank, ready)` takes one of the operations that could start."""

    def __init__(self, p, m, v=1, ops="FB"):
        self.p, self.last = p, p * v - 1
        self.rows = [[] for _ in range(p)]
        self.when = {}
        self.open = [
            {(op, i, c) for op in ops for i in range(m) for c in range(v)} for _ in range(p)
        ]

    def before(self, rank, entry):
        op, i, c = entry
        s = c * self.p + rank
        if op == "F":
            return [("F", i, s - 1)] * (s > 0)
        if op == "B":
            return [("F", i, s)] + [("B", i, s + 1)] * (s < self.last)
        return [("B", i, s)]

    def fill(self, choose):
        tick = 0
        while any(self.open):
            for rank in range(self.p):
                ready = [
                    entry
                    for entry in self.open[rank]
                    if all(self.when.get(one, tick) < tick for one in self.before(rank, entry))
                ]
                entry = choose(rank, ready) if ready else IDLE
                self.rows[rank].append(entry)
                if entry is not IDLE:
                    self.open[rank].remove(entry)
                    op, i, c = entry
                    self.when[op, i, c * self.p + rank] = tick
            tick += 1
        return self.rows

    def count(self, rank, op):
        return sum(entry is not IDLE and entry[0] == op for entry in self.rows[rank])


def gpipe(p, m):
    # Last in, first out.
    blank = [IDLE] * (p - 1)
    rows = []
    for rank in range(p):
        away = p - 1 - rank
        forward = [("F", i, 0) for i in range(m)]
        backward = [("B", i, 0) for i in range(m - 1, -1, -1)]
        rows.append(blank[:rank] + forward + [IDLE] * (2 * away) + backward + blank[:rank])
    return rows


def one_f_one_b(p, m):
    table = Table(p, m)

    def choose(rank, ready):
        backward = [entry for entry in ready if entry[0] == "B"]
        if backward:
            return min(backward)
        full = table.count(rank, "F") - table.count(rank, "B") >= p - rank
        return IDLE if full else min(ready)

    return table.fill(choose)


def interleaved_one_f_one_b(p, m, v):
    table = Table(p, m, v)
    groups = max(1, m // p)
    group_of = [index * groups // m for index in range(m)]
    widest = max(group_of.count(one) for one in range(groups))
    orders = {
        "F": sorted((group_of[i], c, i) for i in range(m) for c in range(v)),
        "B": sorted((group_of[i], v - 1 - c, i) for i in range(m) for c in range(v)),
    }

    def choose(rank, ready):
        done = {op: table.count(rank, op) for op in "FB"}
        room = (v - 1) * widest + (p - 1 - rank) + 1
        op = "F" if done["F"] < min(m * v, done["B"] + room) else "B"
        _, c, i = orders[op][done[op]]
        entry = (op, i, c if op == "F" else v - 1 - c)
        return entry if entry in ready else IDLE

    return table.fill(choose)


def zero_bubble(p, m, max_live):
    caps = [max_live] * p if isinstance(max_live, int) else max_live
    table = Table(p, m, ops="FBW")
    roomy = min(caps) >= 2 * p - 1

    def choose(rank, ready):
        f, b, w = (table.count(rank, op) for op in "FBW")
        may = {
            "F": f - w < caps[rank] and (roomy or f - b < p - rank),
            "B": True,
            "W": True,
        }
        for op in "BFW" if roomy else "FBW":
            found = [entry for entry in ready if entry[0] == op]
            if found and may[op]:
                return min(found)
        return IDLE

    return table.fill(choose)


def peak_activations(schedule):
    w = any(entry is not IDLE and entry[0] == "W" for row in schedule for entry in row)
    peaks = []
    for row in schedule:
        live, most = 0, 0
        for entry in row:
            match entry:
                case ("F", _, _):
                    live += 1
                case ("W", _, _):
                    live -= 1
                case ("B", _, _) if not w:
                    live -= 1
            most = max(most, live)
        peaks.append(most)
    return peaks


def bubble_fraction(schedule, t_f=1, t_b=1, t_w=1):
    p = len(schedule)
    rows = [[entry for entry in row if entry is not IDLE] for row in schedule]
    table = Table(p, 1, max(entry[2] for row in rows for entry in row) + 1)
    takes = {"F": float(t_f), "B": float(t_b), "W": float(t_w)}
    place = {
        (e[0], e[1], e[2] * p + r): (r, k) for r, row in enumerate(rows) for k, e in enumerate(row)
    }
    known, open_ = {}, set()
    for start in place:  # depth first, without recursion
        stack = [start]
        while stack:
            node = stack[-1]
            if node in known:
                stack.pop()
                continue
            rank, k = place[node]
            needed = table.before(rank, rows[rank][k])
            if k:
                op, i, c = rows[rank][k - 1]
                needed = needed + [(op, i, c * p + rank)]
            if any(one not in place for one in needed):
                raise ValueError(f"{node} waits for what is not there")
            missing = [one for one in needed if one not in known]
            if not missing:
                known[node] = max([known[one] for one in needed], default=0.0) + takes[node[0]]
                open_.discard(node)
                stack.pop()
            elif node in open_ and any(one in open_ for one in missing):
                raise ValueError(f"{node} waits for itself")
            else:
                open_.add(node)
                stack += missing
    makespan = max(known.values())
    return 1.0 - sum(takes[node[0]] for node in place) / (p * makespan)


def run_schedule(order, stages, comm):
    p, rank, n = comm.size, comm.rank, comm.size * len(stages)
    desk, pending = {}, []

    def hand_on(key, tensor):
        _, i, stage = key
        if stage % p == rank:
            desk[key] = tensor
        elif 0 <= stage < n:
            tensor = tensor.contiguous()
            pending.append((comm.isend(tensor, stage % p, tag=hash_of(key)), tensor))

    def hash_of(key):
        op, i, stage = key
        return "FB".index(op) + 2 * (stage + n * i)

    def ask_for(key, source):
        if source % p == rank:
            return desk.pop(key)
        tensor = stages[0].buffer(key[1])
        comm.irecv(tensor, source % p, tag=hash_of(key)).wait()
        return tensor

    def forward(i, stage, here):
        x = ask_for(("F", i, stage), stage - 1) if stage else None
        y = here.forward(i, x)
        if stage + 1 < n:
            hand_on(("F", i, stage + 1), y)

    def backward(i, stage, here):
        dy = ask_for(("B", i, stage), stage + 1) if stage + 1 < n else None
        dx = here.backward(i, dy)
        if stage:
            hand_on(("B", i, stage - 1), dx)

    acts = {"F": forward, "B": backward, "W": lambda i, stage, here: here.weights(i)}
    for entry in order:
        if entry is not IDLE:
            op, i, chunk = entry
            acts[op](i, chunk * p + rank, stages[chunk])
    for work, _ in pending:
        work.wait()
