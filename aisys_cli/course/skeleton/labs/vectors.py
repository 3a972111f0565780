"""What the public and the hidden checks share: inputs, PyTorch's answers, how inputs are shown."""

import numpy as np
import torch
from hypothesis import strategies as st

from aisys_cli.grader import agree


def vectors(low, high, *, most=5):
    """float64 arrays of shape (n,), 1 <= n <= most, of halves in [low, high]."""
    halves = st.integers(2 * low, 2 * high).map(lambda number: number / 2)
    return st.lists(halves, min_size=1, max_size=most).map(np.array)


def logsumexp_agrees(student, x):
    shown = f"logsumexp(np.array({x.tolist()}))"
    got = student.logsumexp(x, of=shown)
    agree(got, torch.logsumexp(torch.from_numpy(x), 0).item(), of=shown, oracle="PyTorch")


def softmax_agrees(student, x):
    shown = f"softmax(np.array({x.tolist()}))"
    got = student.softmax(x, of=shown)
    agree(got, torch.softmax(torch.from_numpy(x), 0).numpy(), of=shown, oracle="PyTorch")
