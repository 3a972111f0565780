"""Hidden checks of all-reduce: every p up to 8, every n mod p, both ways of sending, traffic.

What is counted is what went through the grader's network. Limits are those that every ring, tree
or halving-doubling keeps, whatever its direction or order: no check asks for one layout.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from ranks import (
    agree_on_every_rank,
    call_on,
    cases,
    chunk,
    exactly,
    expected,
    ring_only,
    same_bits,
    within,
)

from aisys_cli.grader import World, agree, check, worlds
from aisys_cli.grader.collectives import torch_all_reduce

ANY_SIZE = [3, 2, 5, 4, 1, 6, 7, 8]
orders = st.lists(st.integers(0, 6), max_size=6).map(tuple)
modes = st.tuples(st.booleans(), orders)


def world_of(size, mode):
    return World(size, rendezvous=mode[0], order=mode[1])


def largest_power(p):
    return 1 << (p.bit_length() - 1)


# -- task 1 --------------------------------------------------------------------


@check("1.3")
@given(cases(ANY_SIZE), modes)
def reduce_scatter_any(student, case, mode):
    """Uneven and empty chunks, every op and dtype; p - 1 messages a link, no padding."""
    size, n = case.size, case.n
    run, shown = call_on(student, world_of(size, mode), "reduce_scatter", case)
    whole = expected(case)
    right = [chunk(whole, size, rank) for rank in range(size)]
    agree_on_every_rank(run, right, of=shown, case=case)
    ring_only(run, size, size - 1, of=shown)
    exactly(sum(one.elements for one in run.messages), (size - 1) * n, "elements sent", of=shown)


@check("1.4")
@given(st.sampled_from(ANY_SIZE), st.integers(0, 20), st.sampled_from(["float64", "int32"]), modes)
def all_gather_any(student, size, n, dtype, mode):
    """Chunks as tensor_split makes them; n is given where they are uneven."""
    whole = (np.arange(n) * 3 - n).astype(dtype)
    parts = [chunk(whole, size, rank) for rank in range(size)]
    said = None if n % size == 0 else n
    shown = f"all_gather(chunk, comm, n={said}) with chunk = {[p.tolist() for p in parts]}[rank]"
    run = student.on(world_of(size, mode)).all_gather([(part, said) for part in parts], of=shown)
    agree_on_every_rank(run, [whole] * size, of=shown)
    ring_only(run, size, size - 1, of=shown)
    exactly(sum(one.elements for one in run.messages), (size - 1) * n, "elements sent", of=shown)


# -- task 2 --------------------------------------------------------------------


@check("2.3")
@given(cases(ANY_SIZE), modes)
def ring_any(student, case, mode):
    """Every p, n, op, dtype and shape; the same bits on all ranks. What is no op is refused."""
    everything(student, "ring_all_reduce", case, mode)


def everything(student, name, case, mode):
    run, shown = call_on(student, world_of(case.size, mode), name, case)
    agree_on_every_rank(run, [expected(case)] * case.size, of=shown, case=case)
    same_bits(run, of=shown)
    for op, dtype, right in (("mean", "int64", "TypeError"), ("least", "float64", "ValueError")):
        x = np.arange(3).astype(dtype)
        shown = f'{name}(torch.arange(3, dtype=torch.{dtype}), comm, "{op}")'
        run = student.on(World(2)).refusal([(name, x, op)] * 2, of=shown)
        for value in run.values:
            agree(value, right, of=shown, oracle="The handout")


@check("2.4")
@given(cases(ANY_SIZE, ops=["sum"], plain=True), modes)
def ring_traffic(student, case, mode):
    """2(p - 1) messages a link, 2(p - 1)n elements in all, evenly over the ranks."""
    size, n = case.size, case.n
    run, shown = call_on(student, world_of(size, mode), "ring_all_reduce", case)
    agree_on_every_rank(run, [expected(case)] * size, of=shown, case=case)
    ring_only(run, size, 2 * (size - 1), of=shown)
    exactly(sum(one.elements for one in run.messages), 2 * (size - 1) * n, "elements", of=shown)
    most = 2 * (size - 1) * math.ceil(n / size)
    for rank, sent in enumerate(run.sent):
        within(sent.elements, most, f"elements sent by rank {rank}", of=shown)


LAYOUTS = ["contiguous", "strided", "transposed"]
IN_A_ROW = ["reduce_scatter", "ring_all_reduce", "halving_doubling_all_reduce", "broadcast"]


@check("2.5")
@given(st.sampled_from([3, 2, 4, 5]), st.permutations(IN_A_ROW), st.sampled_from(LAYOUTS), modes)
def calls_in_a_row(student, size, names, layout, mode):
    """Four calls on one comm, each on what it is given and leaving that as it is."""
    xs = [(np.arange(6.0).reshape(2, 3) + 10 * r) for r in range(size)]
    total = np.sum(xs, axis=0)
    calls, right = [], [[] for _ in range(size)]
    for i, name in enumerate(names):
        extra = [i % size] if name == "broadcast" else ["sum"]
        calls.append([name, extra])
        for rank in range(size):
            out = xs[i % size] if name == "broadcast" else total
            if name == "reduce_scatter":
                out = chunk(total, size, rank)
            right[rank].append({"result": out, "input afterwards": xs[rank], "new memory": True})
    shown = "\n".join(f"{name}(x, comm, {extra[0]!r})" for name, extra in calls)
    shown += f"\nx = torch.arange(6.).reshape(2, 3) + 10 * rank, {layout}, p = {size}"
    args = [([[name, x, extra, layout] for name, extra in calls],) for x in xs]
    run = student.on(world_of(size, mode)).in_a_row(args, of=shown)
    for rank in range(size):
        agree(run.values[rank], right[rank], of=shown)


@check("2.6")
@given(cases([3, 8, 4, 2]), st.integers(100, 3000))
def ring_large_over_gloo(student, case, more):
    """On up to eight processes, with thousands of elements."""
    parts = [np.resize(part.reshape(-1), case.n + more).astype(part.dtype) for part in case.parts]
    case = case._replace(parts=parts)
    run, shown = call_on(student, World(case.size, gloo=True), "ring_all_reduce", case)
    right = torch_all_reduce([torch.from_numpy(part) for part in parts], case.op)
    agree_on_every_rank(run, [one.numpy() for one in right], of=shown, case=case)
    same_bits(run, of=shown)


# -- task 3 --------------------------------------------------------------------


@check("3.2")
@given(worlds(ANY_SIZE), st.integers(0, 7), st.integers(0, 9), st.booleans())
def broadcast_any(student, world, root, n, whole):
    """p - 1 messages of n elements, in ceil(log2 p) rounds, from whichever root."""
    size = world.size
    root %= size
    values = [
        (np.arange(n) + 100 * rank).astype("int64" if whole else "float32") for rank in range(size)
    ]
    shown = f"broadcast(x, comm, root={root}) with n = {n}, x = torch.arange(n) + 100 * rank"
    run = student.on(world).broadcast([(value, root) for value in values], of=shown)
    agree_on_every_rank(run, [values[root]] * size, of=shown)
    exactly(len(run.messages), size - 1, "messages", of=shown)
    exactly(sum(one.elements for one in run.messages), (size - 1) * n, "elements", of=shown)
    within(run.steps, math.ceil(math.log2(size)), "latency steps", of=shown)


# -- task 4 --------------------------------------------------------------------


@check("4.2")
@given(cases(ANY_SIZE), modes)
def halving_doubling_any(student, case, mode):
    """Every p, n, op, dtype and shape; the same bits on all ranks. What is no op is refused."""
    everything(student, "halving_doubling_all_reduce", case, mode)


@check("4.3")
@given(cases(ANY_SIZE, ops=["sum"], plain=True), modes)
def halving_doubling_traffic(student, case, mode):
    """2 log2 q messages a rank, and one more where it has a partner; no element too many."""
    size, n = case.size, case.n
    run, shown = call_on(student, world_of(size, mode), "halving_doubling_all_reduce", case)
    agree_on_every_rank(run, [expected(case)] * size, of=shown, case=case)
    q = largest_power(size)
    folded = size != q
    for rank, sent in enumerate(run.sent):
        rounds = 2 * int(math.log2(q)) + folded
        within(sent.messages, rounds, f"messages sent by rank {rank}", of=shown)
        most = 2 * (q - 1) * math.ceil(n / q) + (n if folded else 0)
        within(sent.elements, most, f"elements sent by rank {rank}", of=shown)
    total = 2 * (q - 1) * n + 2 * (size - q) * n
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
    shown = 'cost("star", 4, 100, 1e-6, 1e-9)'
    agree(student.cost_refusal("star", of=shown), "ValueError", of=shown, oracle="The handout")
