"""A wheat: each collective has a tag of its own, counted by the module.

That is the same on every rank as long as a process belongs to one world, which it does.
"""

from __future__ import annotations

import torch

_COMBINE = {"sum": torch.add, "mean": torch.add, "prod": torch.mul, "max": torch.maximum}
_calls = [0]


def _combiner(op, dtype):
    """The function that `op` puts between two contributions."""
    if op not in _COMBINE:
        raise ValueError(f"op = {op!r}; one of {', '.join(_COMBINE)}")
    if op == "mean" and not dtype.is_floating_point:
        raise TypeError(f"the mean of {dtype} is no {dtype}")
    return _COMBINE[op]


def _flat_copy(x):
    return x.detach().clone(memory_format=torch.contiguous_format).reshape(-1)


def reduce_scatter(x, comm, op="sum"):
    combine = _combiner(op, x.dtype)
    p, r = comm.size, comm.rank
    chunks = _flat_copy(x).tensor_split(p)
    total = chunks[(r - 1) % p]  # starts here, and is at rank r - 1 after p - 1 steps
    _calls[0] += 1
    for step in range(2, p + 1):
        arrived = torch.empty_like(chunks[(r - step) % p])
        comm.sendrecv(total, (r + 1) % p, arrived, (r - 1) % p, tag=_calls[0])
        total = combine(arrived, chunks[(r - step) % p])
    return total / p if op == "mean" else total


def all_gather(chunk, comm, n=None):
    p, r = comm.size, comm.rank
    out = torch.empty(p * chunk.numel() if n is None else n, dtype=chunk.dtype)
    chunks = out.tensor_split(p)
    chunks[r].copy_(chunk.detach().reshape(-1))
    for step in range(p - 1):
        have, get = chunks[(r - step) % p], chunks[(r - step - 1) % p]
        comm.sendrecv(have, (r + 1) % p, get, (r - 1) % p)
    return out


def ring_all_reduce(x, comm, op="sum"):
    return all_gather(reduce_scatter(x, comm, op), comm, x.numel()).reshape(x.shape)


def broadcast(x, comm, root=0):
    p = comm.size
    place = (comm.rank - root) % p  # the root is at place 0 of the tree
    data = _flat_copy(x)
    have = 1  # places 0 .. have - 1 have the data
    while have < p:
        if place < have and place + have < p:
            comm.send(data, (place + have + root) % p)
        elif have <= place < 2 * have:
            comm.recv(data, (place - have + root) % p)
        have *= 2
    return data.reshape(x.shape)


def halving_doubling_all_reduce(x, comm, op="sum"):
    combine = _combiner(op, x.dtype)
    p, r, n = comm.size, comm.rank, x.numel()
    q = 1 << (p.bit_length() - 1)
    data = _flat_copy(x)
    if r >= q:  # too many: leave the work to a partner
        comm.send(data, r - q)
        comm.recv(data, r - q)
        return data.reshape(x.shape)
    if r + q < p:
        extra = torch.empty_like(data)
        comm.recv(extra, r + q)
        data = combine(data, extra)

    at = [i * (n // q) + min(i, n % q) for i in range(q + 1)]  # where each chunk begins

    def piece(rank, d):
        """The aligned block of d chunks in which chunk number `rank` lies."""
        return data[at[rank & -d] : at[(rank & -d) + d]]

    distances = [1 << k for k in range(q.bit_length() - 1)]
    for d in reversed(distances):
        mine, arrived = piece(r, d), torch.empty_like(piece(r, d))
        comm.sendrecv(piece(r ^ d, d), r ^ d, arrived, r ^ d)
        mine.copy_(combine(mine, arrived))
    if op == "mean":
        piece(r, 1).div_(p)
    for d in distances:
        comm.sendrecv(piece(r, d), r ^ d, piece(r ^ d, d), r ^ d)
    if r + q < p:
        comm.send(data, r + q)
    return data.reshape(x.shape)


def cost(algorithm, p, n, alpha, beta):
    q = 1 << (p.bit_length() - 1)  # the largest power of two that is not above p
    rounds, volume = {
        "ring": (2 * (p - 1), 2 * (p - 1) * n / p),
        "tree": (2 * (p - 1).bit_length(), 2 * (p - 1).bit_length() * n),
        "halving_doubling": (2 * (q.bit_length() - 1), 2 * (q - 1) * n / q),
    }.get(algorithm, (None, None))
    if rounds is None:
        raise ValueError(f"algorithm = {algorithm!r}; one of ring, tree, halving_doubling")
    if algorithm == "halving_doubling" and p != q:
        rounds, volume = rounds + 2, volume + 2 * n
    return float(rounds * alpha + volume * beta)
