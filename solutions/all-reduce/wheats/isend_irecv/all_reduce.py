"""A wheat: isend, irecv and wait; the ring runs to the left; the mean is taken at the very end."""

import math

import torch

_IN_PLACE = {
    "sum": torch.Tensor.add_,
    "mean": torch.Tensor.add_,
    "prod": torch.Tensor.mul_,
    "max": lambda a, b: torch.maximum(a, b, out=a),
}


def _start(x, op):
    if not isinstance(op, str) or op not in _IN_PLACE:
        raise ValueError(f"there is no op {op!r}")
    if op == "mean" and not torch.is_floating_point(x):
        raise TypeError(f"mean needs a floating dtype, not {x.dtype}")
    return torch.tensor([], dtype=x.dtype).new_empty(x.numel()).copy_(x.detach().reshape(-1))


def _swap(comm, out, dst, into, src):
    works = [comm.irecv(into, src), comm.isend(out, dst)]
    for work in works:
        work.wait()


def _left_and_right(comm):
    return (comm.rank - 1) % comm.size, (comm.rank + 1) % comm.size


def _reduce_chunks(work, comm, op):
    """In place; chunk r of `work` is complete at rank r."""
    left, right = _left_and_right(comm)
    chunks = work.tensor_split(comm.size)
    for k in range(1, comm.size):
        out, own = chunks[(comm.rank + k) % comm.size], chunks[(comm.rank + k + 1) % comm.size]
        arrived = torch.zeros_like(own)
        _swap(comm, out, left, arrived, right)
        _IN_PLACE[op](own, arrived)
    return chunks[comm.rank]


def _gather_chunks(work, comm):
    left, right = _left_and_right(comm)
    chunks = work.tensor_split(comm.size)
    for k in range(comm.size - 1):
        out, into = chunks[(comm.rank + k) % comm.size], chunks[(comm.rank + k + 1) % comm.size]
        _swap(comm, out, left, into, right)


def reduce_scatter(x, comm, op="sum"):
    mine = _reduce_chunks(_start(x, op), comm, op).clone()
    if op == "mean":
        mine /= comm.size
    return mine


def all_gather(chunk, comm, n=None):
    if n is None:
        n = chunk.numel() * comm.size
    work = torch.zeros(n, dtype=chunk.dtype)
    work.tensor_split(comm.size)[comm.rank][:] = chunk.detach().flatten()
    _gather_chunks(work, comm)
    return work


def ring_all_reduce(x, comm, op="sum"):
    work = _start(x, op)
    _reduce_chunks(work, comm, op)
    _gather_chunks(work, comm)
    if op == "mean":
        work /= comm.size
    return work.view(x.shape)


def broadcast(x, comm, root=0):
    """The long way first: the root begins with the subtree of half of all ranks."""
    work = x.detach().flatten().clone()
    place = (comm.rank - root) % comm.size
    mask = 1 << max(comm.size - 1, 0).bit_length()
    while mask > 1:
        mask //= 2
        if place % (2 * mask) == mask:
            comm.irecv(work, (comm.rank - mask) % comm.size).wait()
        elif place % (2 * mask) == 0 and place + mask < comm.size:
            comm.isend(work, (comm.rank + mask) % comm.size).wait()
    return work.view(x.shape)


def halving_doubling_all_reduce(x, comm, op="sum"):
    work = _start(x, op)
    rounds = int(math.log2(comm.size))
    q = 2**rounds
    if comm.rank >= q:
        comm.isend(work, comm.rank - q).wait()
        comm.irecv(work, comm.rank - q).wait()
        return work.view(x.shape)
    partner = comm.rank + q if comm.rank + q < comm.size else None
    if partner is not None:
        other = torch.zeros_like(work)
        comm.irecv(other, partner).wait()
        _IN_PLACE[op](work, other)
    lo, hi, log = 0, work.numel(), []  # an interval of elements, not of chunks
    for k in reversed(range(rounds)):
        mid = (lo + hi) // 2
        low = comm.rank & (1 << k) == 0
        (a, b), (c, d) = ((lo, mid), (mid, hi)) if low else ((mid, hi), (lo, mid))
        arrived = torch.zeros_like(work[a:b])
        _swap(comm, work[c:d], comm.rank ^ (1 << k), arrived, comm.rank ^ (1 << k))
        _IN_PLACE[op](work[a:b], arrived)
        log.append((k, c, d))
        lo, hi = a, b
    while log:
        k, c, d = log.pop()
        _swap(comm, work[lo:hi], comm.rank ^ (1 << k), work[c:d], comm.rank ^ (1 << k))
        lo, hi = min(lo, c), max(hi, d)
    if op == "mean":
        work /= comm.size
    if partner is not None:
        comm.isend(work, partner).wait()
    return work.view(x.shape)


def cost(algorithm, p, n, alpha, beta):
    if algorithm not in ("ring", "tree", "halving_doubling"):
        raise ValueError(f"no such algorithm: {algorithm}")
    if p == 1:
        return 0.0
    if algorithm == "ring":
        return float(2 * (p - 1) * (alpha + n / p * beta))
    if algorithm == "tree":
        return float(2 * math.ceil(math.log2(p)) * (alpha + n * beta))
    rounds = math.floor(math.log2(p))
    seconds = sum(2 * (alpha + n / 2**k * beta) for k in range(1, rounds + 1))
    if 2**rounds < p:
        seconds += 2 * (alpha + n * beta)
    return float(seconds)
