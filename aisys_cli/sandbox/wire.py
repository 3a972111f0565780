"""The wire: typed MessagePack frames between the grader, a host and its cells.

Values inside a message are plain data: None, bool, int (64 bits), float, str, bytes,
list, dict with str keys, and arrays as (dtype, shape, bytes) with a dtype of DTYPES. Nothing
is ever unpickled, evaluated or imported by name of the other side.

Bytes from a cell are hostile. A Receiver bounds a frame before it reads it; `decode`
raises Malformed, and nothing else, for whatever does not fit. frames.py has the framing.
"""

from __future__ import annotations

import math
import socket
import struct
from typing import Annotated, Any, Literal, TypeVar

import msgspec
import numpy as np

from aisys_cli.sandbox import frames
from aisys_cli.sandbox.frames import Malformed, Receiver
from aisys_cli.sandbox.limits import Limits

__all__ = [
    "DTYPES",
    "ITEM_BYTES",
    "Arrived",
    "Call",
    "Calls",
    "Enter",
    "Exited",
    "Fault",
    "Frame",
    "HostReady",
    "Join",
    "Joined",
    "Kill",
    "Load",
    "LoadFailed",
    "Loaded",
    "Malformed",
    "Op",
    "Proceed",
    "Raised",
    "Rank",
    "Receiver",
    "Refused",
    "Returned",
    "Spawn",
    "Spawned",
    "Stop",
    "decode",
    "encode",
    "frame",
    "send",
    "size_of",
]

DTYPES = (
    "bool",
    "int8",
    "int16",
    "int32",
    "int64",
    "uint8",
    "float16",
    "float32",
    "float64",
    "complex64",
    "complex128",
)
# Bytes of an element of what ranks send each other.
ITEM_BYTES = {
    "bool": 1,
    "uint8": 1,
    "int8": 1,
    "int16": 2,
    "int32": 4,
    "int64": 8,
    "float16": 2,
    "bfloat16": 2,
    "float32": 4,
    "float64": 8,
    "complex64": 8,
    "complex128": 16,
}
MAX_NDIM = 16
MAX_DEPTH = 32  # of lists and dicts within one another
MAX_ITEMS = 100_000  # of all lists and dicts of a value together
MAX_FRAMES = 64
ARRAY = 1  # MessagePack extension code


# -- messages ----------------------------------------------------------------


class Spawn(msgspec.Struct, tag=True):
    """grader -> host: fork cells. Comes with two descriptors for each: wire and trace.

    Each has a network namespace of its own, in which nothing works; with `loopback` they
    share one, in which the loopback device does.
    `cpus`: the processors that the cells, and the host from now on, may run on; [] is any.
    """

    cells: list[int]
    limits: Limits
    seed: int
    cpus: list[int] = []
    loopback: bool = False


class Kill(msgspec.Struct, tag=True):
    """grader -> host: end this cell and everything in it; 0 means every cell."""

    cell: int


class HostReady(msgspec.Struct, tag=True):
    """host -> grader: the profile is imported; `python` and packages as versions."""

    versions: dict[str, str]


class Spawned(msgspec.Struct, tag=True):
    """host -> grader: the cell runs. Comes with its pidfd where the system has them."""

    cell: int
    pid: int
    problem: str = ""


class Exited(msgspec.Struct, tag=True):
    """host -> grader: the cell ended, by itself (code or signal) or for a reason.

    `reason` is "" or the limit that was passed: "memory", "processes".
    """

    cell: int
    code: int
    signal: int
    reason: str
    peak_mib: int


class Load(msgspec.Struct, tag=True):
    """grader -> cell: import the submission. `files` maps names to source bytes."""

    files: dict[str, bytes]
    entry: str
    driver: bytes
    forbid: list[str]


class Rank(msgspec.Struct, array_like=True, frozen=True):
    """Which rank of a world of that size a call runs as."""

    rank: int
    size: int


class Call(msgspec.Struct, tag=True):
    """grader -> cell: run `method` of the driver. `trace` asks which functions ran; with a
    `rank` the driver gets a comm before the other arguments."""

    id: int
    method: str
    args: list[Any]
    trace: bool = False
    rank: Rank | None = None

    @property
    def calls(self) -> list[Call]:
        return [self]


class Calls(msgspec.Struct, tag=True):
    """grader -> cell: run these, none of them with a rank, and answer each."""

    calls: list[Call]


class Join(msgspec.Struct, tag=True):
    """grader -> cell, before Load: become this rank of a gloo world. Rank 0 is sent it
    first, with port 0, and says at which port of the loopback the others find it."""

    rank: Rank
    port: int


class Joined(msgspec.Struct, tag=True):
    """cell -> grader: connected to the other ranks; from rank 0, first of all, the port."""

    port: int


class Frame(msgspec.Struct, array_like=True, frozen=True):
    """A line of the student's own code, in a traceback or a list of what ran.

    `called` is 0, or in a list of what ran: the number of the last call of the function
    that came from outside of the student's files.
    """

    file: str
    line: int
    function: str
    text: str = ""
    called: int = 0


Shape = Annotated[list[Annotated[int, msgspec.Meta(ge=0)]], msgspec.Meta(max_length=8)]
Frames = Annotated[list[Frame], msgspec.Meta(max_length=MAX_FRAMES)]


class Fault(msgspec.Struct):
    """An exception of the student's code, innermost frame last."""

    type: str
    message: str
    frames: Frames


class Loaded(msgspec.Struct, tag=True):
    output: str = ""


class LoadFailed(msgspec.Struct, tag=True):
    """cell -> grader: the submission could not be imported.

    `kind` says how.
    """

    kind: Literal["syntax", "raised", "forbidden"]
    fault: Fault
    output: str = ""


_Name = Annotated[str, msgspec.Meta(max_length=200)]


class Op(msgspec.Struct, array_like=True, frozen=True):
    """One operation of a rank on the network, numbered in program order from 1.

    `peer` is -1 for a receive from any rank. `call` is the method of comm that it came
    from, the rest where that call stands. `data` are a send's elements as they lie in memory.
    """

    number: int
    kind: Literal["send", "recv", "barrier"]
    peer: int
    tag: int
    dtype: Annotated[str, msgspec.Meta(max_length=20)]
    shape: Shape
    data: bytes
    call: Literal["send", "recv", "isend", "irecv", "sendrecv", "barrier"]
    file: _Name
    line: int
    function: _Name


class Enter(msgspec.Struct, tag=True):
    """cell -> grader, within a call: new operations; the rank goes on when all of `waits`
    are complete. In the gloo world nobody answers: it is a record of what the rank does,
    and `sources` says for complete receives from any rank whose message it was."""

    ops: list[Op]
    waits: list[int]
    sources: list[tuple[int, int]] = []


class Arrived(msgspec.Struct, array_like=True, frozen=True):
    """What a receive of that number got, and from whom."""

    number: int
    source: int
    data: bytes


class Proceed(msgspec.Struct, tag=True):
    """grader -> cell: what the rank waited for is complete."""

    arrived: list[Arrived]


class Stop(msgspec.Struct, tag=True):
    """grader -> cell, instead of Proceed: this run of the world has ended; unwind."""


class Returned(msgspec.Struct, tag=True):
    id: int
    value: Any
    output: str = ""
    ran: Frames = []


class Raised(msgspec.Struct, tag=True):
    id: int
    fault: Fault
    output: str = ""
    forbidden: bool = False
    stopped: bool = False  # by us: the run of the world is over
    ran: Frames = []


class Refused(msgspec.Struct, tag=True):
    """cell -> grader: the student's code returned what is not data; `message` says what."""

    id: int
    message: str
    output: str = ""
    ran: Frames = []


# -- arrays ------------------------------------------------------------------


_DTYPES = [np.dtype(name) for name in DTYPES]
_DTYPE_CODES = {dtype: code for code, dtype in enumerate(_DTYPES)}
_SHAPES = [struct.Struct(f"<BB{ndim}Q") for ndim in range(MAX_NDIM + 1)]


def _pack_array(value: Any) -> Any:
    """dtype and rank as a byte each, the shape as 64-bit numbers, then the elements."""
    if type(value) is np.ndarray or isinstance(value, np.generic):
        array = np.asarray(value)
        if not array.dtype.isnative:
            array = array.astype(array.dtype.newbyteorder("="))
        code = _DTYPE_CODES.get(array.dtype)
        if code is None or array.ndim > MAX_NDIM:
            raise TypeError(f"an array of dtype {array.dtype}, rank {array.ndim} cannot travel")
        head = _SHAPES[array.ndim].pack(code, array.ndim, *array.shape)
        return msgspec.msgpack.Ext(ARRAY, head + array.tobytes())
    raise TypeError(f"a value of type {type(value).__name__} cannot travel")


def _unpack_array(kind: int, data: memoryview) -> Any:
    if kind != ARRAY:
        raise ValueError(f"extension {kind} is unknown")
    if len(data) < 2 or data[0] >= len(DTYPES) or data[1] > MAX_NDIM:
        raise ValueError("an array without a known dtype and rank")
    layout = _SHAPES[data[1]]
    if len(data) < layout.size:
        raise ValueError("an array without its whole shape")
    code, _, *shape = layout.unpack_from(data)
    dtype = _DTYPES[code]
    body = data[layout.size :]
    if math.prod(shape) * dtype.itemsize != len(body):
        raise ValueError(f"{len(body)} bytes are not {dtype} of shape {shape}"[:200])
    # A copy: writable, aligned, and nothing keeps the frame alive.
    return np.frombuffer(body, dtype=dtype).reshape(shape).copy()


def _plain(value: Any) -> None:
    """ValueError for what MessagePack can say and plain data is not: dates, other keys,
    more items or deeper nesting than whoever compares or prints it should have to bear."""
    items = 0
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        below: list[Any] = []
        for item in level:
            if type(item) is list:
                below += item
            elif type(item) is dict:
                for key in item:
                    if type(key) is not str:
                        raise ValueError(f"a dict with a key of type {type(key).__name__}")
                below += item.values()
            elif item is not None and type(item) not in _LEAVES:
                raise ValueError(f"a value of type {type(item).__name__}")
        items += len(below)
        if items > MAX_ITEMS:
            raise ValueError(f"more than {MAX_ITEMS} items in lists and dicts")
        if not below:
            return
        level = below
    raise ValueError(f"a structure nested more than {MAX_DEPTH} deep")


_LEAVES = frozenset({bool, int, float, str, bytes, np.ndarray})
_ENCODER = msgspec.msgpack.Encoder(enc_hook=_pack_array)
T = TypeVar("T")
_DECODERS: dict[Any, msgspec.msgpack.Decoder[Any]] = {}


def encode(message: Any) -> bytes:
    """The bytes of a message, without the length. TypeError if a value cannot travel."""
    return _ENCODER.encode(message)


def decode(data: bytes, kind: type[T] | Any) -> T:
    """The message in `data`, which must be of type `kind`; else Malformed."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.msgpack.Decoder(kind, ext_hook=_unpack_array)
    try:
        message = decoder.decode(data)
        if type(message) is Returned:
            _plain(message.value)
    # Whatever hostile bytes make a decoder raise is one thing to the caller.
    except Exception as error:
        raise Malformed(f"{type(error).__name__}: {str(error)[:300]}") from None
    return message  # type: ignore[no-any-return]


def size_of(dtype: str, shape: list[int]) -> int:
    """Bytes of a dense tensor of a dtype in ITEM_BYTES."""
    return math.prod(shape) * ITEM_BYTES[dtype]


def frame(message: Any) -> bytes:
    """The bytes of a message as they go over a socket."""
    return frames.framed(encode(message))


def send(sock: socket.socket, message: Any, *, fds: tuple[int, ...] = ()) -> None:
    """Write one message as a frame; descriptors travel with its first byte."""
    frames.send(sock, encode(message), fds=fds)
