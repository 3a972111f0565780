"""Public checks of all-reduce: small worlds, the plainest question for each function.

`student.on(world).NAME([arguments of rank 0, ...])` runs a function of driver.py in every rank and
gives what the ranks returned, `run.values`, and every message on the way, `run.messages`.
"""

from __future__ import annotations

import itertools

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from ranks import agree_on_every_rank, call_on, chunk, expected, strata, trials

from aisys_cli.grader import World, agree, always, check
from aisys_cli.grader.collectives import torch_all_reduce

SMALL = [2, 3, 4, 1]


@check("1.1")
@always(strata(SMALL, ops=["sum"], plain=True))
@given(trials(SMALL, ops=["sum"], plain=True))
def reduce_scatter_small(student, trial):
    """Rank r gets the sum of every rank's chunk r, and nothing else."""
    run, shown = call_on(student, "reduce_scatter", trial)
    whole, size = expected(trial.case), trial.world.size
    right = [chunk(whole, size, rank) for rank in range(size)]
    agree_on_every_rank(run, right, of=shown, case=trial.case)


@check("1.2")
@always(list(itertools.product([1, 2, 3, 4], [1, 2], [False, True])))
@given(st.tuples(st.sampled_from(SMALL), st.integers(1, 3), st.booleans()))
def all_gather_small(student, drawn):
    """Every rank gets all chunks, joined in the order of the ranks."""
    size, each, waits = drawn
    whole = np.arange(size * each, dtype=np.float64)
    parts = [chunk(whole, size, rank) for rank in range(size)]
    shown = f"all_gather(chunk, comm) with chunk = {[part.tolist() for part in parts]}[rank]"
    run = student.on(World(size, rendezvous=waits)).all_gather(
        [(part, None) for part in parts], of=shown
    )
    agree_on_every_rank(run, [whole] * size, of=shown)


@check("2.1")
@always(strata(SMALL, ops=["sum"], plain=True))
@given(trials(SMALL, ops=["sum"], plain=True))
def ring_all_reduce_small(student, trial):
    """Every rank gets the whole sum, whether sends wait for their receive or not."""
    run, shown = call_on(student, "ring_all_reduce", trial)
    agree_on_every_rank(run, [expected(trial.case)] * trial.world.size, of=shown, case=trial.case)


@check("2.2")
@given(trials([2, 3], ops=["sum", "max"]))
def ring_all_reduce_over_gloo(student, trial):
    """On real processes, and the same as torch.distributed.all_reduce."""
    case = trial.case
    run, shown = call_on(
        student, "ring_all_reduce", trial._replace(world=World(case.size, gloo=True))
    )
    right = torch_all_reduce([torch.from_numpy(part) for part in case.parts], case.op)
    agree_on_every_rank(run, [one.numpy() for one in right], of=shown, case=case)


@check("3.1")
@always([(size, root, waits) for size in (1, 2, 3, 4) for root in range(size) for waits in (0, 1)])
@given(st.tuples(st.sampled_from(SMALL), st.integers(0, 3), st.booleans()))
def broadcast_small(student, drawn):
    """Every rank gets what the root has."""
    size, root, waits = drawn
    root %= size
    values = [np.arange(3.0) + 10 * rank for rank in range(size)]
    shown = f"broadcast(x, comm, root={root}) with x = [0., 1., 2.] + 10 * rank"
    run = student.on(World(size, rendezvous=bool(waits))).broadcast(
        [(value, root) for value in values], of=shown
    )
    agree_on_every_rank(run, [values[root]] * size, of=shown)


@check("4.1")
@always(strata([1, 2, 4], ops=["sum"], plain=True))
@given(trials([2, 4, 1], ops=["sum"], plain=True))
def halving_doubling_small(student, trial):
    """Every rank gets the whole sum, on 1, 2 and 4 ranks."""
    run, shown = call_on(student, "halving_doubling_all_reduce", trial)
    agree_on_every_rank(run, [expected(trial.case)] * trial.world.size, of=shown, case=trial.case)


@check("5.1")
def cost_by_hand(student):
    """p = 4 and n = 1000 with alpha = 1 and beta = 0.01: 15 seconds for the 1500 elements that
    the ring sends from each rank, and 6 for its messages."""
    for algorithm, right in (("ring", 21.0), ("tree", 44.0), ("halving_doubling", 19.0)):
        shown = f'cost("{algorithm}", p=4, n=1000, alpha=1.0, beta=0.01)'
        got = student.cost(algorithm, 4, 1000, 1.0, 0.01, of=shown)
        agree(got, right, of=shown, oracle="By hand")
