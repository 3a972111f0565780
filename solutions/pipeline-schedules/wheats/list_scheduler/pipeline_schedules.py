"""One list scheduler for everything: in each tick a rank takes the first operation of its list of
preferences that it can start and has room for."""

import torch


def requirements(op, i, stage, count):
    found = []
    if op == "F" and stage:
        found.append(("F", i, stage - 1))
    if op == "B":
        found.append(("F", i, stage))
        if stage + 1 < count:
            found.append(("B", i, stage + 1))
    if op == "W":
        found.append(("B", i, stage))
    return found


def list_schedule(p, v, wanted, rooms, frees):
    """wanted[rank]: its operations by preference. rooms[rank]: {op: most F without that op}."""
    count = p * v
    remaining = [list(one) for one in wanted]
    result = [[] for _ in range(p)]
    live = [dict.fromkeys(frees, 0) for _ in range(p)]
    done = set()
    while any(remaining):
        finished = []
        for rank in range(p):
            for entry in remaining[rank]:
                op, i, chunk = entry
                stage = chunk * p + rank
                if any(one not in done for one in requirements(op, i, stage, count)):
                    continue
                if op == "F" and any(live[rank][one] >= rooms[rank][one] for one in frees):
                    continue
                remaining[rank].remove(entry)
                result[rank].append(entry)
                finished.append((op, i, stage))
                for one in frees:
                    live[rank][one] += (op == "F") - (op == one)
                break
        assert finished
        done.update(finished)
    return result


def gpipe(p, m):
    wanted = [("F", i, 0) for i in range(m)] + [("B", i, 0) for i in reversed(range(m))]
    both = list_schedule(p, 1, [wanted] * p, [{"B": m}] * p, "B")
    return [sorted(order, key=lambda entry: entry[0], reverse=True) for order in both]


def one_f_one_b(p, m):
    wanted = [("B", i, 0) for i in range(m)] + [("F", i, 0) for i in range(m)]
    return list_schedule(p, 1, [wanted] * p, [{"B": p - rank} for rank in range(p)], "B")


def interleaved_one_f_one_b(p, m, v):
    rounds = max(1, m // p)
    size = -(-m // rounds)
    fat = m - rounds * (m // rounds) or rounds
    group = [g for g in range(rounds) for _ in range(size if g < fat else size - 1)]
    forwards = sorted((group[i], c, i) for i in range(m) for c in range(v))
    backwards = sorted((group[i], -c, i) for i in range(m) for c in range(v))
    wanted = [("F", i, c) for _, c, i in forwards] + [("B", i, -c) for _, c, i in backwards]
    rooms = [{"B": (v - 1) * size + 2 * (p - 1 - rank) + 1} for rank in range(p)]
    return list_schedule(p, v, [wanted] * p, rooms, "B")


def zero_bubble(p, m, max_live):
    caps = max_live if isinstance(max_live, list) else [max_live] * p
    wanted = [(op, i, 0) for op in "FBW" for i in range(m)]
    rooms = [{"W": caps[rank], "B": 2 * (p - rank) - 1} for rank in range(p)]
    return list_schedule(p, 1, [wanted] * p, rooms, "BW")


def peak_activations(schedule):
    splits = {entry[0] for order in schedule for entry in order if entry} > {"F", "B"}
    gains = {"F": 1, "B": 0 if splits else -1, "W": -1}
    peaks = []
    for order in schedule:
        steps = [gains[entry[0]] for entry in order if entry]
        peaks.append(max(sum(steps[:n]) for n in range(len(steps) + 1)))
    return peaks


def bubble_fraction(schedule, t_f=1, t_b=1, t_w=1):
    p = len(schedule)
    queues = [[entry for entry in order if entry][::-1] for order in schedule]
    total = sum(map(len, queues))
    count = p * len({entry[2] for order in queues for entry in order})
    duration = {"F": t_f, "B": t_b, "W": t_w}
    clock, ends, busy = [0.0] * p, {}, 0.0
    for _ in range(total):
        for rank in range(p):
            if not queues[rank]:
                continue
            op, i, chunk = queues[rank][-1]
            before = requirements(op, i, chunk * p + rank, count)
            if all(one in ends for one in before):
                queues[rank].pop()
                clock[rank] = max([clock[rank]] + [ends[one] for one in before]) + duration[op]
                ends[op, i, chunk * p + rank] = clock[rank]
                busy += duration[op]
                break
        else:
            raise ValueError("stuck")
    return (p * max(clock) - busy) / (p * max(clock))


def run_schedule(order, stages, comm):
    count = comm.size * len(stages)
    inbox, outbox = {}, []

    def deliver(tensor, op, i, stage):
        if stage % comm.size == comm.rank:
            inbox[op, i, stage] = tensor
        else:
            outbox.append(comm.isend(tensor, stage % comm.size, tag=i))

    def fetch(op, i, stage, origin):
        if origin % comm.size == comm.rank:
            return inbox[op, i, stage]
        tensor = stages[0].buffer(i)
        comm.recv(tensor, origin % comm.size, tag=i)
        return tensor

    for entry in order:
        if entry is None:
            continue
        op, i, chunk = entry
        stage = chunk * comm.size + comm.rank
        here = stages[chunk]
        if op == "F":
            x = None if stage == 0 else fetch(op, i, stage, stage - 1)
            y = here.forward(i, x)
            if stage != count - 1:
                deliver(y, op, i, stage + 1)
        if op == "B":
            dy = None if stage == count - 1 else fetch(op, i, stage, stage + 1)
            dx = here.backward(i, dy)
            if stage != 0:
                deliver(dx, op, i, stage - 1)
        if op == "W":
            here.weights(i)
    for work in outbox:
        work.wait()
