"""Training runs, and what PyTorch makes of them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from hypothesis import strategies as st

from aisys_cli.grader import agree

__all__ = ["Training", "batches", "training_agrees"]


@dataclass
class Training:
    """A network, what its parameters start from, and the batch of each step."""

    sizes: list[int]
    seed: int
    start: list[Any]
    batches: list[tuple[Any, Any]]
    lr: float
    momentum: float
    every: int  # the gradients are set to zero before each `every`-th step

    def __str__(self) -> str:
        lines = [f"model = MLP({self.sizes}, seed={self.seed})"]
        lines += [f"optimizer = SGD(model.parameters(), {self.lr}, momentum={self.momentum})"]
        lines += [f"parameters of shapes {[p.shape for p in self.start]}, replaced by the check:"]
        lines += [f"    {np.round(p, 3).tolist()}" for p in self.start]
        zero = "optimizer.zero_grad(), " if self.every == 1 else ""
        lines += [f"then {len(self.batches)} times: {zero}loss.backward(), optimizer.step()"]
        if self.every > 1:
            lines += [
                f"with optimizer.zero_grad() before every step whose number {self.every} divides"
            ]
        for x, targets in self.batches[:2]:
            lines += [f"    x = {np.round(x, 3).tolist()}, targets = {targets.tolist()}"]
        return "\n".join(lines)


@st.composite
def batches(draw: Any, sizes: list[int], *, steps: int, every: int = 1) -> Training:
    """Real numbers from a generator: no unit of the network is within 1e-9 of its kink."""
    seed = draw(st.integers(0, 999))
    momentum = draw(st.sampled_from([0.9, 0.5, 0.0]))
    lr = draw(st.sampled_from([0.1, 0.05, 0.3]))
    rows = draw(st.integers(2, 6))
    rng = np.random.default_rng([seed, rows])
    start = [rng.normal(size=size) for n, m in pairwise(sizes) for size in ((n, m), (m,))]
    made = [
        (rng.normal(size=(rows, sizes[0])), rng.integers(0, sizes[-1], size=rows))
        for _ in range(steps)
    ]
    return Training(sizes, seed, start, made, lr, momentum, every)


def training_agrees(student: Any, t: Training) -> None:
    """Parameters as made by the handout's recipe; losses and parameters as PyTorch's."""
    arguments = (t.sizes, t.seed, t.start, [list(b) for b in t.batches], t.lr, t.momentum, t.every)
    got = student.training(*arguments, of=t)
    agree(got, {"made": _made(t), "steps": _trained(t)}, of=t)


def _made(t: Training) -> list[Any]:
    rng = np.random.default_rng(t.seed)
    made = []
    for n, m in pairwise(t.sizes):
        made += [rng.standard_normal((n, m)) * np.sqrt(2.0 / n), np.zeros(m)]
    return made


def _trained(t: Training) -> list[Any]:
    parameters = [torch.tensor(p, requires_grad=True) for p in t.start]
    optimizer = torch.optim.SGD(parameters, lr=t.lr, momentum=t.momentum)
    steps = []
    for k, (x, targets) in enumerate(t.batches):
        if k % t.every == 0:
            optimizer.zero_grad()
        h = torch.tensor(x)
        for i in range(0, len(parameters), 2):
            h = (torch.relu(h) if i else h) @ parameters[i] + parameters[i + 1]
        loss = torch.nn.functional.cross_entropy(h, torch.tensor(targets))
        loss.backward()
        optimizer.step()
        after = [p.detach().numpy().copy() for p in parameters]
        steps.append({"loss": loss.detach().numpy(), "parameters": after})
    return steps
