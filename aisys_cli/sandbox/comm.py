"""`comm`: how the ranks of a parallel lab talk to each other, in torch.distributed's words.

A function of a parallel lab runs once in every rank, each in a process of its own, and gets a
`comm`. The same file runs in two worlds: in the metered one each message goes through a
network that the grader keeps, in the gloo one through torch.distributed's gloo backend. What
differs is the link below a Comm (links.py); nothing of it shows above.

This code shares its process with the submission: what it checks is for honest mistakes, and
nothing that is graded is counted here.
"""

from __future__ import annotations

import sys
from typing import Any, Literal, Protocol

import torch

from aisys_cli.sandbox import wire

__all__ = ["Comm", "Link", "Stopped", "Work"]

_DTYPES = {getattr(torch, name): name for name in wire.ITEM_BYTES}
MAX_NDIM = 8
_Call = Literal["send", "recv", "isend", "irecv", "sendrecv", "barrier"]


class Stopped(BaseException):
    """The grader has ended this run of the world: unwind, whatever the code was doing."""


class Link(Protocol):
    """What carries the messages of one rank."""

    def enter(self, ops: list[wire.Op], waits: list[int]) -> list[wire.Arrived]:
        """Hand over new operations in program order; return once `waits` are complete,
        with what was received. With no `waits` it does not block."""


class Work:
    """An operation that was started, as torch.distributed's Work."""

    def __init__(self, comm: Comm, number: int) -> None:
        self._comm, self._number, self._done = comm, number, False

    def wait(self) -> bool:
        """Block until the operation is complete; True then. Only now may the tensor of an
        isend be changed, and only now does the tensor of an irecv hold the message."""
        if not self._done:
            self._comm._wait([self._number])  # noqa: SLF001 - not for students
            self._done = True
        return True


class Comm:
    """One rank's end of the world.

    Attributes:
        rank: this process's number, 0 <= rank < size.
        size: how many ranks there are.

    Tensors are dense CPU tensors, contiguous (as torch.distributed asks), of up to 8
    dimensions, of any bool, integer, float or complex dtype. A message fits a receive if
    dtype and number of elements are the same; shapes are not compared, as in
    torch.distributed. Messages from one rank to another with the same tag arrive in the order
    in which they were sent. A tag is an int >= 0. A rank cannot send to itself.

    Whether a send waits for its receive is not defined: in MPI's words it may be buffered or
    rendezvous. Code that is right must be right under both.

    Errors, each raised where the call stands: TypeError for what is no tensor or no int;
    ValueError for a rank out of range or one's own, a tensor that is not contiguous; RuntimeError
    if the tensor of an isend was changed before its wait, or a message does not fit.
    """

    def __init__(self, rank: int, size: int, link: Link, files: frozenset[str]) -> None:
        self.rank = rank
        self.size = size
        self._link = link
        self._files = files
        self._number = 0
        self._new: list[wire.Op] = []  # not handed to the link yet
        self._sending: dict[int, tuple[torch.Tensor, bytes, int]] = {}
        self._receiving: dict[int, torch.Tensor] = {}
        self._sources: dict[int, int] = {}  # of complete receives

    def __repr__(self) -> str:
        return f"Comm(rank={self.rank}, size={self.size})"

    # -- torch.distributed's words -------------------------------------------------

    def send(self, tensor: torch.Tensor, dst: int, tag: int = 0) -> None:
        """Send `tensor` to rank `dst`; returns when `tensor` may be changed again."""
        self._wait([self._post(self._sending_op(tensor, dst, tag, "send"))])

    def recv(self, tensor: torch.Tensor, src: int | None = None, tag: int = 0) -> int:
        """Receive into `tensor` from rank `src`, from any rank if None; returns the sender."""
        number = self._post(self._receiving_op(tensor, src, tag, "recv"), into=tensor)
        self._wait([number])
        return self._sources.pop(number)

    def isend(self, tensor: torch.Tensor, dst: int, tag: int = 0) -> Work:
        """Start to send. `tensor` must stay as it is until the work's wait() returns."""
        op = self._sending_op(tensor, dst, tag, "isend")
        number = self._post(op)
        self._sending[number] = (tensor, op.data, op.line)
        return Work(self, number)

    def irecv(self, tensor: torch.Tensor, src: int | None = None, tag: int = 0) -> Work:
        """Start to receive. `tensor` holds the message once the work's wait() returned."""
        op = self._receiving_op(tensor, src, tag, "irecv")
        return Work(self, self._post(op, into=tensor))

    def sendrecv(
        self,
        send_tensor: torch.Tensor,
        dst: int,
        recv_tensor: torch.Tensor,
        src: int | None = None,
        tag: int = 0,
    ) -> int:
        """Send to `dst` and receive from `src` at the same time; returns the sender.

        Both are under way before either is waited for (MPI_Sendrecv, or
        torch.distributed.batch_isend_irecv), so a ring of these cannot deadlock.
        `recv_tensor` must not share memory with `send_tensor`.
        """
        sending = self._sending_op(send_tensor, dst, tag, "sendrecv")
        receiving = self._receiving_op(recv_tensor, src, tag, "sendrecv")
        first, second = _extent(send_tensor), _extent(recv_tensor)
        if first[0] < second[1] and second[0] < first[1]:
            raise ValueError("sendrecv: send_tensor and recv_tensor share memory")
        sent = self._post(sending)
        received = self._post(receiving, into=recv_tensor)
        self._wait([sent, received])
        return self._sources.pop(received)

    def barrier(self) -> None:
        """Wait until every rank has entered its barrier."""
        self._wait([self._post(self._op("barrier", -1, 0, "", [], b"", "barrier"))])

    # -- below -----------------------------------------------------------------------

    # An operation is made, with all that can be wrong with it, before it is posted.

    def _sending_op(self, tensor: torch.Tensor, dst: int, tag: int, call: _Call) -> wire.Op:
        dtype = _checked(tensor, call)
        peer = self._peer(dst, "dst", call)
        return self._op("send", peer, tag, dtype, list(tensor.shape), _bytes_of(tensor), call)

    def _receiving_op(
        self, tensor: torch.Tensor, src: int | None, tag: int, call: _Call
    ) -> wire.Op:
        dtype = _checked(tensor, call)
        peer = -1 if src is None else self._peer(src, "src", call)
        return self._op("recv", peer, tag, dtype, list(tensor.shape), b"", call)

    def _peer(self, rank: int, name: str, call: str) -> int:
        if isinstance(rank, bool) or not isinstance(rank, int):
            raise TypeError(f"{call}: {name} = {rank!r:.100} is not an int")
        if not 0 <= rank < self.size:
            raise ValueError(f"{call}: {name} = {rank} is no rank of a world of {self.size}")
        if rank == self.rank:
            raise ValueError(f"{call}: {name} = {rank} is this rank itself")
        return rank

    def _op(
        self,
        kind: Literal["send", "recv", "barrier"],
        peer: int,
        tag: int,
        dtype: str,
        shape: list[int],
        data: bytes,
        call: _Call,
    ) -> wire.Op:
        if isinstance(tag, bool) or not isinstance(tag, int):
            raise TypeError(f"{call}: tag = {tag!r:.100} is not an int")
        if not 0 <= tag < 1 << 31:
            raise ValueError(f"{call}: tag = {tag} is not an int >= 0 of 31 bits")
        self._number += 1
        place = self._here()
        return wire.Op(self._number, kind, peer, tag, dtype, shape, data, call, *place)

    def _post(self, op: wire.Op, *, into: torch.Tensor | None = None) -> int:
        self._new.append(op)
        if into is not None:
            self._receiving[op.number] = into
        return op.number

    def _here(self) -> tuple[str, int, str]:
        """The innermost line of the student's files that is being executed."""
        frame = sys._getframe(1)  # noqa: SLF001
        walk: Any = frame
        while walk is not None:
            if walk.f_code.co_filename in self._files:
                code = walk.f_code
                return code.co_filename[:200], walk.f_lineno, code.co_qualname[:200]
            walk = walk.f_back
        return "", 0, ""

    def _wait(self, numbers: list[int]) -> None:
        self._unchanged()
        new, self._new = self._new, []
        for one in self._link.enter(new, numbers):
            self._arrived(one.number, one.source, one.data)
        for number in numbers:
            self._sending.pop(number, None)

    def _arrived(self, number: int, source: int, data: bytes) -> None:
        tensor = self._receiving.pop(number)
        self._sources[number] = source
        if data:
            flat = torch.frombuffer(bytearray(data), dtype=tensor.dtype)
            tensor.detach().view(-1).copy_(flat)

    def _unchanged(self) -> None:
        for tensor, data, line in self._sending.values():
            if _bytes_of(tensor) != data:
                self._sending.clear()
                raise RuntimeError(
                    f"the tensor of the isend in line {line} was changed before wait()"
                )

    def _finish(self) -> None:
        """The rank's function has returned: hand over what is left."""
        self._unchanged()
        new, self._new = self._new, []
        self._link.enter(new, [])


def _checked(tensor: torch.Tensor, call: str) -> str:
    """The name of the dtype of a tensor that can travel."""
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{call}: {type(tensor).__name__} is not a torch.Tensor")
    if tensor.layout is not torch.strided or tensor.device.type != "cpu":
        raise ValueError(f"{call}: only dense CPU tensors can travel")
    if not tensor.is_contiguous():
        raise ValueError(f"{call}: the tensor must be contiguous; see Tensor.contiguous()")
    if tensor.ndim > MAX_NDIM:
        raise ValueError(f"{call}: a tensor of {tensor.ndim} dimensions; {MAX_NDIM} is the most")
    if tensor.dtype not in _DTYPES:
        raise TypeError(f"{call}: tensors of dtype {tensor.dtype} cannot travel")
    return _DTYPES[tensor.dtype]


def _bytes_of(tensor: torch.Tensor) -> bytes:
    tensor = tensor.detach()
    if tensor.is_conj() or tensor.is_neg():  # a view that stands for other numbers
        tensor = tensor.resolve_conj().resolve_neg()
    if tensor.dtype is torch.bfloat16:  # which numpy does not know
        tensor = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))
        tensor = tensor.view(torch.int16)
    return tensor.numpy().tobytes()


def _extent(tensor: torch.Tensor) -> tuple[int, int]:
    """First byte and the one past the last of a contiguous tensor."""
    start = tensor.data_ptr()
    return start, start + tensor.numel() * tensor.element_size()
