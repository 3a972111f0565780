"""What carries a rank's messages: the grader's network, or torch.distributed's gloo.

    Comm  ->  MeteredLink  -> the cell's wire -> the grader, who keeps every message
    Comm  ->  GlooLink     -> gloo over the loopback that the world's cells share
                \\-> the wire: a record of what is about to be done, answered by nobody

Also closes torch.distributed's collectives, which a lab asks the student to write.
"""

from __future__ import annotations

import datetime
import os
import socket
import types
from collections.abc import Callable
from typing import Any

import msgspec
import torch
import torch.distributed as dist
from torch._C import _distributed_c10d

from aisys_cli.sandbox import wire
from aisys_cli.sandbox.comm import Stopped

c10d: Any = _distributed_c10d  # the stubs leave out what is private, and some of the rest

__all__ = ["ForbiddenCall", "GlooLink", "MeteredLink", "close_collectives", "join"]


class ForbiddenCall(RuntimeError):
    """Raised by a function of torch.distributed that the student is to write."""

    aisys_forbidden = True


class MeteredLink:
    """Every operation goes to the grader, which answers when the rank may go on."""

    def __init__(self, sock: socket.socket, receiver: wire.Receiver) -> None:
        self._sock, self._receiver = sock, receiver
        self._stopped = False

    def enter(self, ops: list[wire.Op], waits: list[int]) -> list[wire.Arrived]:
        if self._stopped:
            raise Stopped
        if ops or waits:
            wire.send(self._sock, wire.Enter(ops, waits))
        if not waits:
            return []
        body = self._receiver.read()
        if body is None:
            os._exit(0)  # the grader is gone
        reply: wire.Proceed | wire.Stop = wire.decode(body, wire.Proceed | wire.Stop)
        if isinstance(reply, wire.Stop):
            self._stopped = True
            raise Stopped
        return reply.arrived


class GlooLink:
    """Every message goes to its rank through gloo; the grader hears of it."""

    def __init__(self, sock: socket.socket, group: Any) -> None:
        self._sock = sock
        self._group = group
        self._started: dict[int, tuple[Any, Any, wire.Op]] = {}  # work, buffer, operation
        self._sources: list[tuple[int, int]] = []  # of receives from any rank

    def enter(self, ops: list[wire.Op], waits: list[int]) -> list[wire.Arrived]:
        records = [_without_data(op) for op in ops]
        sources, self._sources = self._sources, []
        if records or waits or sources:
            wire.send(self._sock, wire.Enter(records, waits, sources))
        for op in ops:
            self._started[op.number] = (*self._start(op), op)
        return [one for number in waits if (one := self._complete(number)) is not None]

    def _start(self, op: wire.Op) -> tuple[Any, Any]:
        group = self._group
        if op.kind == "barrier":
            return None, None
        if op.kind == "send":
            # A byte for no elements: gloo's receive from any rank takes no empty buffer.
            buffer = torch.frombuffer(bytearray(op.data or b"\0"), dtype=torch.uint8)
            return group.send([buffer], op.peer, op.tag), buffer
        size = wire.size_of(op.dtype, op.shape)
        buffer = torch.empty(size or 1, dtype=torch.uint8)
        if op.peer < 0:
            return group.recv_anysource([buffer], op.tag), buffer
        return group.recv([buffer], op.peer, op.tag), buffer

    def _complete(self, number: int) -> wire.Arrived | None:
        work, buffer, op = self._started.pop(number)
        if op.kind == "barrier":
            work = self._group.barrier()
        try:
            work.wait()
        except RuntimeError:
            raise Stopped from None  # another rank is gone: the grader knows which
        if op.kind != "recv":
            return None
        source = op.peer
        if source < 0:
            source = work._source_rank()  # noqa: SLF001
            self._sources.append((number, source))
        size = wire.size_of(op.dtype, op.shape)
        return wire.Arrived(number, source, buffer[:size].numpy().tobytes())


def _without_data(op: wire.Op) -> wire.Op:
    return msgspec.structs.replace(op, data=b"")


def join(sock: socket.socket, request: wire.Join) -> Callable[[], GlooLink]:
    """Connect this process to the other ranks; returns what makes the link of a run.

    Ports and sockets are not to be had afterwards: what connects the ranks is gloo.
    """
    rank, size = request.rank.rank, request.rank.size
    first = rank == 0
    store = c10d.TCPStore("127.0.0.1", request.port, size, first, wait_for_workers=False)
    if first:
        wire.send(sock, wire.Joined(store.port))
    options = c10d.ProcessGroupGloo._Options()  # noqa: SLF001
    options._devices = [c10d.ProcessGroupGloo.create_device(hostname="127.0.0.1")]  # noqa: SLF001
    options._threads = 1  # noqa: SLF001
    options._timeout = datetime.timedelta(days=1)  # noqa: SLF001 - the grader ends what hangs
    group = c10d.ProcessGroupGloo(store, rank, size, options)
    proxy = _Group(group)
    _delete_collectives()
    wire.send(sock, wire.Joined(0))
    return lambda: GlooLink(sock, proxy)


class _Group:
    """What a link needs of the process group, and no more."""

    def __init__(self, group: Any) -> None:
        self.send, self.recv = group.send, group.recv
        self.recv_anysource, self.barrier = group.recv_anysource, group.barrier


# -- torch.distributed's own collectives ---------------------------------------

_OPERATIONS = ("reduce", "gather", "scatter", "broadcast", "all_to_all", "alltoall", "barrier")
_GROUPS = ("init_process_group", "new_group", "new_subgroups", "split_group")


def _is_collective(name: str) -> bool:
    return any(part in name for part in _OPERATIONS) and not name.startswith("__")


def close_collectives() -> None:
    """Make every collective of torch.distributed raise ForbiddenCall when it is called."""
    for module in (dist, dist.distributed_c10d):
        for name, value in list(vars(module).items()):
            # By exact type: to ask a deprecated object for more makes it warn.
            public = type(value) is types.FunctionType and not name.startswith("_")
            if public and (name in _GROUPS or _is_collective(name)):
                setattr(module, name, _forbidden(f"torch.distributed.{name}"))


def _forbidden(name: str) -> Callable[..., None]:
    def refuse(*args: Any, **kwargs: Any) -> None:
        del args, kwargs
        raise ForbiddenCall(f"{name} is not to be used in this lab; use comm")

    refuse.__name__ = name.rpartition(".")[2]
    return refuse


def _delete_collectives() -> None:
    """Take the collectives off the classes through which gloo offers them."""
    for kind in (c10d.ProcessGroupGloo, c10d.Backend, c10d.ProcessGroup):
        for name in list(vars(kind)):
            if _is_collective(name) or name == "_register_backend":
                delattr(kind, name)
