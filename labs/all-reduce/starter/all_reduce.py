"""Collectives made of point-to-point messages: the ring, the tree, halving and doubling.

Every rank runs the same function at the same time, each in a process of its own, and gets a
`comm` with which the ranks talk to each other: `comm.rank` is this rank's number, `comm.size` is
how many there are (p below). What `comm` can do, and the full contract: aisys lab show.
"""

from __future__ import annotations

import torch

# Rules for all functions: the result is a new tensor that shares no memory with an input; inputs
# are never changed; x has any shape, () and empty ones included, and need not be contiguous.


def reduce_scatter(x: torch.Tensor, comm, op: str = "sum") -> torch.Tensor:
    """Chunk number comm.rank of the elementwise reduction of every rank's x.

    Args:
        x: a tensor of n elements; shape and dtype are the same on every rank.
        comm: this rank's end of the world.
        op: "sum", "prod", "max" or "mean" (the sum, divided by p).

    Returns:
        A 1-D tensor in x's dtype. The chunks are those of `x.reshape(-1).tensor_split(p)`: the
        first n % p have one element more than the others, and may be all that are not empty.

    Raises:
        ValueError: op is none of the four.
        TypeError: op is "mean" and x's dtype is not a floating one.
        Both before any message is sent, and for p = 1 too.

    Traffic: to ring neighbours only, at most p - 1 messages on a link, (p - 1) * n elements
    over all ranks, at most 3 * (p - 1) latency steps.
    """
    # TODO: task 1
    raise NotImplementedError


def all_gather(chunk: torch.Tensor, comm, n: int | None = None) -> torch.Tensor:
    """The concatenation of all ranks' chunks, in the order of the ranks.

    Args:
        chunk: what this rank has; the dtype is the same on every rank.
        comm: this rank's end of the world.
        n: how many elements all chunks have together. Rank r's chunk then has the size that
            chunk number r of `tensor_split(p)` of n elements has. None: every rank's chunk has
            as many elements as this one.

    Returns:
        A 1-D tensor of n elements in the dtype of chunk, the same on every rank.

    Traffic: to ring neighbours only, at most p - 1 messages on a link, (p - 1) * n elements
    over all ranks, at most 3 * (p - 1) latency steps.
    """
    # TODO: task 1
    raise NotImplementedError


def ring_all_reduce(x: torch.Tensor, comm, op: str = "sum") -> torch.Tensor:
    """The elementwise reduction of every rank's x, on every rank.

    x, op and the errors are those of reduce_scatter.

    Returns:
        A tensor in x's shape and dtype, with the same bits on every rank.

    Traffic: to ring neighbours only, at most 2 * (p - 1) messages on a link, 2 * (p - 1) * n
    elements over all ranks, at most 2 * (p - 1) * ceil(n / p) sent by one rank, at most
    6 * (p - 1) latency steps.
    """
    # TODO: task 2
    raise NotImplementedError


def broadcast(x: torch.Tensor, comm, root: int = 0) -> torch.Tensor:
    """The root's x, on every rank, along a binomial tree.

    Args:
        x: on the root the data. On any other rank only its shape and dtype count, which are the
            root's.
        comm: this rank's end of the world.
        root: the rank that has the data, 0 <= root < p.

    Returns:
        A tensor in x's shape and dtype, with the root's bits; on the root a copy.

    Traffic: p - 1 messages of n elements, of which each rank but the root receives exactly one;
    ceil(log2(p)) latency steps.
    """
    # TODO: task 3
    raise NotImplementedError


def halving_doubling_all_reduce(x: torch.Tensor, comm, op: str = "sum") -> torch.Tensor:
    """The elementwise reduction of every rank's x, on every rank, in 2 * log2(q) rounds.

    q is the largest power of two that is not above p. If p is not q, then p - q ranks hand
    their x to a partner first, and get the result from it at the end.
    x, op and the errors are those of reduce_scatter.

    Returns:
        A tensor in x's shape and dtype, with the same bits on every rank.

    Traffic: at most 2 * log2(q) messages sent by one rank, one more if p is not q;
    2 * (q - 1) * n + 2 * (p - q) * n elements over all ranks, at most
    2 * (q - 1) * ceil(n / q) of them sent by one rank, n more if p is not q.
    """
    # TODO: task 4
    raise NotImplementedError


def cost(algorithm: str, p: int, n: int, alpha: float, beta: float) -> float:
    """The seconds that an all-reduce takes in the alpha-beta model.

    Args:
        algorithm: "ring", "tree" or "halving_doubling".
        p: how many ranks, at least 1.
        n: how many elements, at least 0. n / p is not rounded.
        alpha: seconds for a message, whatever its size.
        beta: seconds for an element, on top of that.

    Returns:
        A float; 0.0 for p = 1.

    Raises:
        ValueError: algorithm is none of the three, whatever p is.
    """
    # TODO: task 5
    raise NotImplementedError
