"""The wire: what is sent arrives; what does not fit is Malformed and nothing else."""

import datetime
import math
import socket
import struct

import hypothesis.extra.numpy as hnp
import msgspec
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from aisys_cli.sandbox import frames, wire
from aisys_cli.sandbox.limits import Limits

many = settings(max_examples=400, deadline=None)
some = settings(max_examples=100, deadline=None)

arrays = st.sampled_from(wire.DTYPES).flatmap(
    lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | arrays
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
CELL_REPLIES = wire.Returned | wire.Raised | wire.Refused
HOST_SAYS = wire.Spawned | wire.Exited
WORLD_SAYS = wire.Enter | wire.Returned | wire.Raised | wire.Refused
KINDS = (
    CELL_REPLIES,
    HOST_SAYS,
    wire.HostReady,
    wire.Loaded | wire.LoadFailed,
    wire.Call,
    wire.Spawn | wire.Kill,
    WORLD_SAYS,
    wire.Proceed | wire.Stop,
    wire.Load | wire.Join,
    wire.Joined,
)


def same(a, b):
    """Equal in value, type, dtype and shape; NaN is NaN, and -0.0 is not 0.0."""
    if isinstance(b, np.ndarray):
        return type(a) is np.ndarray and a.dtype == b.dtype and bits(a) == bits(b)
    if type(a) is not type(b):
        return False
    if isinstance(b, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(b, dict):
        return list(a) == list(b) and all(same(a[key], b[key]) for key in b)
    if isinstance(b, float):
        return struct.pack("d", a) == struct.pack("d", b) or (math.isnan(a) and math.isnan(b))
    return a == b


def bits(array):
    return array.shape, array.tobytes()


# -- what is sent arrives ------------------------------------------------------


@some
@given(values)
def test_a_value_comes_back_as_it_was_sent(value):
    body = wire.encode(wire.Returned(7, value, "printed", []))
    reply = wire.decode(body, CELL_REPLIES)
    assert isinstance(reply, wire.Returned)
    assert reply.id == 7
    assert same(reply.value, value)


PROCEED = wire.Proceed | wire.Stop
OP = wire.Op(7, "send", 1, 0, "float32", [2, 1], bytes(8), "isend", "s.py", 3, "f")
MESSAGES = [
    (wire.Spawn([1], Limits(), 5), wire.Spawn | wire.Kill),
    (wire.Spawn([4, 5, 6], Limits(), 5, [0, 1], loopback=True), wire.Spawn | wire.Kill),
    (wire.Kill(0), wire.Spawn | wire.Kill),
    (wire.HostReady({"python": "3.11"}), wire.HostReady),
    (wire.Spawned(3, 77, "no room"), HOST_SAYS),
    (wire.Exited(3, 0, 9, "memory", 130), HOST_SAYS),
    (wire.Load({"a.py": b"\xff"}, "a", b"", ["torch"]), wire.Load),
    (wire.Call(1, "add", [1.5, "x", None], trace=True), wire.Call),
    (wire.Call(2, "f", [], rank=wire.Rank(3, 8)), wire.Call),
    (wire.Join(wire.Rank(0, 2), 0), wire.Load | wire.Join),
    (wire.Joined(40_000), wire.Joined),
    (wire.Enter([OP, OP], [7], [(7, 2)]), WORLD_SAYS),
    (wire.Enter([], []), WORLD_SAYS),
    (wire.Proceed([wire.Arrived(7, 1, b"\0\xff"), wire.Arrived(8, 0, b"")]), PROCEED),
    (wire.Stop(), PROCEED),
    (wire.Loaded("hello"), wire.Loaded | wire.LoadFailed),
    (wire.LoadFailed("syntax", wire.Fault("E", "m", [])), wire.Loaded | wire.LoadFailed),
    (wire.Raised(1, wire.Fault("E", "m", [wire.Frame("a.py", 3, "f", "x")])), CELL_REPLIES),
    (wire.Refused(1, "a generator"), CELL_REPLIES),
]


@pytest.mark.parametrize(("message", "kind"), MESSAGES, ids=lambda v: type(v).__name__)
def test_each_message_comes_back_equal(message, kind):
    assert wire.decode(wire.encode(message), kind) == message


def test_a_decoded_array_is_writable_and_its_own():
    reply = wire.decode(wire.encode(wire.Returned(1, np.arange(3.0))), CELL_REPLIES)
    reply.value[0] = 5.0
    assert reply.value.flags.owndata
    assert reply.value.flags.aligned


@pytest.mark.parametrize(
    "array",
    [np.array(["a"]), np.array([object()]), np.zeros(1, "datetime64[s]"), np.zeros(1, "V4")],
)
def test_arrays_of_other_dtypes_do_not_travel(array):
    with pytest.raises(TypeError, match="cannot travel"):
        wire.encode(wire.Returned(1, array))


def test_arrays_of_a_foreign_byte_order_arrive_in_ours():
    reply = wire.decode(wire.encode(wire.Returned(1, np.array([1.0, 2.0], ">f8"))), CELL_REPLIES)
    np.testing.assert_array_equal(reply.value, [1.0, 2.0])


# -- what does not fit -----------------------------------------------------------


def decoded_or_malformed(data, kind):
    try:
        return wire.decode(data, kind)
    except wire.Malformed as error:
        assert len(str(error)) < 400
        return None


def assert_plain(value):
    """Exactly the types that the wire's own text promises."""
    if type(value) is list:
        for item in value:
            assert_plain(item)
    elif type(value) is dict:
        for key, item in value.items():
            assert type(key) is str
            assert_plain(item)
    elif type(value) is np.ndarray:
        assert value.dtype.name in wire.DTYPES
        assert value.ndim <= wire.MAX_NDIM
    else:
        assert value is None or type(value) in (bool, int, float, str, bytes), type(value)
        assert type(value) is not int or -(1 << 63) <= value < (1 << 64)


NO_OPS = {
    "an unknown kind": (1, "steal"),
    "a peer that is a text": (2, "0"),
    "a peer that is a fraction": (2, 0.5),
    "nine dimensions": (5, [1] * 9),
    "a negative dimension": (5, [2, -1]),
    "a dimension that is a fraction": (5, [1.5]),
    "a shape that is a number": (5, 3),
    "data that is a list": (6, [0, 0]),
    "no call": (7, None),
    "a line that is a text": (9, "3"),
}


@pytest.mark.parametrize(("at", "value"), NO_OPS.values(), ids=NO_OPS)
def test_an_operation_has_its_types(at, value):
    fields = [*msgspec.to_builtins(OP, builtin_types=(bytes,))]
    good = msgspec.msgpack.encode({"type": "Enter", "ops": [fields], "waits": []})
    assert wire.decode(good, WORLD_SAYS) == wire.Enter([OP], [])
    fields[at] = value
    bad = msgspec.msgpack.encode({"type": "Enter", "ops": [fields], "waits": []})
    with pytest.raises(wire.Malformed):
        wire.decode(bad, WORLD_SAYS)


@pytest.mark.parametrize(("dtype", "size"), wire.ITEM_BYTES.items())
def test_what_a_tensor_takes(dtype, size):
    assert wire.size_of(dtype, []) == size
    assert wire.size_of(dtype, [2, 3]) == 6 * size
    assert wire.size_of(dtype, [5, 0]) == 0
    assert wire.size_of(dtype, [1 << 40, 1 << 40]) == size << 80, "and does not wrap"


@many
@given(st.binary(max_size=80), st.sampled_from(KINDS))
def test_random_bytes_are_malformed_or_a_message(data, kind):
    decoded_or_malformed(data, kind)


@many
@given(st.sampled_from(MESSAGES), st.sampled_from(KINDS))
def test_a_message_of_another_type_is_malformed(sent, kind):
    message, _ = sent
    got = decoded_or_malformed(wire.encode(message), kind)
    assert got == (message if isinstance(message, kind) else None)


@st.composite
def damaged(draw):
    """A frame that was valid until a few bytes of it changed."""
    body = bytearray(wire.encode(wire.Returned(draw(st.integers(0, 9)), draw(values))))
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(body) - 1)))
        kind = draw(st.sampled_from(("set", "cut", "add", "drop")))
        if kind == "set" and body:
            body[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del body[at:]
        elif kind == "drop":
            del body[at : at + 1]
        else:
            body[at:at] = draw(st.binary(min_size=1, max_size=4))
    return bytes(body)


@many
@given(damaged())
def test_a_damaged_reply_is_malformed_or_plain_data(data):
    reply = decoded_or_malformed(data, CELL_REPLIES)
    if isinstance(reply, wire.Returned):
        assert_plain(reply.value)


def returned(value_bytes):
    """A Returned whose value is these bytes of MessagePack."""
    head = wire.encode(wire.Returned(1, None))
    at = head.index(b"\xa5value") + len(b"\xa5value")
    assert head[at : at + 1] == b"\xc0"
    return head[:at] + value_bytes + head[at + 1 :]


def extension(data, *, code=wire.ARRAY):
    return msgspec.msgpack.encode(msgspec.msgpack.Ext(code, data))


def array_bytes(dtype, shape, body, *, rank=None):
    shape_bytes = struct.pack(f"<{len(shape)}Q", *shape)
    rank = len(shape) if rank is None else rank
    return extension(bytes([wire.DTYPES.index(dtype), rank]) + shape_bytes + body)


NOT_ARRAYS = {
    "another extension": extension(b"x", code=5),
    "nothing in it": extension(b""),
    "one byte": extension(b"\0"),
    "an unknown dtype": extension(bytes([len(wire.DTYPES), 0])),
    "too many dimensions": extension(bytes([8, wire.MAX_NDIM + 1]) + bytes(8 * 17)),
    "half a shape": extension(bytes([8, 2]) + bytes(9)),
    "too few elements": array_bytes("float64", (3,), bytes(16)),
    "too many elements": array_bytes("float64", (1,), bytes(16)),
    "a shape of 2**63": array_bytes("bool", (1 << 63,), b""),
    "a product past 64 bits": array_bytes("int8", (1 << 40, 1 << 40), b""),
    "a product that wraps to 0": array_bytes("int8", (1 << 32, 1 << 32), b""),
    "a product that wraps to 4": array_bytes("int8", (1 << 62, 4, 1), bytes(4)),
    "half an element": array_bytes("float64", (1,), bytes(7)),
    "a timestamp": extension(bytes(4), code=-1),
    "a map with int keys": b"\x81\x01\x02",
    "a map with bytes keys": b"\x81\xc4\x01a\x02",
    "a map with an array as key": b"\x81" + array_bytes("int8", (), b"\1") + b"\x01",
    "invalid UTF-8": b"\xa2\xff\xfe",
    "a list that says 4 billion": b"\xdd\xff\xff\xff\xff",
    "a map that says 4 billion": b"\xdf\xff\xff\xff\xff",
    "bytes that say 4 billion": b"\xc6\xff\xff\xff\xff",
    "reserved byte": b"\xc1",
    "nested 100000 deep": b"\x91" * 100_000 + b"\xc0",
}


@pytest.mark.parametrize("data", NOT_ARRAYS.values(), ids=NOT_ARRAYS)
def test_hostile_values_are_malformed(data):
    with pytest.raises(wire.Malformed):
        wire.decode(returned(data), CELL_REPLIES)


@pytest.mark.parametrize("dtype", wire.DTYPES)
def test_hand_made_arrays_of_each_dtype_are_read(dtype):
    size = np.dtype(dtype).itemsize
    reply = wire.decode(returned(array_bytes(dtype, (2, 1), bytes(2 * size))), CELL_REPLIES)
    assert (reply.value.dtype.name, reply.value.shape) == (dtype, (2, 1))


@some
@given(
    st.sampled_from(wire.DTYPES),
    st.lists(st.integers(0, (1 << 64) - 1) | st.integers(0, 3), max_size=5),
    st.binary(max_size=64),
)
@example("int8", [0, (1 << 63) - 1], b"")
@example("int8", [0, 1 << 63], b"")
@example("complex128", [0], b"")
def test_any_shape_is_malformed_or_has_its_elements(dtype, shape, body):
    reply = decoded_or_malformed(returned(array_bytes(dtype, shape, body)), CELL_REPLIES)
    if reply is not None:
        assert list(reply.value.shape) == shape
        assert reply.value.nbytes == len(body)


def test_a_date_is_not_data():
    moment = datetime.datetime(2024, 1, 1, tzinfo=datetime.UTC)
    with pytest.raises(wire.Malformed):
        wire.decode(wire.encode(wire.Returned(1, moment)), CELL_REPLIES)


# -- framing ---------------------------------------------------------------------


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    ours.settimeout(5)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_frames_arrive_one_by_one_however_they_were_cut(line):
    ours, theirs = line
    bodies = [b"", b"a", b"b" * 300, b"c" * 70_000]
    stream = b"".join(struct.pack("<I", len(body)) + body for body in bodies)
    receiver = frames.Receiver(ours)
    seen = []
    for at in range(0, len(stream), 97):
        theirs.sendall(stream[at : at + 97])
        assert receiver.feed()
        while (body := receiver.frame()) is not None:
            seen.append(body)
    assert seen == bodies
    assert receiver.pending == 0


def test_the_end_of_the_stream_is_none_even_within_a_frame(line):
    ours, theirs = line
    theirs.sendall(struct.pack("<I", 10) + b"half")
    theirs.shutdown(socket.SHUT_WR)
    assert frames.Receiver(ours).read() is None


@pytest.mark.parametrize("length", [1001, 1 << 31, (1 << 32) - 1])
def test_a_frame_over_the_limit_is_refused_by_its_length_alone(line, length):
    ours, theirs = line
    theirs.sendall(struct.pack("<I", length))
    receiver = frames.Receiver(ours, limit=1000)
    with pytest.raises(wire.Malformed, match=f"{length} bytes; the limit is 1000"):
        receiver.read()


def test_a_frame_at_the_limit_is_taken(line):
    ours, theirs = line
    frames.send(theirs, b"x" * 1000)
    assert frames.Receiver(ours, limit=1000).read() == b"x" * 1000


def test_what_was_read_ahead_is_pending(line):
    ours, theirs = line
    frames.send(theirs, b"one")
    frames.send(theirs, b"two")
    receiver = frames.Receiver(ours)
    assert receiver.read() == b"one"
    assert receiver.pending == len(b"two") + 4
    assert receiver.read() == b"two"


def test_descriptors_travel_with_a_frame(line, tmp_path):
    ours, theirs = line
    path = tmp_path / "file"
    path.write_text("through the wire")
    with path.open() as file:
        frames.send(theirs, b"take this", fds=(file.fileno(),))
    receiver = frames.Receiver(ours, fds=1)
    assert receiver.read() == b"take this"
    with open(receiver.fds.pop()) as copy:
        assert copy.read() == "through the wire"
