"""A wheat: half of each chunk goes round to the right, the other half to the left, at once.

With p = 2 both neighbours are the same rank, and the two halves travel as one. Halving starts
with the nearest rank, so the pieces lie in bit-reversed order until the doubling puts them back.
"""

from __future__ import annotations

import math
import operator
from typing import NamedTuple

import torch

_RIGHT, _LEFT = 1, 2  # tags


class Lane(NamedTuple):
    """One direction, and a part of every chunk."""

    step: int
    tag: int
    chunks: list[torch.Tensor]


def _lanes(chunks, p):
    if p == 2:
        return [Lane(1, _RIGHT, list(chunks))]
    halves = [chunk.tensor_split(2) for chunk in chunks]
    right, left = ([pair[i] for pair in halves] for i in range(2))
    return [Lane(1, _RIGHT, right), Lane(-1, _LEFT, left)]


def _round(comm, lanes, offset, targets):
    """In each lane, chunk rank - step * offset goes on, and the one behind it comes in."""
    p, r, works = comm.size, comm.rank, []
    for lane, target in zip(lanes, targets):
        out = lane.chunks[(r - lane.step * offset) % p]
        works.append(comm.isend(out, (r + lane.step) % p, lane.tag))
        works.append(comm.irecv(target, (r - lane.step) % p, lane.tag))
    for work in works:
        work.wait()


def _behind(comm, lane, offset):
    return lane.chunks[(comm.rank - lane.step * (offset + 1)) % comm.size]


def _op(op, x):
    table = {"sum": operator.add, "mean": operator.add, "prod": operator.mul, "max": torch.max}
    try:
        function = table[op]
    except KeyError:
        raise ValueError(f"op is {op!r}, not one of {sorted(table)}") from None
    if op == "mean" and x.dtype not in {
        torch.float16,
        torch.bfloat16,
        torch.float32,
        torch.float64,
    }:
        raise TypeError(f"no mean of {x.dtype}")
    return function


def _reduce(flat, comm, function):
    lanes = _lanes(flat.tensor_split(comm.size), comm.size)
    for offset in range(1, comm.size):
        mine = [_behind(comm, lane, offset) for lane in lanes]
        arrived = [torch.empty_like(part) for part in mine]
        _round(comm, lanes, offset, arrived)
        for a, b in zip(mine, arrived):
            a.copy_(function(a, b))


def _gather(flat, comm):
    lanes = _lanes(flat.tensor_split(comm.size), comm.size)
    for offset in range(comm.size - 1):
        _round(comm, lanes, offset, [_behind(comm, lane, offset) for lane in lanes])


def _copy(x):
    return torch.clone(x.detach().ravel(), memory_format=torch.contiguous_format)


def reduce_scatter(x, comm, op="sum"):
    function = _op(op, x)
    flat = _copy(x)
    _reduce(flat, comm, function)
    mine = flat.tensor_split(comm.size)[comm.rank].clone()
    return mine.div(comm.size) if op == "mean" else mine


def all_gather(chunk, comm, n=None):
    flat = chunk.new_empty(comm.size * chunk.numel() if n is None else n, requires_grad=False)
    flat.tensor_split(comm.size)[comm.rank].copy_(chunk.detach().ravel())
    _gather(flat, comm)
    return flat


def ring_all_reduce(x, comm, op="sum"):
    function = _op(op, x)
    flat = _copy(x)
    _reduce(flat, comm, function)
    if op == "mean":
        flat.tensor_split(comm.size)[comm.rank].div_(comm.size)
    _gather(flat, comm)
    return flat.unflatten(0, x.shape) if x.ndim else flat.reshape(())


def broadcast(x, comm, root=0):
    """The root's children are looked up in a list of all the tree's edges, round by round."""
    edges = [
        (place, place + 2**k)
        for k in range(math.ceil(math.log2(comm.size)))
        for place in range(min(2**k, comm.size - 2**k))
    ]
    data = _copy(x)
    for edge in edges:
        a, b = ((place + root) % comm.size for place in edge)
        if comm.rank == a:
            comm.send(data, b, tag=3)
        if comm.rank == b:
            comm.recv(data, a, tag=3)
    return data.reshape(x.shape)


def halving_doubling_all_reduce(x, comm, op="sum"):
    function = _op(op, x)
    flat = _copy(x)
    rounds = math.floor(math.log2(comm.size))
    q = 1 << rounds
    if comm.rank >= q:
        host = comm.size - 1 - comm.rank
        comm.send(flat, host, tag=4)
        comm.recv(flat, host, tag=5)
        return flat.reshape(x.shape)
    guest = comm.size - 1 - comm.rank
    if guest < q:
        guest = None
    else:
        theirs = torch.zeros_like(flat)
        comm.recv(theirs, guest, tag=4)
        flat = function(flat, theirs)

    held, history = [flat], []
    for k in range(rounds):
        partner, bit = comm.rank ^ (1 << k), comm.rank >> k & 1
        halves = held[-1].tensor_split(2)
        arrived = torch.empty_like(halves[bit])
        comm.sendrecv(halves[1 - bit], partner, arrived, partner, tag=6 + k)
        halves[bit].copy_(function(halves[bit], arrived))
        history.append((partner, halves[bit], halves[1 - bit]))
        held.append(halves[bit])
    if op == "mean":
        held[-1].div_(comm.size)
    for partner, mine, theirs in reversed(history):
        comm.sendrecv(mine, partner, theirs, partner)
    if guest is not None:
        comm.send(flat, guest, tag=5)
    return flat.reshape(x.shape)


def cost(algorithm, p, n, alpha, beta):
    if algorithm == "ring":
        messages = [n / p] * (2 * (p - 1))
    elif algorithm == "tree":
        messages = [n] * (2 * math.ceil(math.log2(p)))
    elif algorithm == "halving_doubling":
        rounds = math.floor(math.log2(p))
        messages = 2 * [n / 2**k for k in range(1, rounds + 1)] + [n, n] * (2**rounds != p)
    else:
        raise ValueError(f"{algorithm=}")
    return math.fsum(alpha + m * beta for m in messages)
