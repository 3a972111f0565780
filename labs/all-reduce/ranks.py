"""What the checks of this lab are made of: what each rank contributes, and what must come out.

Contributions are made so that a wrong sum tells what went wrong. Rank r adds digits of its own
place, 8**r, in base 8: a part that is missing, doubled, or from another chunk shows. Products are
of different primes. All these numbers are exact in every dtype, so the order in which a
submission adds them does not matter. Rough numbers, thirds, are for one question only: does
every rank end up with the same bits?
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from hypothesis import strategies as st

from aisys_cli.grader import Mismatch, Run, World, agree, describe

__all__ = [
    "OPS",
    "Case",
    "agree_on_every_rank",
    "cases",
    "chunk",
    "expected",
    "show",
    "traffic",
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


def cases(
    sizes: list[int], *, ops: list[str] = OPS, dtypes: list[str] = DTYPES, plain: bool = False
) -> st.SearchStrategy[Case]:
    """Every number of ranks, every n mod p, n < p and n = 0 among them; `plain`: vectors of
    exact numbers only."""

    @st.composite
    def draw_case(draw: Any) -> Case:
        size = draw(st.sampled_from(sizes))
        rest = draw(st.integers(0, size - 1))
        n = draw(st.sampled_from([1, 0, 1, 2, 3])) * size + rest
        op = draw(st.sampled_from(ops))
        allowed = [one for one in dtypes if op != "mean" or one.startswith("float")]
        dtype = draw(st.sampled_from(allowed))
        shift = draw(st.integers(0, 6))
        kinds = 1 if plain else 4
        kind = draw(st.integers(0, kinds - 1))
        rough = kind == 3 and dtype.startswith("float") and op != "prod"
        parts = [_part(size, r, n, op, shift, rough=rough) for r in range(size)]
        shape = [(n,), (1, n, 1), (n // 2, 2) if n % 2 == 0 else (n,), (n,)][kind]
        if kind == 1 and n == 1:
            shape = ()
        return Case([part.astype(dtype).reshape(shape) for part in parts], op, rough)

    return draw_case()


def _part(size: int, rank: int, n: int, op: str, shift: int, *, rough: bool) -> Any:
    at = np.arange(n)
    if op == "prod":
        return PRIMES[(rank + at + shift) % 8]
    digit = 1 + (at + 2 * rank + shift) % 7
    if rough:
        return (digit - 4) / 3 * 10.0 ** (rank % 3)
    if op == "max":
        # All below zero, so that a buffer of zeros shows; the largest moves from rank to rank.
        return -1 - (at + 3 * rank + shift) % 11 - (rank + at + shift) % size
    return digit * 8**rank


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
    rough = case is not None and case.rough
    rtol = 1e-5 if right[0].dtype == np.float32 else 1e-9
    for rank, (got, want) in enumerate(zip(run.values, right, strict=True)):
        try:
            agree(got, want, of=of, rtol=rtol, atol=rtol if rough else 0.0)
        except Mismatch as wrong:
            why = f"rank {rank}: {wrong.found.why}"
            if case is not None and case.op == "sum" and not rough:
                why += _whose(case, got, want)
            wrong.found = dataclasses.replace(wrong.found, why=why)
            raise


def same_bits(run: Run, *, of: str) -> None:
    """Every rank must have returned the very same bytes."""
    first = run.values[0]
    for rank, got in enumerate(run.values):
        if got.tobytes() != first.tobytes():
            try:
                agree(got, first, of=of, rtol=0.0, atol=0.0, oracle="Rank 0")
            except Mismatch as wrong:
                why = f"rank {rank} has other bits than rank 0"
                wrong.found = dataclasses.replace(wrong.found, why=why)
                raise


def _whose(case: Case, got: Any, want: Any) -> str:
    """Which rank's part is missing or doubled at the first wrong element, if that is it."""
    if getattr(got, "shape", None) != want.shape or got.dtype != want.dtype or not want.size:
        return ""
    index = np.argmax(got.reshape(-1) != want.reshape(-1))
    off = got.reshape(-1)[index] - want.reshape(-1)[index]
    columns = np.stack([part.reshape(-1) for part in case.parts])
    if want.size == case.n:
        columns = columns[:, index : index + 1]
    for rank, column in enumerate(columns):
        if -off in column:
            return f"; rank {rank}'s part is missing"
        if off in column:
            return f"; rank {rank}'s part is there twice"
    return ""


def traffic(run: Run) -> dict[str, Any]:
    """What a check compares with its limits, and shows when it is too much."""
    return {
        "messages": len(run.messages),
        "elements": sum(one.elements for one in run.messages),
        "most messages of a rank": max(one.messages for one in run.sent),
        "most elements of a rank": max(one.elements for one in run.sent),
        "steps": run.steps,
    }


def within(got: int, most: int, what: str, *, of: str) -> None:
    """Raise Mismatch if there is more of something than may be."""
    if got > most:
        agree(f"{got} {what}", f"at most {most}", of=of, oracle="Enough")


def exactly(got: int, right: int, what: str, *, of: str) -> None:
    if got != right:
        agree(f"{got} {what}", f"{right} {what}", of=of, oracle="Needed")


def ring_only(run: Run, size: int, each: int, *, of: str) -> None:
    """Messages between neighbours only, at most `each` on a link."""
    for (src, dst), link in sorted(run.links.items()):
        if (dst - src) % size not in (1, size - 1):
            agree(f"{src} -> {dst}", "neighbours only", of=of, oracle="On a ring")
        # With two ranks both directions of the ring are the same link.
        within(link.messages, each * (2 if size == 2 else 1), f"messages {src} -> {dst}", of=of)


def call_on(student: Any, world: World, name: str, case: Case) -> tuple[Run, str]:
    """Run name(x, comm, op) in a world; the Run, and the input as text."""
    shown = show(f'{name}(x, comm, "{case.op}")', case)
    run = getattr(student.on(world), name)([(part, case.op) for part in case.parts], of=shown)
    return run, shown
