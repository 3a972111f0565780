"""A wheat: a receive never says from whom. The tag says which message it is.

Within one collective no two messages to a rank have the same tag. A barrier at the end keeps the
next collective, which may have other senders, from answering a receive of this one.
"""

import functools
import itertools

import torch

OPS = {
    "sum": lambda a, b: a + b,
    "prod": lambda a, b: a * b,
    "max": lambda a, b: torch.stack((a, b)).amax(dim=0),
}
OPS["mean"] = OPS["sum"]


def fenced(collective):
    @functools.wraps(collective)
    def run(x, comm, *args, **kwargs):
        result = collective(x, comm, *args, **kwargs)
        comm.barrier()
        return result

    return run


def checked(collective):
    @functools.wraps(collective)
    def run(x, comm, op="sum"):
        if op not in OPS:
            raise ValueError(f"op must be one of {list(OPS)}")
        if op == "mean" and not x.is_floating_point():
            raise TypeError("mean must have a floating dtype")
        return collective(x, comm, op)

    return run


def bounds(n, p):
    small, large = divmod(n, p)
    return list(itertools.accumulate([small + 1] * large + [small] * (p - large), initial=0))


def flat_copy(x):
    return torch.empty(x.numel(), dtype=x.dtype).copy_(x.detach().reshape(-1))


def swap(comm, out, dst, length, tag):
    arrived = torch.empty(length, dtype=out.dtype)
    comm.sendrecv(out, dst, arrived, tag=tag)
    return arrived


@checked
@fenced
def reduce_scatter(x, comm, op="sum"):
    flat, at = flat_copy(x), bounds(x.numel(), comm.size)
    part = lambda c: flat[at[c % comm.size] : at[c % comm.size + 1]]
    moving = part(comm.rank - 1)
    for k in range(2, comm.size + 1):
        own = part(comm.rank - k)
        moving = OPS[op](own, swap(comm, moving, (comm.rank + 1) % comm.size, len(own), tag=k))
    return moving / comm.size if op == "mean" else moving.clone()


@fenced
def all_gather(chunk, comm, n=None):
    n = comm.size * chunk.numel() if n is None else n
    at = bounds(n, comm.size)
    parts = [None] * comm.size
    parts[comm.rank] = flat_copy(chunk)
    for k in range(1, comm.size):
        c = (comm.rank - k) % comm.size
        out = parts[(c + 1) % comm.size]
        parts[c] = swap(comm, out, (comm.rank + 1) % comm.size, at[c + 1] - at[c], tag=100 + k)
    return torch.cat(parts)


def ring_all_reduce(x, comm, op="sum"):
    chunk = reduce_scatter(x, comm, op)
    return all_gather(chunk, comm, n=x.numel()).reshape(x.size())


@fenced
def broadcast(x, comm, root=0):
    """Whoever is my parent in the tree: the sender is what recv returns."""
    data = flat_copy(x)
    place, reach = (comm.rank - root) % comm.size, 1
    if place:
        parent = (comm.recv(data, tag=7) - root) % comm.size
        reach = 2 * (place - parent)
    for distance in (reach << k for k in itertools.count()):
        if place + distance >= comm.size:
            return data.reshape(x.size())
        comm.send(data, (place + distance + root) % comm.size, tag=7)


@checked
@fenced
def halving_doubling_all_reduce(x, comm, op="sum"):
    flat = flat_copy(x)
    q = max(1 << k for k in range(comm.size.bit_length()) if 1 << k <= comm.size)
    # Guests are the odd ones among the last 2 (p - q) ranks.
    first = comm.size - 2 * (comm.size - q)
    rank_of = [*range(first), *range(first, comm.size, 2)]
    if comm.rank not in rank_of:
        comm.send(flat, comm.rank - 1, tag=200)
        comm.recv(flat, tag=201)
        return flat.reshape(x.size())
    if comm.rank >= first:
        theirs = torch.empty_like(flat)
        guest = comm.recv(theirs, tag=200)
        flat = OPS[op](flat, theirs)

    at, me = bounds(len(flat), q), rank_of.index(comm.rank)

    def block(place, d):
        a = place - place % d
        return flat[at[a] : at[a + d]]

    d = q
    while d > 1:
        d //= 2
        out, mine = block(me ^ d, d), block(me, d)
        mine[:] = OPS[op](mine, swap(comm, out, rank_of[me ^ d], len(mine), tag=300 + d))
    if op == "mean":
        block(me, 1).div_(comm.size)
    while d < q:
        theirs = block(me ^ d, d)
        theirs[:] = swap(comm, block(me, d), rank_of[me ^ d], len(theirs), tag=400 + d)
        d *= 2
    if comm.rank >= first:
        comm.send(flat, guest, tag=201)
    return flat.reshape(x.size())


COSTS = {
    "ring": lambda p, q, n, a, b: 2 * (p - 1) * a + 2 * (p - 1) / p * n * b,
    "tree": lambda p, q, n, a, b: 2 * (q.bit_length() - (p == q)) * (a + n * b),
    "halving_doubling": lambda p, q, n, a, b: (
        2 * (q.bit_length() - 1) * a + 2 * (q - 1) / q * n * b + 2 * (p != q) * (a + n * b)
    ),
}


def cost(algorithm, p, n, alpha, beta):
    if algorithm not in COSTS:
        raise ValueError(f"algorithm must be one of {list(COSTS)}")
    return float(COSTS[algorithm](p, 2 ** (p.bit_length() - 1), n, alpha, beta))
