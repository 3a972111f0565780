"""The step of training that a schedule is to carry out, and its gradients by PyTorch.

The model has a layer a stage, y = tanh(x @ weight.T + bias), and the loss is the sum of the squared
differences from the targets, over the whole batch. Microbatches have different numbers of rows,
so that the size of a message says which one it is about.
"""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import numpy as np
import torch
from ticks import wrong

from aisys_cli.grader import Mismatch, Run, World, agree

__all__ = ["Step", "agree_on_gradients", "asked", "make_step", "step_on"]


class Step(NamedTuple):
    """One step: weight and bias of each stage, and the batch cut into microbatches."""

    parameters: list[list[Any]]
    rows: list[int]
    data: list[Any]
    targets: list[Any]


def make_step(stages: int, m: int, seed: int, width: int = 2) -> Step:
    rng = np.random.default_rng(seed)
    parameters = [
        [rng.normal(size=(width, width)), rng.normal(size=width) / 2] for _ in range(stages)
    ]
    rows = [int(one) + 1 for one in rng.permutation(m)]
    data = [rng.normal(size=(one, width)) for one in rows]
    targets = [rng.normal(size=(one, width)) / 2 for one in rows]
    return Step(parameters, rows, data, targets)


def gradients(step: Step) -> list[list[Any]]:
    """Of each stage's weight and bias: the whole model on the whole batch, by PyTorch."""
    tensors = [[torch.tensor(one, requires_grad=True) for one in pair] for pair in step.parameters]
    x = torch.tensor(np.concatenate(step.data))
    for weight, bias in tensors:
        x = torch.tanh(x @ weight.T + bias)
    loss = ((x - torch.tensor(np.concatenate(step.targets))) ** 2).sum()
    found = torch.autograd.grad(loss, [one for pair in tensors for one in pair])
    return [[a.numpy(), b.numpy()] for a, b in zip(found[::2], found[1::2], strict=True)]


def asked(schedule: Any, step: Step, p: int) -> list[tuple[Any, ...]]:
    """The arguments of each rank for the driver's run_schedule."""
    count = len(step.parameters)
    found = []
    for rank in range(p):
        mine = {
            "chunks": [step.parameters[stage] for stage in range(rank, count, p)],
            "rows": step.rows,
            "data": step.data if rank == 0 else None,
            "targets": step.targets if rank == p - 1 else None,
        }
        found.append((schedule[rank], mine))
    return found


def step_on(student: Any, world: World, schedule: Any, step: Step, *, of: str) -> Run:
    """Run the step; every stage's gradients must be those of the whole model."""
    run = student.on(world).run_schedule(asked(schedule, step, world.size), of=of)
    agree_on_gradients(run, step, of=of)
    return run


def agree_on_gradients(run: Run, step: Step, *, of: str) -> None:
    right = gradients(step)
    p = len(run.values)
    for rank, value in enumerate(run.values):
        for chunk, pair in enumerate(value):
            stage = chunk * p + rank
            for name, got, want in zip(("weight", "bias"), pair, right[stage], strict=True):
                try:
                    agree(got, want, of=of)
                except Mismatch as error:
                    why = f"stage {stage}, gradient of {name}: {error.found.why}"
                    error.found = dataclasses.replace(error.found, why=why)
                    raise


def sends(order: Any, rank: int, p: int, v: int, step: Step) -> list[list[int]]:
    """[receiver, elements] of what a rank sends, in the order of its list."""
    width = step.data[0].shape[1]
    found = []
    for op, i, chunk in filter(None, order):
        stage = chunk * p + rank
        to = {"F": stage + 1, "B": stage - 1}.get(op, -1)
        if 0 <= to < p * v and p > 1:
            found.append([to % p, step.rows[i] * width])
    return found


def agree_on_messages(run: Run, schedule: Any, v: int, step: Step, *, of: str) -> None:
    """Each rank sends one message for an F or B, if another rank needs its result, in order."""
    p = len(run.values)
    for rank in range(p):
        mine = sorted((one for one in run.messages if one.src == rank), key=lambda one: one.sent)
        got = [[one.dst, one.elements] for one in mine]
        want = sends(schedule[rank], rank, p, v, step)
        if got == want:
            continue
        pairs = enumerate(zip(got, want, strict=False))
        place = next((at for at, (one, other) in pairs if one != other), None)
        if place is None:
            wrong(
                f"rank {rank} sends {len(got)} messages",
                f"{len(got)} messages",
                f"{len(want)} messages",
                of=of,
                oracle="The schedule",
            )
        (to, size), (right, elements) = got[place], want[place]
        wrong(
            f"rank {rank}, message {place} is not that of its list",
            f"{size} elements to rank {to}",
            f"{elements} elements to rank {right}",
            of=of,
            oracle="The schedule",
        )
