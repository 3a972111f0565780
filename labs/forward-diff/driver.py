"""Beside your module in the sandbox: turns a check's request into calls on your code.

A request names a function as Python text, for example "def f(x): return sin(x) * x".
The names in it - sin, Dual, jvp, ... - are those of your module, and `np` is numpy. What
your code returns goes back as it is: nothing is converted on the way.
"""

import numpy as np


def _function(student, source):
    names = {**vars(student), "np": np}
    exec(source, names)  # noqa: S102 - the text comes from the checks
    return names["f"]


def _inputs(student, values, tangents):
    """A Dual for each value; the plain value where the tangent is None."""
    pairs = zip(values, tangents, strict=True)
    return [value if tangent is None else student.Dual(value, tangent) for value, tangent in pairs]


def _parts(out):
    if type(out) is list:
        return [_parts(one) for one in out]
    return {"value": out.value, "tangent": out.tangent}


def duals(student, source, values, tangents):
    """Value and tangent of what f returns, a list of them if f returns a list."""
    f = _function(student, source)
    return _parts(f(*_inputs(student, values, tangents)))


def plain(student, source, values, tangents):
    """What f returns on duals, as it is."""
    f = _function(student, source)
    return f(*_inputs(student, values, tangents))


def refusal(student, source, values, tangents):
    """The name of the exception that making the duals, or f on them, raises; "" if none."""
    try:
        _function(student, source)(*_inputs(student, values, tangents))
    except ValueError:
        return "ValueError"
    return ""


def duals_twice(student, source, values, tangents):
    """Two calls of f on the same Dual objects, then what became of everything put in."""
    f = _function(student, source)
    inputs = _inputs(student, values, tangents)
    return {
        "first call": _parts(f(*inputs)),
        "second call": _parts(f(*inputs)),
        "duals after": [_parts(x) for x in inputs if isinstance(x, student.Dual)],
        "inputs after": [values, tangents],
    }


def derivative(student, source, x):
    return student.derivative(_function(student, source), x)


def jvp(student, source, primals, tangents):
    return student.jvp(_function(student, source), tuple(primals), tuple(tangents))


def jvp_refusal(student, source, primals, tangents):
    """The same of jvp."""
    try:
        jvp(student, source, primals, tangents)
    except ValueError:
        return "ValueError"
    return ""


def jvp_twice(student, source, primals, tangents):
    """Two calls of jvp with the same arguments, then what became of these."""
    f = _function(student, source)
    return {
        "first call": student.jvp(f, tuple(primals), tuple(tangents)),
        "second call": student.jvp(f, tuple(primals), tuple(tangents)),
        "inputs after": [primals, tangents],
    }


def jacobian(student, source, x):
    return student.jacobian(_function(student, source), x)
