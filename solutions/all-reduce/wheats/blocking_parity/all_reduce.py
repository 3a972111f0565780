"""A wheat: nothing but blocking send and recv, and an empty chunk is no message.

On the ring even ranks send first and odd ones receive first. With an odd p the last rank and rank
0 are both even: the last one's send waits until rank 0 has got rid of its own, and no more. The
all-reduce is one loop of 2 (p - 1) steps in which rank r completes chunk r + 1.
"""

import functools

import torch


def _check(op, dtype):
    match op:
        case "sum" | "prod" | "max":
            return
        case "mean":
            if not dtype.is_floating_point:
                raise TypeError("mean: floating dtypes only")
        case _:
            raise ValueError(f"unknown op {op}")


def _join(op, a, b):
    match op:
        case "prod":
            return a * b
        case "max":
            return torch.where(a > b, a, b)
        case _:
            return a + b


def _blank(length, dtype):
    return torch.empty((length,), dtype=dtype)


def _send(comm, message, dst):
    if len(message):
        comm.send(message, dst)


def _recv(comm, length, dtype, src):
    message = _blank(length, dtype)
    if length:
        comm.recv(message, src)
    return message


def _shift(comm, message, length, first):
    """`message` to the right, one of `length` elements from the left."""
    dst, src = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    if first:
        _send(comm, message, dst)
        return _recv(comm, length, message.dtype, src)
    arrived = _recv(comm, length, message.dtype, src)
    _send(comm, message, dst)
    return arrived


def _step(comm, message, length):
    return _shift(comm, message, length, comm.rank % 2 == 0)


def _trade(comm, message, length, partner):
    """The same between two ranks, of which the lower one sends first."""
    if comm.rank < partner:
        _send(comm, message, partner)
        return _recv(comm, length, message.dtype, partner)
    arrived = _recv(comm, length, message.dtype, partner)
    _send(comm, message, partner)
    return arrived


def _pieces(x, p):
    return [piece.clone() for piece in x.detach().reshape(-1).tensor_split(p)]


def reduce_scatter(x, comm, op="sum"):
    _check(op, x.dtype)
    pieces = _pieces(x, comm.size)
    for step in range(comm.size - 1):
        out, into = (comm.rank - step - 1) % comm.size, (comm.rank - step - 2) % comm.size
        arrived = _step(comm, pieces[out], len(pieces[into]))
        pieces[into] = _join(op, pieces[into], arrived)
    mine = pieces[comm.rank]
    return mine / comm.size if op == "mean" else mine


def all_gather(chunk, comm, n=None):
    n = len(chunk.reshape(-1)) * comm.size if n is None else n
    sizes = [n // comm.size + (r < n % comm.size) for r in range(comm.size)]
    pieces = {comm.rank: chunk.detach().reshape(-1).clone()}
    for step in range(comm.size - 1):
        out, into = (comm.rank - step) % comm.size, (comm.rank - step - 1) % comm.size
        pieces[into] = _step(comm, pieces[out], sizes[into])
    return torch.cat([pieces[r] for r in range(comm.size)])


def ring_all_reduce(x, comm, op="sum"):
    _check(op, x.dtype)
    pieces = _pieces(x, comm.size)
    for step in range(2 * (comm.size - 1)):
        out, into = (comm.rank - step) % comm.size, (comm.rank - step - 1) % comm.size
        arrived = _step(comm, pieces[out], len(pieces[into]))
        pieces[into] = _join(op, pieces[into], arrived) if step < comm.size - 1 else arrived
    flat = torch.cat(pieces)
    return (flat / comm.size if op == "mean" else flat).reshape(x.shape)


def broadcast(x, comm, root=0):
    data = x.detach().clone().contiguous()

    def spread(lo, hi):
        """Place lo has the data; the places up to hi want it."""
        if hi - lo < 2:
            return
        mid = (lo + hi + 1) // 2
        a, b = (lo + root) % comm.size, (mid + root) % comm.size
        if comm.rank == a:
            comm.send(data, b)
        elif comm.rank == b:
            comm.recv(data, a)
        place = (comm.rank - root) % comm.size
        spread(lo, mid) if place < mid else spread(mid, hi)

    spread(0, comm.size)
    return data


def halving_doubling_all_reduce(x, comm, op="sum"):
    _check(op, x.dtype)
    q = 1
    while 2 * q <= comm.size:
        q *= 2
    flat = torch.cat(_pieces(x, 1))
    if comm.rank >= q:
        comm.send(flat, comm.rank - q)
        comm.recv(flat, comm.rank - q)
        return flat.reshape(x.shape)
    guest = comm.rank + q if comm.rank + q < comm.size else None
    if guest is not None:
        theirs = _blank(len(flat), flat.dtype)
        comm.recv(theirs, guest)
        flat = _join(op, flat, theirs)

    def solve(pieces, lo, hi):
        """The reduction of `pieces`, one for each rank in [lo, hi), over these ranks."""
        if hi - lo == 1:
            return [pieces[0] / comm.size] if op == "mean" else pieces
        half = (hi - lo) // 2
        low = comm.rank < lo + half
        keep, give = (pieces[:half], pieces[half:]) if low else (pieces[half:], pieces[:half])
        partner = comm.rank + half if low else comm.rank - half
        sizes = [len(piece) for piece in keep]
        arrived = _trade(comm, torch.cat(give), sum(sizes), partner).split(sizes)
        join = functools.partial(_join, op)
        inner = (lo, lo + half) if low else (lo + half, hi)
        keep = solve(list(map(join, keep, arrived)), *inner)
        sizes = [len(piece) for piece in give]
        give = list(_trade(comm, torch.cat(keep), sum(sizes), partner).split(sizes))
        return keep + give if low else give + keep

    flat = torch.cat(solve(list(flat.tensor_split(q)), 0, q))
    if guest is not None:
        comm.send(flat, guest)
    return flat.reshape(x.shape)


def cost(algorithm, p, n, alpha, beta):
    match algorithm:
        case "ring":
            return 2.0 * (p - 1) * alpha + 2.0 * (p - 1) / p * n * beta
        case "tree":
            rounds = 0
            while 2**rounds < p:
                rounds += 1
            return 2.0 * rounds * (alpha + n * beta)
        case "halving_doubling":
            rounds = 0
            while 2 ** (rounds + 1) <= p:
                rounds += 1
            q = 2**rounds
            fold = 0.0 if p == q else 2.0 * (alpha + n * beta)
            return 2.0 * rounds * alpha + 2.0 * (q - 1) / q * n * beta + fold
    raise ValueError(algorithm)
