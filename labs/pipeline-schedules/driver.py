"""Beside your module in the sandbox: turns a check's request into calls on it.

For the last task it also holds the model: `Stage` is one stage, whose methods your run_schedule
calls. The grader computes the gradients of the whole model by itself, with PyTorch.
"""

import torch


def gpipe(student, p, m):
    return student.gpipe(p, m)


def one_f_one_b(student, p, m):
    return student.one_f_one_b(p, m)


def interleaved_one_f_one_b(student, p, m, v):
    return student.interleaved_one_f_one_b(p, m, v)


def zero_bubble(student, p, m, max_live):
    return student.zero_bubble(p, m, max_live)


def _entries(order):
    """A rank's list, with tuples again where the request has lists."""
    return [None if entry is None else tuple(entry) for entry in order]


def peak_activations(student, schedule):
    return student.peak_activations([_entries(order) for order in schedule])


def bubble_fraction(student, schedule, times):
    """Asked twice about the same lists: the second answer must be the first."""
    schedule = [_entries(order) for order in schedule]
    first = student.bubble_fraction(schedule, *times)
    return [first, student.bubble_fraction(schedule, *times)]


def bubble_refusal(student, schedule):
    """The name of the exception that a schedule which cannot run leads to; "" for none."""
    try:
        student.bubble_fraction([_entries(order) for order in schedule])
    except ValueError as error:
        return type(error).__name__
    return ""


class Stage:
    """One stage of the model: y = tanh(x @ weight.T + bias), for each microbatch.

    Attributes:
        number: which stage this is, 0 for the first of the model.
        first, last: whether it is the first or the last stage of the model.

    The first stage has the data: its input x is None. The last one has the targets: it returns
    None, for it goes on to the loss, sum((y - target)**2), and its dy is None. Gradients add up
    in weight_grad and bias_grad; in a schedule with W, backward leaves them to weights.
    """

    def __init__(self, chunk, number, agenda, step):
        self.number = number
        self.first, self.last = number == 0, number == step["count"] - 1
        self.weight, self.bias = map(torch.from_numpy, step["chunks"][chunk])
        self.weight_grad = torch.zeros_like(self.weight)
        self.bias_grad = torch.zeros_like(self.bias)
        self._chunk, self._agenda, self._step = chunk, agenda, step
        self._live = {}  # microbatch: x and y, from F to B
        self._left = {}  # microbatch: x and dz, from B to W

    def buffer(self, i):
        """A new tensor that microbatch i's activation, or its gradient, can be received into."""
        shape = (self._step["rows"][i], len(self.bias))
        return torch.full(shape, float("nan"), dtype=self.bias.dtype)

    def forward(self, i, x):
        """F of microbatch i: y, for the next stage."""
        self._next("F", i)
        x = self._given("forward", i, x, none=self.first)
        if self.first:
            x = torch.from_numpy(self._step["data"][i])
        y = torch.tanh(x @ self.weight.T + self.bias)
        self._live[i] = x, y
        return None if self.last else y.clone()

    def backward(self, i, dy):
        """B of microbatch i: dx, the gradient of the loss in x, for the stage before."""
        self._next("B", i)
        dy = self._given("backward", i, dy, none=self.last)
        x, y = self._live.pop(i)
        if self.last:
            dy = 2 * (y - torch.from_numpy(self._step["targets"][i]))
        dz = dy * (1 - y * y)
        self._left[i] = x, dz
        if not self._step["split"]:
            self._add(i)
        return None if self.first else dz @ self.weight

    def weights(self, i):
        """W of microbatch i: add its part to the gradients of weight and bias."""
        self._next("W", i)
        self._add(i)

    def _add(self, i):
        x, dz = self._left.pop(i)
        self.weight_grad += dz.T @ x
        self.bias_grad += dz.sum(0)

    def _next(self, op, i):
        """The rank's list must have this operation next. (It teaches and decides nothing.)"""
        now = (op, i, self._chunk)
        if self._agenda[:1] != [now]:
            said = (
                f"the list has {self._agenda[0]} next" if self._agenda else "the list is at its end"
            )
            raise RuntimeError(f"{now} on stage {self.number}, but {said}")
        self._agenda.pop(0)

    def _given(self, what, i, tensor, *, none):
        """A copy of what came from another stage, which must be right in kind and shape."""
        call = f"stage {self.number}: {what}({i}, ..)"
        if none and tensor is not None:
            raise ValueError(f"{call} takes None here")
        if none:
            return None
        if not isinstance(tensor, torch.Tensor):
            raise TypeError(f"{call} takes a tensor, not {tensor!r:.40}")
        if tensor.shape != (self._step["rows"][i], len(self.bias)):
            raise ValueError(f"{call} with a tensor of shape {tuple(tensor.shape)}")
        return tensor.clone()


def run_schedule(student, comm, order, step):
    """One training step on this rank; the gradients of each of its stages.

    order: the rank's list. step: `chunks`, weight and bias of each of its stages; `rows`, how
    many rows each microbatch has; `data` and `targets`, lists by microbatch, on the ranks of the
    first and the last stage, elsewhere None.
    """
    order = _entries(order)
    agenda = [entry for entry in order if entry is not None]
    step = {
        **step,
        "count": comm.size * len(step["chunks"]),
        "split": any(entry[0] == "W" for entry in agenda),
    }
    stages = [
        Stage(chunk, chunk * comm.size + comm.rank, agenda, step)
        for chunk in range(len(step["chunks"]))
    ]
    student.run_schedule(order, stages, comm)
    if agenda:
        raise RuntimeError(f"run_schedule has returned, and {agenda[0]} was not done")
    return [[stage.weight_grad.numpy(), stage.bias_grad.numpy()] for stage in stages]
