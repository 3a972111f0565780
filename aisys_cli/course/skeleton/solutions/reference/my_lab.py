"""Softmax that does not overflow."""

import numpy as np


def logsumexp(x):
    """log(sum(exp(x))) as a float; x: float64, shape (n,)."""
    largest = x.max()
    return float(largest + np.log(np.exp(x - largest).sum()))


def softmax(x):
    """exp(x) / sum(exp(x)), float64, shape (n,); x: float64, shape (n,)."""
    shifted = np.exp(x - x.max())
    return shifted / shifted.sum()
