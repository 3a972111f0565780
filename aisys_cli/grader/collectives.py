"""torch.distributed's own collectives, as an oracle: p ranks as threads of this process.

A process group with gloo has threads of its own, and a process with threads must not be forked;
so a group lives only as long as one question.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch._C import _distributed_c10d

__all__ = ["on_every_rank", "torch_all_reduce"]

c10d: Any = _distributed_c10d  # the stubs leave out what is private, and some of the rest
_TIMEOUT = datetime.timedelta(seconds=60)
_OPERATIONS = {"sum": c10d.ReduceOp.SUM, "prod": c10d.ReduceOp.PRODUCT, "max": c10d.ReduceOp.MAX}


def on_every_rank(size: int, body: Callable[[Any, int], Any]) -> list[Any]:
    """body(process group, rank) on each rank of a gloo world of that size; the results."""
    store = c10d.HashStore()
    device = c10d.ProcessGroupGloo.create_device(hostname="127.0.0.1")

    def run(rank: int) -> Any:
        options = c10d.ProcessGroupGloo._Options()  # noqa: SLF001 - no public way to name a device
        options._devices, options._threads, options._timeout = [device], 1, _TIMEOUT  # noqa: SLF001
        group = c10d.ProcessGroupGloo(store, rank, size, options)
        result = body(group, rank)
        group.barrier().wait()  # no rank leaves while another still talks to it
        return result

    with ThreadPoolExecutor(size) as threads:
        return list(threads.map(run, range(size)))


def torch_all_reduce(tensors: Sequence[torch.Tensor], op: str = "sum") -> list[torch.Tensor]:
    """torch.distributed.all_reduce of one tensor a rank, op "sum", "prod", "max" or "mean"
    (which gloo does not have: the sum divided by the number of ranks)."""
    size = len(tensors)

    def body(group: Any, rank: int) -> torch.Tensor:
        tensor = tensors[rank].contiguous().clone()
        options = c10d.AllreduceOptions()
        options.reduceOp = _OPERATIONS["sum" if op == "mean" else op]
        group.allreduce([tensor], options).wait()
        return tensor / size if op == "mean" else tensor

    return on_every_rank(size, body)
