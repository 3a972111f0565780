"""Public checks of pipeline-schedules: small cases, most of them worked out in the handout.

A schedule is run tick by tick by ticks.py, which shows it as a table if it is wrong.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from ticks import FUSED, SPLIT, ends_by, forwards_first, holds, judged, parse, written
from training import agree_on_messages, make_step, step_on

from aisys_cli.grader import World, agree, check

SMALL = sorted(((p, m) for p in range(1, 5) for m in range(1, 7)), key=lambda one: (sum(one), one))

GPIPE = parse(
    "F0 F1 F2 F3 - - - - B0 B1 B2 B3",
    "- F0 F1 F2 F3 - - B0 B1 B2 B3",
    "- - F0 F1 F2 F3 B0 B1 B2 B3",
)
ONE_F_ONE_B = parse(
    "F0 F1 F2 - - B0 F3 B1 - B2 - B3",
    "- F0 F1 - B0 F2 B1 F3 B2 - B3",
    "- - F0 B0 F1 B1 F2 B2 F3 B3",
)
INTERLEAVED = parse(
    "F0.0 F1.0 F0.1 F1.1 - B0.1 - B1.1 B0.0 B1.0",
    "- F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 B0.0 B1.0",
)
TWO_LIVE = parse(
    "F0 F1 - B0 W0 F2 B1 W1 B2 W2",
    "- F0 B0 F1 B1 W0 F2 B2 W1 W2",
)
THREE_LIVE = parse(
    "F0 F1 F2 B0 W0 B1 W1 B2 W2 -",
    "- F0 B0 F1 B1 F2 B2 W0 W1 W2",
)


@check("1.1")
@given(st.sampled_from(SMALL))
def gpipe_small(student, case):
    """Every operation once, all F before all B, no rank waits longer than it has to."""
    p, m = case
    shown = f"gpipe(p={p}, m={m})"
    line = judged(student.gpipe(p, m, of=shown), p, m, 1, FUSED, of=shown)
    forwards_first(line, of=shown)
    ends_by(line, 2 * (m + p - 1), of=shown)


TABLES = [
    ("GPipe", GPIPE, [4, 4, 4], 1 / 3),
    ("1F1B", ONE_F_ONE_B, [3, 2, 1], 1 / 3),
    ("interleaved", INTERLEAVED, [4, 3], 0.2),
    ("zero bubble, max_live 2", TWO_LIVE, [2, 2], 0.1),
    ("zero bubble, max_live 3", THREE_LIVE, [3, 3], 0.1),
]


@check("1.2")
def by_hand(student):
    """Peaks and bubbles of the handout's tables: GPipe and 1F1B have the same bubble."""
    for name, schedule, peaks, bubble in TABLES:
        shown = f"schedule = {name}:\n{written(schedule)}\n"
        call = shown + "peak_activations(schedule)"
        agree(student.peak_activations(schedule, of=call), peaks, of=call, oracle="By hand")
        call = shown + "bubble_fraction(schedule)"
        got = student.bubble_fraction(schedule, [], of=call)
        agree(got[0], bubble, of=call, oracle="By hand")
    # Each rank is busy for 3 * (1 + 2 + 3) = 18 and the makespan is 19.
    call = f"schedule = {name}:\n{written(schedule)}\n"
    call += "bubble_fraction(schedule, t_f=1, t_b=2, t_w=3)"
    got = student.bubble_fraction(schedule, [1, 2, 3], of=call)
    agree(got[0], 1 / 19, of=call, oracle="By hand")


@check("2.1")
@given(st.sampled_from(SMALL))
def one_f_one_b_small(student, case):
    """GPipe's makespan, with at most min(m, p - rank) activations."""
    p, m = case
    shown = f"one_f_one_b(p={p}, m={m})"
    line = judged(student.one_f_one_b(p, m, of=shown), p, m, 1, FUSED, of=shown)
    ends_by(line, 2 * (m + p - 1), of=shown)
    holds(line, [min(m, p - rank) for rank in range(p)], "B", of=shown)


EVEN = [
    (p, m, v) for v in (1, 2, 3) for p in (1, 2, 3, 4) for m in (p, 2 * p, 3 * p) if p * m * v < 40
]
EVEN.sort(key=lambda one: (one[0] * one[1] * one[2], one))


@check("3.1")
@given(st.sampled_from(EVEN))
def interleaved_small(student, case):
    """p divides m: the bubble of 1F1B, divided by v."""
    p, m, v = case
    shown = f"interleaved_one_f_one_b(p={p}, m={m}, v={v})"
    answer = student.interleaved_one_f_one_b(p, m, v, of=shown)
    line = judged(answer, p, m, v, FUSED, of=shown)
    ends_by(line, 2 * (m * v + p - 1), of=shown)
    caps = [min(m * v, (v - 1) * p + 2 * (p - 1 - rank) + 1) for rank in range(p)]
    holds(line, caps, "B", of=shown)


@check("4.1")
@given(st.sampled_from(SMALL))
def zero_bubble_small(student, case):
    """max_live = p: as little memory as 1F1B's first rank, and p - 1 ticks of bubble."""
    p, m = case
    shown = f"zero_bubble(p={p}, m={m}, max_live={p})"
    line = judged(student.zero_bubble(p, m, p, of=shown), p, m, 1, SPLIT, of=shown)
    holds(line, [p] * p, "W", of=shown)
    ends_by(line, max(3 * m + p - 1, 2 * m + 2 * p - 1), of=shown)


LOOPS = parse(
    "F0.0 F1.0 F0.1 F1.1 F2.0 B0.1 F3.0 B1.1 F2.1 B0.0 F3.1 B1.0 - B2.1 - B3.1 B2.0 B3.0",
    "- F0.0 F1.0 F0.1 B0.1 F1.1 B1.1 F2.0 B0.0 F3.0 B1.0 F2.1 B2.1 F3.1 B3.1 B2.0 B3.0",
)
RUNS = [
    (parse("F0 B0", "F0 B0"), 1, 1),
    (parse("F0 F1 B1 B0"), 2, 1),
    (parse("F0 B0 F1 B1", "F0 B0 F1 B1"), 2, 1),
    (parse("F0 F1 B0 B1", "F0 B0 F1 B1"), 2, 1),
    (parse("F0 B0 W0", "F0 B0 W0"), 1, 1),
    (GPIPE, 4, 1),
    (ONE_F_ONE_B, 4, 1),
    (TWO_LIVE, 3, 1),
    (THREE_LIVE, 3, 1),
    (parse("F0.0 F0.1 B0.1 B0.0"), 1, 2),
    (INTERLEAVED, 2, 2),
    (LOOPS, 4, 2),
]
# Sends that do not wait for their receive, and sends that do.
BOTH = [(*one, waits) for one in RUNS for waits in (False, True)]


@check("5.1")
@given(st.sampled_from(BOTH))
def runs_small(student, case):
    """The gradients of every stage are those of the whole model, whether sends wait or not."""
    schedule, m, v, waits = case
    p = len(schedule)
    step = make_step(p * v, m, seed=m)
    shown = f"run_schedule(schedule[rank], stages, comm) with\n{written(schedule)}"
    run = step_on(student, World(p, rendezvous=waits), schedule, step, of=shown)
    agree_on_messages(run, schedule, v, step, of=shown)


@check("5.2")
@given(st.sampled_from([ONE_F_ONE_B, GPIPE]))
def runs_over_gloo(student, schedule):
    """The same on real processes."""
    step = make_step(3, 4, seed=0)
    shown = f"run_schedule(schedule[rank], stages, comm) with\n{written(schedule)}"
    step_on(student, World(3, gloo=True), schedule, step, of=shown)
