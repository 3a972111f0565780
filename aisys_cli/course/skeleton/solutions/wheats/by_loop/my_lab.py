import math

import numpy as np


def logsumexp(x):
    numbers = sorted(x.tolist())
    total = 0.0
    for number in numbers:
        total += math.exp(number - numbers[-1])
    return numbers[-1] + math.log(total)


def softmax(x):
    whole = logsumexp(x)
    return np.array([math.exp(number - whole) for number in x.tolist()])
