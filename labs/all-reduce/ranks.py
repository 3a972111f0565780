"""What the checks of this lab are made of: what each rank contributes, and what must come out.

Contributions are made so that a wrong sum tells what went wrong. Rank r adds digits of its own
place, 8**r, in base 8: a part that is missing, doubled, or from another chunk shows. Products are
of different primes. All these numbers are exact in every dtype, so the order in which a
submission adds them does not matter. Rough numbers, thirds, are for one question only: does
every rank end up with the same bits?
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st

from aisys_cli.grader import Mismatch, Run, World, agree, describe

__all__ = [
    "Case",
    "Trial",
    "agree_on_every_rank",
    "call_on",
    "chunk",
    "exactly",
    "expected",
    "refused",
    "ring_traffic",
    "same_bits",
    "saying",
    "show",
    "strata",
    "trials",
    "within",
]

OPS = ["sum", "max", "prod", "mean"]
DTYPES = ["float64", "float32", "int64", "int32"]
PRIMES = np.array([2, 3, 5, 7, 11, 13, 17, 19])


class Case(NamedTuple):
    """A call on one rank each: `parts[r]` is rank r's x."""

    parts: list[Any]
    op: str
    rough: bool = False

    @property
    def size(self) -> int:
        return len(self.parts)

    @property
    def n(self) -> int:
        return int(self.parts[0].size)


class Trial(NamedTuple):
    """A case, and the world to run it in."""

    case: Case
    world: World


def trials(
    sizes: list[int], *, ops: list[str] = OPS, plain: bool = False
) -> st.SearchStrategy[Trial]:
    """Any number of ranks, any n mod p, n < p and n = 0 among them, sends that wait or not;
    `plain`: vectors of float64 only."""

    @st.composite
    def draw_trial(draw: Any) -> Trial:
        size = draw(st.sampled_from(sizes))
        n = draw(st.sampled_from([1, 0, 1, 2, 3])) * size + draw(st.integers(0, size - 1))
        op = draw(st.sampled_from(ops))
        dtype = "float64" if plain else draw(st.sampled_from(_dtypes(op)))
        kind = "vector" if plain else draw(st.sampled_from(KINDS))
        case = _case(size, n, op, dtype, kind, draw(st.integers(0, 6)), plain=plain)
        order = tuple(draw(st.lists(st.integers(0, 6), max_size=6)))
        return Trial(case, World(size, rendezvous=draw(st.booleans()), order=order))

    return draw_trial()


def strata(sizes: list[int], *, ops: list[str] = OPS, plain: bool = False) -> list[Trial]:
    """What must not be left to chance, the smallest worlds first: each p with each op, on
    floats and on integers, with every kind of n and of shape; scalars; rough numbers."""
    found: list[Trial] = []
    turn = itertools.count()

    def add(size: int, n: int, op: str, dtype: str, kind: str) -> None:
        i = next(turn)
        case = _case(size, n, op, dtype, kind, i % 7, plain=plain)
        found.append(Trial(case, World(size, rendezvous=i % 2 == 0)))

    for size in sorted(sizes):
        sequence = [size, size + 1, max(1, size - 1), 3 * size - 1, 1, 2 * size, 0]
        ns = itertools.cycle(sequence)
        for j in range(max(2, len(sequence) // len(ops))):
            for k, op in enumerate(ops):
                floats = ["float64", "float32"][(j // 2 + k + size) % 2]
                integers = ["int64", "int32"][(j // 2 + k + size) % 2]
                dtype = floats if j % 2 == 0 or op == "mean" else integers
                kind = KINDS[(j + k + size) % 3]
                add(size, next(ns), op, *(("float64", "vector") if plain else (dtype, kind)))
        if plain:
            continue
        if size <= 4:
            for op in ops:
                add(size, 1, op, "float64", "scalar")
        if size >= 3:  # two numbers have one sum, whichever comes first
            add(size, 2 * size, "sum" if size % 2 else "mean", "float64", "rough")
    return found


KINDS = ["vector", "column", "matrix", "scalar", "rough"]


def _dtypes(op: str) -> list[str]:
    return [one for one in DTYPES if op != "mean" or one.startswith("float")]


def _case(
    size: int, n: int, op: str, dtype: str, kind: str, shift: int, *, plain: bool = False
) -> Case:
    rough = kind == "rough" and dtype.startswith("float") and op != "prod"
    n = 1 if kind == "scalar" else n + n % 2 if kind == "matrix" else n
    shape = {"scalar": (), "matrix": (n // 2, 2), "column": (1, n, 1)}.get(kind, (n,))
    parts = []
    for rank in range(size):
        if rough:
            part = (1 + (np.arange(n) + 2 * rank + shift) % 7 - 4) / 3 * 10.0 ** (rank % 3)
        else:
            part = _exact(size, rank, n, op, shift) * (
                1 if plain else _scale(size, rank, op, dtype)
            )
        parts.append(part.astype(dtype).reshape(shape))
    return Case(parts, op, rough)


def _exact(size: int, rank: int, n: int, op: str, shift: int) -> Any:
    at = np.arange(n)
    if op == "prod":
        return PRIMES[(rank + at + shift) % 8]
    if op == "max":
        # All below zero, so that a buffer of zeros shows; the largest moves from rank to rank.
        return -1 - (at + 3 * rank + shift) % 11 - (rank + at + shift) % size
    return (1 + (at + 2 * rank + shift) % 7) * 8**rank


def _scale(size: int, rank: int, op: str, dtype: str) -> int:
    """A factor that fills the dtype up: what goes through a smaller one loses its last bits."""
    bits = {"float32": 23, "float64": 50, "int32": 29, "int64": 59}[dtype]
    if op == "prod":
        return (1 << bits - 25) + 1 if rank == 0 and bits > 30 else 1
    used = 5 if op == "max" else 3 * size
    return (1 << bits - used) + 1 if bits > used else 1


def expected(case: Case) -> Any:
    """The reduction of all parts, in their shape, by PyTorch."""
    stacked = torch.from_numpy(np.stack(case.parts))
    if case.op == "sum":
        out = stacked.sum(0, dtype=stacked.dtype)
    elif case.op == "prod":
        out = stacked.prod(0, dtype=stacked.dtype)
    else:
        out = stacked.amax(0) if case.op == "max" else stacked.mean(0)
    return out.numpy()


def chunk(value: Any, size: int, rank: int) -> Any:
    """Chunk number `rank` of a value, as torch.tensor_split makes it."""
    return torch.from_numpy(value).reshape(-1).tensor_split(size)[rank].numpy()


def show(call: str, case: Case) -> str:
    """The call as a student would write it, and what each rank puts in."""
    lines = [f"rank {r}: x = {describe(part, limit=200)}" for r, part in enumerate(case.parts)]
    return "\n".join([call, *lines])


def agree_on_every_rank(run: Run, right: list[Any], *, of: str, case: Case | None = None) -> None:
    """What rank r returned must be right[r]; a wrong sum is said to lack a rank's part, or to
    have it twice, where that explains it."""
    rough = case is not None and (case.rough or case.op == "mean")
    rtol = (1e-5 if right[0].dtype == np.float32 else 1e-9) if rough else 0.0
    for rank, (got, want) in enumerate(zip(run.values, right, strict=True)):
        with saying(f"rank {rank}: {{}}"):
            try:
                agree(got, want, of=of, rtol=rtol, atol=rtol)
            except Mismatch as wrong:
                if case is None or case.op != "sum" or rough:
                    raise
                why = _whose(wrong.found.why, case, got, want)
                wrong.found = dataclasses.replace(wrong.found, why=why)
                raise


@contextmanager
def saying(words: str) -> Iterator[None]:
    """Put a Mismatch into words: {} is what it says itself."""
    try:
        yield
    except Mismatch as wrong:
        why = words.format(wrong.found.why)
        wrong.found = dataclasses.replace(wrong.found, why=why)
        raise


def same_bits(run: Run, *, of: str) -> None:
    """Every rank must have returned the very same bytes."""
    first = run.values[0]
    for rank, got in enumerate(run.values):
        if got.tobytes() != first.tobytes():
            with saying(f"rank {rank} has other bits than rank 0"):
                agree(got, first, of=of, rtol=0.0, atol=0.0, oracle="Rank 0")


def _whose(why: str, case: Case, got: Any, want: Any) -> str:
    """And which rank's part is missing or doubled at the first wrong element, if that is it."""
    if getattr(got, "shape", None) != want.shape or got.dtype != want.dtype or not want.size:
        return why
    index = np.argmax(got.reshape(-1) != want.reshape(-1))
    off = got.reshape(-1)[index] - want.reshape(-1)[index]
    columns = np.stack([part.reshape(-1) for part in case.parts])
    if want.size == case.n:
        columns = columns[:, index : index + 1]
    for rank, column in enumerate(columns):
        if -off in column:
            return f"{why}; rank {rank}'s part is missing"
        if off in column:
            return f"{why}; rank {rank}'s part is there twice"
    return why


def within(got: int, most: int, what: str, *, of: str) -> None:
    """Raise Mismatch if there is more of something than may be."""
    if got > most:
        with saying(f"the values are right, but there are too many {what}"):
            agree(f"{got} {what}", f"at most {most}", of=of, oracle="Enough")


def exactly(got: int, right: int, what: str, *, of: str) -> None:
    """Raise Mismatch unless there is just so much of something."""
    if got != right:
        with saying(f"the values are right, but there are too {_few(got, right)} {what}"):
            agree(f"{got} {what}", f"{right} {what}", of=of, oracle="Needed")


def _few(got: int, right: int) -> str:
    return "few" if got < right else "many"


def ring_traffic(run: Run, case_n: int, rounds: int, *, of: str) -> None:
    """Messages between neighbours only, one a round on a link; every element sent on once a
    round by all ranks together; three steps a round are enough for any order of blocking
    sends, but not for chunks that go round one after another."""
    size = len(run.values)
    for (src, dst), link in sorted(run.links.items()):
        if (dst - src) % size not in (1, size - 1):
            with saying("a message between ranks that are no neighbours on the ring"):
                agree(f"{src} -> {dst}", "neighbours only", of=of, oracle="On a ring")
        # With two ranks both directions of the ring are the same link.
        most = rounds * (2 if size == 2 else 1)
        within(link.messages, most, f"messages {src} -> {dst}", of=of)
    exactly(sum(one.elements for one in run.messages), rounds * case_n, "elements sent", of=of)
    within(run.steps, 3 * rounds, "latency steps", of=of)


def call_on(student: Any, name: str, trial: Trial) -> tuple[Run, str]:
    """Run name(x, comm, op) in the trial's world; the Run, and the input as text."""
    case, world = trial
    shown = show(f'{name}(x, comm, "{case.op}")', case)
    run = getattr(student.on(world), name)([(part, case.op) for part in case.parts], of=shown)
    return run, shown


def refused(student: Any, name: str, world: World) -> None:
    """What is no op, and the mean of what is no float, is an error before any message."""
    for op, dtype, right in (
        ("mean", "int64", "TypeError"),
        ("mean", "int32", "TypeError"),
        ("least", "float64", "ValueError"),
    ):
        x = np.arange(3).astype(dtype)
        shown = f'{name}(torch.arange(3, dtype=torch.{dtype}), comm, "{op}")'
        run = student.on(world).refusal([(name, x, op)] * world.size, of=shown)
        for value in run.values:
            agree(value, right, of=shown, oracle="The handout")
        exactly(len(run.messages), 0, "messages before the error", of=shown)
