"""The trusted decoder, and what compares its values, fed with damaged messages.

AISYS_FUZZ=10000000 python -m pytest tests/sandbox/test_wire_fuzz.py

Every input is a legal message with another value in it, or with a few bytes changed, cut out,
doubled or taken from another one: most of them get further than bytes at random do. msgspec's
decoder is compiled, so that a fuzzer led by coverage of Python would see nothing of its ways.
"""

import os
import random
import resource
import struct

import msgspec
import numpy as np
import pytest
from test_wire import CELL_REPLIES, KINDS, MESSAGES, NOT_ARRAYS, array_bytes, returned

from aisys_cli.grader.compare import describe, difference
from aisys_cli.sandbox import wire

INPUTS = int(os.environ.get("AISYS_FUZZ", "30000"))
GROWTH_MIB = 200
EXPECTED = (
    np.arange(6.0).reshape(2, 3),
    np.arange(3, dtype="int8"),
    [1.0, [np.ones(2), None], "text"],
    {"a": np.bool_(True), "b": [1, 2]},
    -0.0,
    7,
    True,
    None,
)
VALUES = (*EXPECTED, float("nan"), b"\0" * 40, [[[[]]]], (1 << 63) - 1, "x" * 70, np.zeros((0, 3)))
ANSWERS = [
    *(wire.encode(wire.Returned(1, value, "out", [])) for value in VALUES),
    *(
        returned(array_bytes(dtype, (2, 1), bytes(2 * np.dtype(dtype).itemsize)))
        for dtype in wire.DTYPES
    ),
    *(returned(data) for data in NOT_ARRAYS.values() if len(data) < 1000),
]
SEEDS = [(wire.encode(message), kind) for message, kind in MESSAGES]
SEEDS += [(data, CELL_REPLIES) for data in ANSWERS]
# Lengths, tags and types of MessagePack, and the edges of integers.
TOKENS = [
    *(bytes([byte]) for byte in (0, 1, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF)),
    *(bytes([byte]) for byte in range(0xC0, 256)),
    *(struct.pack(">I", n) for n in (0, 1, 1 << 16, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)),
    *(struct.pack("<Q", n) for n in (0, 1, 1 << 31, 1 << 32, 1 << 62, 1 << 63, (1 << 64) - 1)),
    b"\x91" * 50, b"\x81\xa1a" * 50, b"\xa4type", b"\xa8Returned", b"\xa5Enter",
    b"\xc8\xff\xff\x01",
]  # fmt: skip


GRAFTS = [*VALUES, *(msgspec.msgpack.Ext(code, bytes(n)) for code in (1, 5, -1) for n in (0, 2, 9))]


def one_input(random):
    """(a message with something wrong in it, as what it is read)."""
    seed, kind = random.choice(SEEDS)
    data = grafted(seed, random) if random.randrange(3) else damaged(seed, random)
    return data, kind if random.randrange(8) else random.choice(KINDS)


def grafted(seed, random):
    """Still MessagePack, with another value somewhere in it."""
    try:
        tree = msgspec.msgpack.decode(seed)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return damaged(seed, random)
    node = tree
    while isinstance(node, dict | list) and node:
        key = random.choice(list(node)) if isinstance(node, dict) else random.randrange(len(node))
        if not isinstance(node[key], dict | list) or random.randrange(4) == 0:
            node[key] = random.choice(GRAFTS)
            break
        node = node[key]
    return wire.encode(tree)


def damaged(seed, random):
    """Bytes of it are others, gone, or there twice."""
    data = bytearray(seed)
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at, end = sorted(random.randrange(len(data) + 1) for _ in range(2))
        end = min(end, at + random.choice((1, 2, 8, 64)))
        match random.randrange(7):
            case 0 if data:
                data[at % len(data)] ^= 1 << random.randrange(8)
            case 1 if data:
                data[at % len(data)] = random.randrange(256)
            case 2:
                del data[at:end]
            case 3:
                data[at:at] = data[at:end] * random.choice((1, 2, 100))
            case 4:
                data[at:end] = random.choice(TOKENS)
            case 5:
                data[at:at] = random.choice(TOKENS)
            case _:
                other, _ = random.choice(SEEDS)
                start = random.randrange(len(other))
                data[at:end] = other[start : start + random.choice((1, 9, 40))]
    return bytes(data)


def outcome(data, kind, expected):
    """How far an input came; anything but Malformed is an error of ours."""
    try:
        message = wire.decode(data, kind)
    except wire.Malformed:
        return "malformed"
    if not isinstance(message, wire.Returned):
        return "a message"
    found = difference(message.value, expected)
    if found is None:
        return "equal"
    text = found.why + describe(found.got) + describe(found.expected)
    assert len(text) < 20_000
    return "different"


def test_damaged_messages_are_malformed_or_what_they_say():
    source = random.Random(20260101)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    seen = {}
    for number in range(INPUTS):
        data, kind = one_input(source)
        try:
            came = outcome(data, kind, source.choice(EXPECTED))
        except BaseException as error:
            raise AssertionError(f"input {number}: {data!r} as {kind}") from error
        seen[came] = seen.get(came, 0) + 1
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10) - before
    assert grown < GROWTH_MIB
    print(seen)
    # The damage is neither so small nor so great that only one thing would be tried.
    assert min(seen[name] for name in ("malformed", "a message", "different")) > INPUTS // 100, seen
    assert seen["equal"] > 0


@pytest.mark.parametrize("size", [0, 1, 2, 3])
def test_all_the_shortest_messages(size):
    """Every input of up to two bytes, and every eleventh of three."""
    step = 1 if size < 3 else 11
    for number in range(0, 256**size, step):
        data = number.to_bytes(size, "big") if size else b""
        with pytest.raises(wire.Malformed):
            wire.decode(data, CELL_REPLIES)
