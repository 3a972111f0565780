"""Public checks of all-reduce: small worlds, the plainest question for each function.

`student.on(world).NAME([arguments of rank 0, ...])` runs a function of driver.py in every rank and
gives what the ranks returned, `run.values`, and every message on the way, `run.messages`.
"""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from ranks import (
    agree_on_every_rank,
    call_on,
    cases,
    chunk,
    expected,
)

from aisys_cli.grader import World, agree, check
from aisys_cli.grader.collectives import torch_all_reduce

SMALL = [2, 3, 4, 1]
SUMS = {"ops": ["sum"], "dtypes": ["float64"], "plain": True}
rendezvous = st.booleans()


@check("1.1")
@given(cases(SMALL, **SUMS), rendezvous)
def reduce_scatter_small(student, case, waits):
    """Rank r gets the sum of every rank's chunk r, and nothing else."""
    world = World(case.size, rendezvous=waits)
    run, shown = call_on(student, world, "reduce_scatter", case)
    whole = expected(case)
    right = [chunk(whole, case.size, rank) for rank in range(case.size)]
    agree_on_every_rank(run, right, of=shown, case=case)


@check("1.2")
@given(st.sampled_from(SMALL), st.integers(1, 3), rendezvous)
def all_gather_small(student, size, each, waits):
    """Every rank gets all chunks, joined in the order of the ranks."""
    whole = np.arange(size * each, dtype=np.float64)
    parts = [chunk(whole, size, rank) for rank in range(size)]
    shown = f"all_gather(chunk, comm) with chunk = {[part.tolist() for part in parts]}[rank]"
    run = student.on(World(size, rendezvous=waits)).all_gather(
        [(part, None) for part in parts], of=shown
    )
    agree_on_every_rank(run, [whole] * size, of=shown)


@check("2.1")
@given(cases(SMALL, **SUMS), rendezvous)
def ring_all_reduce_small(student, case, waits):
    """Every rank gets the whole sum, whether sends wait for their receive or not."""
    world = World(case.size, rendezvous=waits)
    run, shown = call_on(student, world, "ring_all_reduce", case)
    agree_on_every_rank(run, [expected(case)] * case.size, of=shown, case=case)


@check("2.2")
@given(cases([2, 3], ops=["sum", "max"]))
def ring_all_reduce_over_gloo(student, case):
    """On real processes, and the same as torch.distributed.all_reduce."""
    run, shown = call_on(student, World(case.size, gloo=True), "ring_all_reduce", case)
    right = torch_all_reduce([torch.from_numpy(part) for part in case.parts], case.op)
    agree_on_every_rank(run, [one.numpy() for one in right], of=shown, case=case)


@check("3.1")
@given(st.sampled_from(SMALL), st.integers(0, 3), rendezvous)
def broadcast_small(student, size, root, waits):
    """Every rank gets what the root has."""
    root %= size
    values = [np.arange(3.0) + 10 * rank for rank in range(size)]
    shown = f"broadcast(x, comm, root={root}) with x = [0., 1., 2.] + 10 * rank"
    run = student.on(World(size, rendezvous=waits)).broadcast(
        [(value, root) for value in values], of=shown
    )
    agree_on_every_rank(run, [values[root]] * size, of=shown)


@check("4.1")
@given(cases([2, 4, 1], **SUMS), rendezvous)
def halving_doubling_small(student, case, waits):
    """Every rank gets the whole sum, on 1, 2 and 4 ranks."""
    world = World(case.size, rendezvous=waits)
    run, shown = call_on(student, world, "halving_doubling_all_reduce", case)
    agree_on_every_rank(run, [expected(case)] * case.size, of=shown, case=case)


@check("5.1")
def cost_by_hand(student):
    """p = 4 and n = 1000 with alpha = 1 and beta = 0.01: 15 seconds for the 1500 elements that
    the ring sends from each rank, and 6 for its messages."""
    for algorithm, right in (("ring", 21.0), ("tree", 44.0), ("halving_doubling", 19.0)):
        shown = f'cost("{algorithm}", p=4, n=1000, alpha=1.0, beta=0.01)'
        got = student.cost(algorithm, 4, 1000, 1.0, 0.01, of=shown)
        agree(got, right, of=shown, oracle="By hand")
