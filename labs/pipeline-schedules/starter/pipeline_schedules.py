"""Pipeline schedules: GPipe, 1F1B, interleaved 1F1B, zero bubble, and a step of training on them.

There are p ranks, m microbatches, and v chunks of the model on each rank. A schedule is a list of p
lists: for each rank its entries (op, microbatch, chunk), in the order in which it does them.

    op           "F" forward, "B" backward; in a schedule with "W", B is the half of the backward
                 for the inputs and W that for the weights
    microbatch   0 .. m - 1
    chunk        0 .. v - 1; chunk c of rank r is stage c * p + r of the model
    None         in place of an entry: an idle slot, which counts for nothing

An operation starts as soon as its rank is free and what it needs is done: F of a stage needs
F of the stage before, B needs F of its own stage and B of the stage after it, W needs B of its own
stage, each of the same microbatch. A tick is the time of one operation. The full contract: aisys
lab show.
"""

from __future__ import annotations


def gpipe(p: int, m: int) -> list[list]:
    """All forwards first, then all backwards; v = 1, without W.

    Returns:
        A schedule that ends after 2 * (m + p - 1) ticks. On every rank each F comes before
        every B.
    """
    # TODO: task 1
    raise NotImplementedError


def peak_activations(schedule: list[list]) -> list[int]:
    """For each rank, how many activations it holds at most at a time.

    F begins to hold one, for its microbatch and chunk. B gives it back; in a schedule with W
    it is W that gives it back.
    """
    # TODO: task 1
    raise NotImplementedError


def bubble_fraction(schedule: list[list], t_f: float = 1, t_b: float = 1, t_w: float = 1) -> float:
    """The idle time of all ranks divided by p * makespan.

    Args:
        schedule: any schedule, with any number of chunks. It is not changed.
        t_f, t_b, t_w: how long an F, a B, a W takes, each more than 0.

    Returns:
        A float. The makespan is the time from 0 to the end of the last operation.

    Raises:
        ValueError: the schedule cannot be run to its end.
    """
    # TODO: task 1
    raise NotImplementedError


def one_f_one_b(p: int, m: int) -> list[list]:
    """A forward and a backward in turn, after a few forwards; v = 1, without W.

    Returns:
        A schedule that ends after 2 * (m + p - 1) ticks, with at most min(m, p - rank) live
        activations on each rank.
    """
    # TODO: task 2
    raise NotImplementedError


def interleaved_one_f_one_b(p: int, m: int, v: int) -> list[list]:
    """1F1B with v chunks of the model on each rank; without W.

    Returns:
        A schedule that ends after 2 * max(m * v + p - 1, p * v + m - 1) ticks. With
        k = ceil(m / max(1, m // p)) a rank has at most
        min(m * v, (v - 1) * k + 2 * (p - 1 - rank) + 1) live activations.
    """
    # TODO: task 3
    raise NotImplementedError


def zero_bubble(p: int, m: int, max_live: int | list[int]) -> list[list]:
    """The backward in two halves, B and W; v = 1.

    Args:
        p, m: as above.
        max_live: how many live activations a rank may have, at least 1; a list says it
            for each rank.

    Returns:
        A schedule that keeps max_live. How soon it ends, and how long a rank takes at most from
        its first operation to its last (the span), in ticks:

            2p - 1 or more on each rank     max(3m + p - 1, 2m + 2p - 1), span max(3m, 2m + 2p - 1)
            p or more on each rank          max(3m + p - 1, 2m + 2p - 1)
            p - rank or more on each rank   3m + 2p - 2
            anything else                   m * (2p + 1)
    """
    # TODO: task 4
    raise NotImplementedError


def run_schedule(order: list, stages: list, comm) -> None:
    """One training step on this rank.

    Args:
        order: this rank's list of a schedule: entries and None.
        stages: stages[c] is chunk c of this rank. It has
            forward(i, x) -> y      F of microbatch i; x is None on the first stage, y on the last
            backward(i, dy) -> dx   B of microbatch i; dy is None on the last stage, dx on the first
            weights(i)              W of microbatch i
            buffer(i)               a new tensor for an activation or a gradient to be received
            first, last             whether it is the first, the last stage of the model
        comm: this rank's end of the world: comm.rank, comm.size, isend, recv, ...

    Does the operations in this order. What another rank needs is sent to it as one message, in
    the order of the operations; nothing else is sent. All sends have been waited for in the end.
    """
    # TODO: task 5
    raise NotImplementedError
