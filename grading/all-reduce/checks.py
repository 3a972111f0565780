"""Hidden checks of all-reduce: every p up to 8, every n mod p, both ways of sending, traffic.

What is counted is what went through the grader's network. Limits are those that every ring, tree
or halving-doubling keeps, whatever its direction or order: no check asks for one layout.
"""

from __future__ import annotations

import itertools
import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from ranks import (
    agree_on_every_rank,
    call_on,
    chunk,
    exactly,
    expected,
    refused,
    ring_traffic,
    same_bits,
    saying,
    strata,
    trials,
    within,
)

from aisys_cli.grader import World, agree, always, check
from aisys_cli.grader.collectives import torch_all_reduce

ANY_SIZE = [3, 2, 5, 4, 1, 6, 7, 8]


def largest_power(p):
    return 1 << (p.bit_length() - 1)


# -- task 1 --------------------------------------------------------------------


@check("1.3")
@always(strata(ANY_SIZE))
@given(trials(ANY_SIZE))
def reduce_scatter_any(student, trial):
    """Uneven and empty chunks, every op and dtype; p - 1 messages a link, no padding."""
    case, size = trial.case, trial.world.size
    run, shown = call_on(student, "reduce_scatter", trial)
    whole = expected(case)
    right = [chunk(whole, size, rank) for rank in range(size)]
    agree_on_every_rank(run, right, of=shown, case=case)
    ring_traffic(run, case.n, size - 1, of=shown)
    if trial.world.rendezvous:
        refused(student, "reduce_scatter", trial.world)


GATHERED = [
    (size, n, dtype, (size + n) % 2 == 0)
    for size in sorted(ANY_SIZE)
    for n, dtype in (
        (size + 1, "float64"),
        (size - 1, "int32"),
        (2 * size, "float32"),
        (0, "int64"),
    )
]


@check("1.4")
@always(GATHERED)
@given(
    st.tuples(
        st.sampled_from(ANY_SIZE),
        st.integers(0, 20),
        st.sampled_from(["float64", "int32"]),
        st.booleans(),
    )
)
def all_gather_any(student, drawn):
    """Chunks as tensor_split makes them; n is given where they are uneven."""
    size, n, dtype, waits = drawn
    whole = (np.arange(n) * 3 - n).astype(dtype)
    parts = [chunk(whole, size, rank) for rank in range(size)]
    said = None if n % size == 0 else n
    shown = f"all_gather(chunk, comm, n={said}) with chunk = {[p.tolist() for p in parts]}[rank]"
    world = World(size, rendezvous=waits)
    run = student.on(world).all_gather([(part, said) for part in parts], of=shown)
    agree_on_every_rank(run, [whole] * size, of=shown)
    ring_traffic(run, n, size - 1, of=shown)


# -- task 2 --------------------------------------------------------------------


@check("2.3")
@always(strata(ANY_SIZE))
@given(trials(ANY_SIZE))
def ring_any(student, trial):
    """Every p, n, op, dtype and shape; the same bits on all ranks. What is no op is refused."""
    everything(student, "ring_all_reduce", trial)


def everything(student, name, trial):
    run, shown = call_on(student, name, trial)
    agree_on_every_rank(run, [expected(trial.case)] * trial.world.size, of=shown, case=trial.case)
    same_bits(run, of=shown)
    if trial.world.rendezvous:
        refused(student, name, trial.world)


@check("2.4")
@always(strata(ANY_SIZE, ops=["sum"], plain=True))
@given(trials(ANY_SIZE, ops=["sum"], plain=True))
def traffic_of_the_ring(student, trial):
    """2(p - 1) messages a link, 2(p - 1)n elements in all, evenly over the ranks."""
    case, size = trial.case, trial.world.size
    run, shown = call_on(student, "ring_all_reduce", trial)
    agree_on_every_rank(run, [expected(case)] * size, of=shown, case=case)
    ring_traffic(run, case.n, 2 * (size - 1), of=shown)
    most = 2 * (size - 1) * math.ceil(case.n / size)
    for rank, sent in enumerate(run.sent):
        within(sent.elements, most, f"elements sent by rank {rank}", of=shown)


LAYOUTS = ["strided", "transposed", "contiguous"]
IN_A_ROW = [
    "reduce_scatter",
    "ring_all_reduce",
    "halving_doubling_all_reduce",
    "broadcast",
    "all_gather",
]
ROWS = [
    (size, IN_A_ROW[i:] + IN_A_ROW[:i], layout, op, i % 2 == 0)
    for i, (size, layout, op) in enumerate(
        itertools.product([1, 2, 3, 5], LAYOUTS, ["mean", "sum", "max"])
    )
    if (i + size) % 2 == 0
]


@check("2.5")
@always([(size, names[:], *rest) for size, names, *rest in ROWS])
@given(
    st.tuples(
        st.sampled_from([3, 2, 4, 5]),
        st.permutations(IN_A_ROW),
        st.sampled_from(LAYOUTS),
        st.sampled_from(["sum", "mean", "max"]),
        st.booleans(),
    )
)
def calls_in_a_row(student, drawn):
    """Ten calls on one comm, each on what it is given and leaving that as it is; results
    that later calls leave as they are. Arguments that have a default are left out."""
    size, names, layout, op, waits = drawn
    calls = [[] for _ in range(size)]
    right = [[] for _ in range(size)]
    lines = []
    for i, name in enumerate([*names, *names]):
        xs = [np.arange(6.0).reshape(2, 3) + 10 * rank + 100 * i for rank in range(size)]
        total = {"sum": np.sum, "mean": np.mean, "max": np.max}[op](xs, axis=0)
        extra, outs = [op], [total] * size
        if name == "reduce_scatter":
            outs = [chunk(total, size, rank) for rank in range(size)]
        elif name == "broadcast":
            extra, outs = [i % size], [xs[i % size]] * size
        elif name == "all_gather":
            xs = [chunk(total, size, rank) for rank in range(size)]
            extra, outs = [6 if 6 % size else None], [total.reshape(-1)] * size
        extra = [] if extra[0] in ("sum", 0, None) else extra  # the default is left out
        lines.append(f"{name}({', '.join(['x', 'comm', *map(repr, extra)])})")
        for rank in range(size):
            kind = layout if xs[rank].ndim == 2 else "contiguous"
            calls[rank].append([name, xs[rank], extra, kind])
            report = {"result": outs[rank], "input afterwards": xs[rank]}
            right[rank].append({**report, "new memory": True, "result later": outs[rank]})
    shown = "\n".join(["one after another on one comm:", *lines])
    shown += f"\nx = torch.arange(6.).reshape(2, 3) + 10 * rank + 100 * call, {layout}"
    run = student.on(World(size, rendezvous=waits)).in_a_row([(mine,) for mine in calls], of=shown)
    for rank, got in enumerate(run.values):
        for i, (mine, want) in enumerate(zip(got[:-1], right[rank], strict=True)):
            with saying(f"rank {rank}, call {i}, {lines[i]}: {{}}"):
                agree(mine, want, of=shown)
        with saying(f"rank {rank}, call 0 once more, after all the others: {{}}"):
            agree(got[-1], right[rank][0]["result"], of=shown)


@check("2.6")
@given(trials([3, 8, 4, 2]), st.integers(100, 3000))
def ring_large_over_gloo(student, trial, more):
    """On up to eight processes, with thousands of elements."""
    case = trial.case
    parts = [np.resize(part.reshape(-1), case.n + more).astype(part.dtype) for part in case.parts]
    case = case._replace(parts=parts)
    trial = trial._replace(case=case, world=World(case.size, gloo=True))
    run, shown = call_on(student, "ring_all_reduce", trial)
    right = torch_all_reduce([torch.from_numpy(part) for part in parts], case.op)
    agree_on_every_rank(run, [one.numpy() for one in right], of=shown, case=case)
    same_bits(run, of=shown)


# -- task 3 --------------------------------------------------------------------


SHAPES = [(3,), (), (2, 3), (0,)]
CASTS = [
    (size, root, SHAPES[(size + i) % 4], ["float32", "int64"][(size + i) % 2], i % 2 == 0)
    for size in sorted(ANY_SIZE)
    for i, root in enumerate(sorted({0, size // 2, size - 1, 1 % size}))
]


@check("3.2")
@always(CASTS)
@given(
    st.tuples(
        st.sampled_from(ANY_SIZE),
        st.integers(0, 7),
        st.sampled_from(SHAPES),
        st.sampled_from(["float32", "int64"]),
        st.booleans(),
    )
)
def broadcast_any(student, drawn):
    """p - 1 messages of n elements, in ceil(log2 p) rounds, from whichever root."""
    size, root, shape, dtype, waits = drawn
    root %= size
    n = math.prod(shape)
    values = [(np.arange(n) + 100 * rank).astype(dtype).reshape(shape) for rank in range(size)]
    said = f"x = torch.arange({n}).reshape({shape}) + 100 * rank, {dtype}"
    if dtype == "float32":
        # What the others have does not count, not even as a factor of zero.
        values = [x if rank == root else np.full_like(x, np.nan) for rank, x in enumerate(values)]
        said += ", and NaN where rank != root"
    shown = f"broadcast(x, comm, root={root}) with {said}"
    run = student.on(World(size, rendezvous=waits)).broadcast([(x, root) for x in values], of=shown)
    agree_on_every_rank(run, [values[root]] * size, of=shown)
    exactly(len(run.messages), size - 1, "messages", of=shown)
    exactly(sum(one.elements for one in run.messages), (size - 1) * n, "elements", of=shown)
    within(run.steps, math.ceil(math.log2(size)), "latency steps", of=shown)


# -- task 4 --------------------------------------------------------------------


@check("4.2")
@always(strata(ANY_SIZE))
@given(trials(ANY_SIZE))
def halving_doubling_any(student, trial):
    """Every p, n, op, dtype and shape; the same bits on all ranks. What is no op is refused."""
    everything(student, "halving_doubling_all_reduce", trial)


@check("4.3")
@always(strata(ANY_SIZE, ops=["sum"], plain=True))
@given(trials(ANY_SIZE, ops=["sum"], plain=True))
def traffic_of_halving_doubling(student, trial):
    """2 log2 q messages a rank, and one more where it has a partner; no element too many."""
    case, size = trial.case, trial.world.size
    run, shown = call_on(student, "halving_doubling_all_reduce", trial)
    agree_on_every_rank(run, [expected(case)] * size, of=shown, case=case)
    q = largest_power(size)
    folded = size != q
    for rank, sent in enumerate(run.sent):
        rounds = 2 * int(math.log2(q)) + folded
        within(sent.messages, rounds, f"messages sent by rank {rank}", of=shown)
        most = 2 * (q - 1) * math.ceil(case.n / q) + (case.n if folded else 0)
        within(sent.elements, most, f"elements sent by rank {rank}", of=shown)
    total = 2 * (q - 1) * case.n + 2 * (size - q) * case.n
    exactly(sum(one.elements for one in run.messages), total, "elements", of=shown)


# -- task 5 --------------------------------------------------------------------


@check("5.2")
@given(
    st.sampled_from(["ring", "tree", "halving_doubling"]),
    st.integers(1, 300),
    st.integers(0, 10**9),
    st.sampled_from([1e-6, 5e-5, 0.0]),
    st.sampled_from([1e-9, 4e-11, 0.0]),
)
def cost_any(student, algorithm, p, n, alpha, beta):
    """The formulas of the handout, for every p; an unknown algorithm is refused."""
    q = largest_power(p)
    halving = 2 * math.log2(q) * alpha + 2 * (q - 1) / q * n * beta
    right = {
        "ring": 2 * (p - 1) * alpha + 2 * (p - 1) / p * n * beta,
        "tree": 2 * math.ceil(math.log2(p)) * (alpha + n * beta),
        "halving_doubling": halving + (2 * (alpha + n * beta) if p != q else 0.0),
    }[algorithm]
    shown = f'cost("{algorithm}", p={p}, n={n}, alpha={alpha}, beta={beta})'
    got = student.cost(algorithm, p, n, alpha, beta, of=shown)
    agree(got, right, of=shown, oracle="The formula", atol=0.0)
    for size in (1, p):
        shown = f'cost("star", {size}, 100, 1e-6, 1e-9)'
        got = student.cost_refusal("star", size, of=shown)
        agree(got, "ValueError", of=shown, oracle="The handout")
