"""Beside your module in the sandbox: turns a check's request into calls on your code.

A request has Python text, for example "x * exp(y)" or a whole "def f(x, y): ...". The names
in it - Tensor, exp, grad, ... - are those of your module, and `np` is numpy. What your code
returns goes back as it is: nothing is converted on the way.
"""

import numpy as np


def run(student, source, values):
    """What f of the text returns for these floats and arrays."""
    return _function(student, source)(*values)


def values(student, source, values, needs):
    """The data of every tensor in the list that f of the text returns."""
    return [out.data for out in _function(student, source)(*_inputs(student, values, needs))]


def gradients(student, source, values, needs, seeds):
    """Besides the data: grad of each of these tensors, with its seed."""
    inputs = _inputs(student, values, needs)
    wanted = _differentiable(student, inputs)
    answers = []
    for out, seed in zip(_function(student, source)(*inputs), seeds, strict=True):
        found = student.grad(out, wanted, seed)
        answers.append({"value": out.data, "gradients": [one.data for one in found]})
    return answers


def seconds(student, source, values, needs, seeds, others):
    """The gradients g of each tensor, and those of g for the inputs and the seed itself."""
    inputs = _inputs(student, values, needs)
    wanted = _differentiable(student, inputs)
    answers = []
    for out, seed, starts in zip(_function(student, source)(*inputs), seeds, others, strict=True):
        u = student.Tensor(seed, requires_grad=True)
        first = student.grad(out, wanted, u, create_graph=True)
        second = student.grad(first, [*wanted, u], list(starts))
        answers.append({"first": [g.data for g in first], "second": [g.data for g in second]})
    return answers


def refusal(student, source, values):
    """The name of the exception that f raises, "RuntimeError" or ""."""
    try:
        _function(student, source)(*values)
    except NotImplementedError:
        raise
    except RuntimeError:
        return "RuntimeError"
    return ""


def training(student, sizes, seed, start, batches, lr, momentum, every):
    """Parameters as they are made, then the loss and the parameters after each step.

    `start` replaces the parameters; the gradients are set to zero before every `every`-th step.
    """
    model = student.MLP(sizes, seed=seed)
    parameters = model.parameters()
    made = [p.data.copy() for p in parameters]
    for parameter, data in zip(parameters, start, strict=False):
        parameter.data = data.copy()
    optimizer = student.SGD(parameters, lr, momentum)
    steps = []
    for k, (x, targets) in enumerate(batches):
        if k % every == 0:
            optimizer.zero_grad()
        loss = student.cross_entropy(model(x), targets)
        loss.backward()
        optimizer.step()
        after = [p.data.copy() for p in model.parameters()]
        steps.append({"loss": loss.data, "parameters": after})
    return {"made": made, "steps": steps}


def _function(student, source):
    names = {**vars(student), "np": np}
    exec(source, names)  # noqa: S102 - the text comes from the checks
    return names["f"]


def _inputs(student, values, needs):
    """A tensor for each value; the plain value where `needs` has None."""
    pairs = zip(values, needs, strict=True)
    return [v if need is None else student.Tensor(v, requires_grad=need) for v, need in pairs]


def _differentiable(student, inputs):
    return [x for x in inputs if isinstance(x, student.Tensor) and x.requires_grad]
