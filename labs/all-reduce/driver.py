"""Beside your module in the sandbox, once in every rank: turns a check's request into calls.

The arrays of a request become tensors; what your code returns goes back as an array, and
unchanged if it is no tensor.
"""

import torch


def _tensor(array, layout="contiguous"):
    """A tensor with the array's elements; "strided" is one with gaps between them."""
    tensor = torch.from_numpy(array)
    if layout == "strided":
        return torch.stack([tensor, tensor + 1], dim=-1)[..., 0]
    if layout == "transposed":
        return tensor.t().contiguous().t()
    return tensor


def _plain(value):
    return value.detach().numpy() if type(value) is torch.Tensor else value


def reduce_scatter(student, comm, x, op="sum"):
    return _plain(student.reduce_scatter(_tensor(x), comm, op))


def all_gather(student, comm, chunk, n):
    chunk = _tensor(chunk)
    return _plain(
        student.all_gather(chunk, comm) if n is None else student.all_gather(chunk, comm, n)
    )


def ring_all_reduce(student, comm, x, op="sum"):
    return _plain(student.ring_all_reduce(_tensor(x), comm, op))


def halving_doubling_all_reduce(student, comm, x, op="sum"):
    return _plain(student.halving_doubling_all_reduce(_tensor(x), comm, op))


def broadcast(student, comm, x, root=0):
    return _plain(student.broadcast(_tensor(x), comm, root))


def in_a_row(student, comm, calls):
    """Several calls on one comm: of each its result, its input afterwards, and the result
    once more after all the others; last of all the first call again."""
    outs, reports = [], []
    for name, array, extra, layout in calls:
        x = _tensor(array, layout)
        out = getattr(student, name)(x, comm, *extra)
        outs.append(out)
        reports.append(
            {
                "result": _copy(out),
                "input afterwards": x.contiguous().numpy().copy(),
                "new memory": type(out) is not torch.Tensor or not _same_memory(out, x),
            }
        )
    for report, out in zip(reports, outs, strict=True):
        report["result later"] = _copy(out)
        if type(out) is torch.Tensor and report["new memory"]:
            out.fill_(1)  # nothing of it may come back
    name, array, extra, layout = calls[0]
    return [*reports, _copy(getattr(student, name)(_tensor(array, layout), comm, *extra))]


def _same_memory(a, b):
    return a.numel() > 0 and a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def _copy(value):
    return value.detach().numpy().copy() if type(value) is torch.Tensor else value


def refusal(student, comm, name, x, op):
    """The name of the exception that a call raises; "" if it does not."""
    try:
        getattr(student, name)(_tensor(x), comm, op)
    except (TypeError, ValueError) as error:
        return type(error).__name__
    return ""


def cost(student, algorithm, p, n, alpha, beta):
    return student.cost(algorithm, p, n, alpha, beta)


def cost_refusal(student, algorithm, p):
    try:
        student.cost(algorithm, p, 100, 1e-6, 1e-9)
    except ValueError:
        return "ValueError"
    return ""
