"""The optima that pipeline-schedules judges by: small cases searched exhaustively, and PyTorch's
own schedules and the reference held against them.

A state of the search is what has been done: for each microbatch how far it is on its way through
F of all stages and back through B, and which W are done. Microbatches are alike, so a state is
sorted. In each tick every rank does any one of the operations that it can, or nothing.
"""

from __future__ import annotations

import importlib.util
import itertools
import sys
from pathlib import Path
from unittest import mock

import pytest

ROOT = Path(__file__).parents[2]


def load(path):
    spec = importlib.util.spec_from_file_location(f"pipeline_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


ticks = load(ROOT / "labs/pipeline-schedules/ticks.py")
reference = load(ROOT / "solutions/pipeline-schedules/reference/pipeline_schedules.py")


class Search:
    """p ranks, v chunks; `caps` by rank limit the live activations, `span` what a rank may take."""

    def __init__(self, p, m, v=1, *, split=False, caps=None, span=None):
        self.p, self.m, self.split, self.span = p, m, split, span
        self.stages = p * v
        self.caps = caps or [m * v] * p
        self.each = m * v * (3 if split else 2)  # operations of a rank

    def live(self, state, rank):
        """Activations that a rank holds."""
        found = 0
        for way, done in state:
            for stage in range(rank, self.stages, self.p):
                over = done >> stage & 1 if self.split else way >= 2 * self.stages - stage
                found += way > stage and not over
        return found

    def choices(self, state, rank):
        """(microbatch, stage of its W, or -1 for its next step) that the rank can do now."""
        found = [None]
        full = self.live(state, rank) >= self.caps[rank]
        seen = set()
        for number, one in enumerate(state):
            way, done = one
            forward = way < self.stages
            stage = way if forward else 2 * self.stages - 1 - way
            mine = way < 2 * self.stages and stage % self.p == rank
            if mine and not (forward and full) and one not in seen:
                found.append((number, -1))
            seen.add(one)
            if self.split:
                found += [
                    (number, stage)
                    for stage in range(rank, self.stages, self.p)
                    if way >= 2 * self.stages - stage and not done >> stage & 1
                ]
        return found

    def after(self, state, chosen):
        new = [list(one) for one in state]
        for choice in chosen:
            if choice is not None and choice[1] < 0:
                new[choice[0]][0] += 1
            elif choice is not None:
                new[choice[0]][1] |= 1 << choice[1]
        return tuple(sorted(map(tuple, new)))

    def least(self, most):
        """The fewest ticks in which all can be done; None if that is more than `most`."""
        complete = (2 * self.stages, (1 << self.stages) - 1 if self.split else 0)
        end = (complete,) * self.m
        level = {(((0, 0),) * self.m, (-1,) * self.p, (0,) * self.p)}
        for tick in range(most):
            following = set()
            for state, starts, counts in level:
                ways = [self.choices(state, rank) for rank in range(self.p)]
                for chosen in itertools.product(*ways):
                    new = self.after(state, chosen)
                    if new == end:
                        return tick + 1
                    kept = self._in_time(starts, counts, chosen, tick, most)
                    if kept is not None:
                        following.add((new, *kept))
            level = following
        return None

    def _in_time(self, starts, counts, chosen, tick, most):
        """When each rank began and how much it has done, for `span`; None if it is too late."""
        counts = tuple(n + (one is not None) for n, one in zip(counts, chosen, strict=True))
        if any(tick + 1 + self.each - n > most for n in counts):
            return None
        if self.span is None:
            return (), counts
        starts = tuple(
            tick if began < 0 and one is not None else began
            for began, one in zip(starts, chosen, strict=True)
        )
        for began, n in zip(starts, counts, strict=True):
            if began >= 0 and n < self.each and tick + 1 + self.each - n > began + self.span:
                return None
        return starts, counts


def _small(*cases):
    return pytest.mark.parametrize("case", cases, ids=str)


FUSED = [
    (1, 1),
    (1, 3),
    (2, 1),
    (2, 2),
    (2, 3),
    (2, 4),
    (3, 1),
    (3, 2),
    (3, 3),
    (3, 5),
    (4, 2),
    (4, 4),
]


@_small(*FUSED)
def test_no_fused_schedule_is_faster_than_gpipe(case):
    p, m = case
    assert Search(p, m).least(2 * (m + p - 1)) == 2 * (m + p - 1)


@_small(*FUSED)
def test_1f1b_holds_as_little_as_its_makespan_allows(case):
    p, m = case
    most = 2 * (m + p - 1)
    caps = [min(m, p - rank) for rank in range(p)]
    assert Search(p, m, caps=caps).least(most) == most
    for rank in range(p):
        less = [cap - (one == rank) for one, cap in enumerate(caps)]
        if less[rank]:
            assert Search(p, m, caps=less).least(most) is None


@_small(
    (2, 1, 2),
    (2, 2, 2),
    (2, 3, 2),
    (2, 4, 2),
    (2, 5, 2),
    (2, 3, 3),
    (3, 2, 2),
    (3, 4, 2),
    (1, 3, 2),
)
def test_interleaved_makespan(case):
    p, m, v = case
    most = 2 * max(m * v + p - 1, p * v + m - 1)
    assert Search(p, m, v).least(most) == most


SPLIT = [(1, 1), (1, 3), (2, 1), (2, 2), (2, 3), (2, 5), (3, 1), (3, 2), (3, 3), (3, 4), (4, 2)]


@_small(*SPLIT)
def test_zero_bubble_makespan_with_p_activations(case):
    p, m = case
    most = max(3 * m + p - 1, 2 * m + 2 * p - 1)
    assert Search(p, m, split=True, caps=[p] * p).least(most) == most
    assert Search(p, m, split=True).least(most) == most


@_small(*SPLIT)
def test_zero_bubble_makespan_with_the_activations_of_1f1b(case):
    p, m = case
    most = 3 * m + 2 * p - 2
    assert Search(p, m, split=True, caps=[p - rank for rank in range(p)]).least(most) == most


@_small((1, 2), (2, 1), (2, 2), (2, 3), (2, 4), (3, 2), (3, 3))
def test_zero_bubble_span(case):
    p, m = case
    span, caps = max(3 * m, 2 * m + 2 * p - 1), [2 * p - 1] * p
    most = max(3 * m + p - 1, 2 * m + 2 * p - 1)
    assert Search(p, m, split=True, caps=caps, span=span).least(most) == most
    late = most + p
    assert Search(p, m, split=True, caps=caps, span=span - 1).least(late) is None


# -- whole schedules ---------------------------------------------------------------

GRID = [(p, m) for p in range(1, 9) for m in range(1, 25)]
CHUNKED = [(p, m, v) for p, m in GRID for v in range(1, 5) if p * m * v <= 150]


def line_of(schedule, m, v=1, ops="FB"):
    """The timeline of a schedule as it comes out of a cell."""
    answer = [[None if one is None else list(one) for one in order] for order in schedule]
    return ticks.judged(answer, len(answer), m, v, ops, of="")


def group(p, m):
    return -(-m // max(1, m // p))


def interleaved_is_right(line, p, m, v):
    ticks.ends_by(line, 2 * max(m * v + p - 1, p * v + m - 1), of="")
    caps = [min(m * v, (v - 1) * group(p, m) + 2 * (p - 1 - rank) + 1) for rank in range(p)]
    ticks.holds(line, caps, "B", of="")


def test_the_reference_attains_them_everywhere():
    for p, m in GRID:
        line = line_of(reference.gpipe(p, m), m)
        ticks.forwards_first(line, of="")
        ticks.ends_by(line, 2 * (m + p - 1), of="")
        line = line_of(reference.one_f_one_b(p, m), m)
        ticks.ends_by(line, 2 * (m + p - 1), of="")
        ticks.holds(line, [min(m, p - rank) for rank in range(p)], "B", of="")
        least = max(3 * m + p - 1, 2 * m + 2 * p - 1)
        for cap in (p, p + 1, 2 * p - 2, 2 * p - 1, 2 * p, m + p):
            if cap < p:
                continue
            line = line_of(reference.zero_bubble(p, m, cap), m, ops="FBW")
            ticks.holds(line, [cap] * p, "W", of="")
            ticks.ends_by(line, least, of="")
            if cap >= 2 * p - 1:
                ticks.spans(line, max(3 * m, 2 * m + 2 * p - 1), of="")
        caps = [p - rank for rank in range(p)]
        line = line_of(reference.zero_bubble(p, m, caps), m, ops="FBW")
        ticks.holds(line, caps, "W", of="")
        ticks.ends_by(line, 3 * m + 2 * p - 2, of="")
    for p, m, v in CHUNKED:
        schedule = reference.interleaved_one_f_one_b(p, m, v)
        interleaved_is_right(line_of(schedule, m, v), p, m, v)


schedules = pytest.importorskip("torch.distributed.pipelining.schedules")


def torch_order(kind, p, m, v=1):
    """PyTorch's own order: what its schedule classes compute, without any process group."""
    rounds = max(1, m // p)
    orders = []
    for rank in range(p):
        one = object.__new__(kind)
        one.pp_group_size, one._num_stages, one._n_microbatches = p, p, m
        one.n_local_stages, one.number_of_rounds = v, rounds
        one.microbatches_per_round = m // rounds
        if kind is schedules.ScheduleInterleaved1F1B:
            actions = one._calculate_single_rank_operations(rank)
        else:
            actions = one._get_pipeline_order()[rank]
        orders.append([_entry(action, p) for action in actions])
    return orders


def _entry(action, p):
    kind = "" if action is None else action.computation_type.name
    if kind not in ("FORWARD", "FULL_BACKWARD"):
        return None  # an idle slot, or the reduction of gradients at the end
    return ("F" if kind == "FORWARD" else "B", action.microbatch_index, action.stage_index // p)


def torch_step(monkeypatch, p, m):
    """The order in which a step of Schedule1F1B does its work on each rank: it is asked to run
    on stages that do nothing but write it down."""
    for name in ("_batch_p2p", "_wait_batch_p2p"):
        monkeypatch.setattr(schedules, name, mock.MagicMock())
    orders = []
    for rank in range(p):
        order = []
        one = object.__new__(schedules.Schedule1F1B)
        one._num_stages, one._n_microbatches, one.scale_grads = p, m, False
        one._stage = mock.MagicMock(stage_index=rank)
        one._stage.forward_one_chunk = lambda i, *_, order=order, **__: order.append(("F", i, 0))
        one._stage.backward_one_chunk = lambda i, *_, order=order, **__: order.append(("B", i, 0))
        one._check_inputs = lambda *_, m=m: ([()] * m, [{}] * m)
        for name in ("_initialize_stage", "_maybe_compute_loss", "_maybe_get_loss"):
            setattr(one, name, mock.MagicMock())
        one._update_losses = mock.MagicMock()
        one._step_microbatches()
        orders.append(order)
    return orders


def test_schedules_of_pytorch_pass(monkeypatch):
    for p, m in GRID:
        line = line_of(torch_order(schedules.ScheduleGPipe, p, m), m)
        ticks.forwards_first(line, of="")
        ticks.ends_by(line, 2 * (m + p - 1), of="")
        if p <= m <= p + 4:
            line = line_of(torch_step(monkeypatch, p, m), m)
            ticks.ends_by(line, 2 * (m + p - 1), of="")
            ticks.holds(line, [min(m, p - rank) for rank in range(p)], "B", of="")
    for p, m, v in CHUNKED:
        if m % max(1, m // p) == 0:
            schedule = torch_order(schedules.ScheduleInterleaved1F1B, p, m, v)
            interleaved_is_right(line_of(schedule, m, v), p, m, v)
