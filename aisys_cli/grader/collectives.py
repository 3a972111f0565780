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
import torch.distributed as dist

__all__ = ["on_every_rank", "torch_all_reduce"]

_TIMEOUT = datetime.timedelta(seconds=60)
_OPERATIONS = {"sum": dist.ReduceOp.SUM, "prod": dist.ReduceOp.PRODUCT, "max": dist.ReduceOp.MAX}


def on_every_rank(size: int, body: Callable[[Any, int], Any]) -> list[Any]:
    """body(process group, rank) on each rank of a gloo world of that size; the results."""
    store = dist.HashStore()
    device = dist.ProcessGroupGloo.create_device(hostname="127.0.0.1")

    def run(rank: int) -> Any:
        options = dist.ProcessGroupGloo._Options()  # noqa: SLF001 - no public way to name a device
        options._devices, options._threads, options._timeout = [device], 1, _TIMEOUT  # noqa: SLF001
        group = dist.ProcessGroupGloo(store, rank, size, options)
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
        options = dist.AllreduceOptions()
        options.reduceOp = _OPERATIONS["sum" if op == "mean" else op]
        group.allreduce([tensor], options).wait()
        return tensor / size if op == "mean" else tensor

    return on_every_rank(size, body)
