import numpy as np


def add(a, b):
    return float(np.float64(a) + np.float64(b))


def mul(a, b):
    return float(np.float64(a) * np.float64(b))


def neg(a):
    return 0.0 - a


def scale(xs, k):
    return np.array([x * k for x in xs])
