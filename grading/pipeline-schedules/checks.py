"""Hidden checks of pipeline-schedules: every p up to 8 and m up to 24, any legal schedule to run.

The least makespans, spans and peaks are proved in the handout, and small cases are searched in
tests/content/test_pipeline_oracles.py. Any schedule that attains them passes, whatever its order.
"""

from __future__ import annotations

import legal
from hypothesis import given
from hypothesis import strategies as st
from ticks import FUSED, SPLIT, ends_by, forwards_first, holds, judged, spans, written
from training import agree_on_messages, make_step, step_on

from aisys_cli.grader import World, agree, check

GRID = sorted(((p, m) for p in range(1, 9) for m in range(1, 25)), key=lambda one: (sum(one), one))
TIMES = st.sampled_from([0.5, 1.0, 2.0, 3.0, 0.25])


# -- task 1 --------------------------------------------------------------------


@check("1.3")
@given(st.sampled_from(GRID))
def gpipe_any(student, case):
    """Every p and m, fewer microbatches than ranks among them."""
    p, m = case
    shown = f"gpipe(p={p}, m={m})"
    line = judged(student.gpipe(p, m, of=shown), p, m, 1, FUSED, of=shown)
    forwards_first(line, of=shown)
    ends_by(line, 2 * (m + p - 1), of=shown)


@check("1.4")
@given(legal.cases())
def peaks_of_any(student, case):
    """Any legal schedule, with and without W, of several chunks, with idle slots."""
    shown = f"peak_activations(schedule) with\n{case}"
    got = student.peak_activations(case.schedule, of=shown)
    agree(got, legal.peaks(case), of=shown, oracle="Counting")


@check("1.5")
@given(legal.cases(), st.tuples(TIMES, TIMES, TIMES), st.integers(0, 4))
def bubble_of_any(student, case, times, rank):
    """Any legal schedule, any times; one that cannot run is a ValueError."""
    said = "t_f={}, t_b={}, t_w={}".format(*times)
    shown = f"bubble_fraction(schedule, {said}) with\n{case}"
    got = student.bubble_fraction(case.schedule, list(times), of=shown)
    agree(got, [legal.bubble(case, list(times))] * 2, of=shown, oracle="The longest path")
    for kind in range(3):
        impossible = legal.stuck(case, 3 * rank + kind)
        shown = f"bubble_fraction(schedule) with\n{written(impossible)}"
        got = student.bubble_refusal(impossible, of=shown)
        agree(got, "ValueError", of=shown, oracle="The handout")


# -- task 2 --------------------------------------------------------------------


@check("2.2")
@given(st.sampled_from(GRID))
def one_f_one_b_any(student, case):
    """GPipe's makespan and at most min(m, p - rank) live activations, for every p and m."""
    p, m = case
    shown = f"one_f_one_b(p={p}, m={m})"
    line = judged(student.one_f_one_b(p, m, of=shown), p, m, 1, FUSED, of=shown)
    ends_by(line, 2 * (m + p - 1), of=shown)
    holds(line, [min(m, p - rank) for rank in range(p)], "B", of=shown)


# -- task 3 --------------------------------------------------------------------

CHUNKED = [(p, m, v) for p, m in GRID for v in (1, 2, 3, 4)]
CHUNKED.sort(key=lambda one: (one[0] * one[1] * one[2], one))
EVEN = [one for one in CHUNKED if one[1] % one[0] == 0]
UNEVEN = [one for one in CHUNKED if one[1] % one[0]]


def interleaved(student, p, m, v):
    shown = f"interleaved_one_f_one_b(p={p}, m={m}, v={v})"
    answer = student.interleaved_one_f_one_b(p, m, v, of=shown)
    line = judged(answer, p, m, v, FUSED, of=shown)
    ends_by(line, 2 * max(m * v + p - 1, p * v + m - 1), of=shown)
    group = -(-m // max(1, m // p))
    caps = [min(m * v, (v - 1) * group + 2 * (p - 1 - rank) + 1) for rank in range(p)]
    holds(line, caps, "B", of=shown)


@check("3.2")
@given(st.sampled_from(EVEN))
def interleaved_even(student, case):
    """Every p, every v up to 4, and every m that p divides."""
    interleaved(student, *case)


@check("3.3")
@given(st.sampled_from(UNEVEN))
def interleaved_uneven(student, case):
    """Groups of unequal size, and fewer microbatches than ranks."""
    interleaved(student, *case)


# -- task 4 --------------------------------------------------------------------


def zero_bubble(student, p, m, max_live):
    """The timeline of a schedule within max_live, and the call as text."""
    shown = f"zero_bubble(p={p}, m={m}, max_live={max_live})"
    line = judged(student.zero_bubble(p, m, max_live, of=shown), p, m, 1, SPLIT, of=shown)
    holds(line, [max_live] * p if isinstance(max_live, int) else max_live, "W", of=shown)
    return line, shown


@check("4.2")
@given(st.sampled_from(GRID), st.integers(0, 2), st.booleans())
def zero_bubble_makespan(student, case, more, listed):
    """With p live activations p - 1 ticks of bubble remain, with 1F1B's p - rank twice as many."""
    p, m = case
    line, shown = zero_bubble(student, p, m, [p + more] * p if listed else p + more)
    ends_by(line, max(3 * m + p - 1, 2 * m + 2 * p - 1), of=shown)
    line, shown = zero_bubble(student, p, m, [p - rank for rank in range(p)])
    ends_by(line, 3 * m + 2 * p - 2, of=shown)


@check("4.3")
@given(st.sampled_from(GRID), st.lists(st.integers(0, 9), min_size=8, max_size=8))
def zero_bubble_span(student, case, draws):
    """With 2p - 1 there is no bubble within a rank from m = 2p - 1 on; any other limit is kept."""
    p, m = case
    line, shown = zero_bubble(student, p, m, 2 * p - 1 + draws[0])
    spans(line, max(3 * m, 2 * m + 2 * p - 1), of=shown)
    ends_by(line, max(3 * m + p - 1, 2 * m + 2 * p - 1), of=shown)
    caps = [1 + draw % (p + 1) for draw in draws[:p]]
    line, shown = zero_bubble(student, p, m, caps)
    enough = all(cap >= p - rank for rank, cap in enumerate(caps))
    ends_by(line, 3 * m + 2 * p - 2 if enough else m * (2 * p + 1), of=shown)


# -- task 5 --------------------------------------------------------------------


@check("5.3")
@given(legal.cases(24, ranks=4), st.booleans(), st.integers(0, 999))
def runs_any(student, case, waits, seed):
    """Any legal schedule, with sends that wait for their receive and with sends that do not."""
    step = make_step(case.p * case.v, case.m, seed)
    shown = f"run_schedule(schedule[rank], stages, comm) with\n{case}"
    run = step_on(student, World(case.p, rendezvous=waits), case.schedule, step, of=shown)
    agree_on_messages(run, case.schedule, case.v, step, of=shown)


OWN = [
    ("interleaved_one_f_one_b", (2, 4, 2)),
    ("zero_bubble", (3, 4, 3)),
    ("one_f_one_b", (3, 5)),
    ("gpipe", (2, 3)),
]


@check("5.4")
@given(st.integers(0, 999))
def own_schedules(student, seed):
    """The four schedules of this submission train a model, over gloo."""
    for name, args in OWN:
        p, m = args[:2]
        v = args[2] if name.startswith("inter") else 1
        ops = SPLIT if name == "zero_bubble" else FUSED
        shown = f"{name}{args}"
        schedule = getattr(student, name)(*args, of=shown)
        judged(schedule, p, m, v, ops, of=shown)
        step = make_step(p * v, m, seed)
        shown = f"run_schedule({shown}[rank], stages, comm)"
        step_on(student, World(p, gloo=True), schedule, step, of=shown)
        run = step_on(student, World(p, rendezvous=True), schedule, step, of=shown)
        agree_on_messages(run, schedule, v, step, of=shown)
