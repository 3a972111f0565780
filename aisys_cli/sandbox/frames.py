"""Frames on a stream socket: a 4-byte little-endian length, then that many bytes."""

from __future__ import annotations

import os
import socket
import struct

__all__ = ["Malformed", "Receiver", "framed", "send"]

MAX_REQUEST = 64 << 20  # bytes of a frame that the trusted side sends
_LENGTH = struct.Struct("<I")


class Malformed(Exception):
    """A frame that is not a message of the expected type; str() says what came."""


def framed(body: bytes) -> bytes:
    return _LENGTH.pack(len(body)) + body


def send(sock: socket.socket, body: bytes, *, fds: tuple[int, ...] = ()) -> None:
    """Write one frame; descriptors travel with its first byte."""
    frame = framed(body)
    if fds:
        frame = frame[socket.send_fds(sock, [frame], list(fds)) :]
    sock.sendall(frame)


class Receiver:
    """Reads frames from a socket, never more than `limit` bytes of one.

    `read()` blocks until a frame is complete and returns its body, or None at the end
    of the stream. Descriptors that came along are in `fds`.
    """

    def __init__(self, sock: socket.socket, *, limit: int = MAX_REQUEST, fds: int = 0) -> None:
        self.sock = sock
        self.limit = limit
        self.fds: list[int] = []
        self._want_fds = fds
        self._buffer = bytearray()

    def frame(self) -> bytes | None:
        """A complete frame that has already arrived, or None."""
        if len(self._buffer) < 4:
            return None
        (length,) = _LENGTH.unpack_from(self._buffer)
        if length > self.limit:
            raise Malformed(f"a frame of {length} bytes; the limit is {self.limit}")
        if len(self._buffer) < 4 + length:
            return None
        body = bytes(self._buffer[4 : 4 + length])
        del self._buffer[: 4 + length]
        return body

    def feed(self, flags: int = 0) -> bool:
        """Read once from the socket; False at the end of the stream."""
        if self._want_fds:
            data, fds, _, _ = socket.recv_fds(self.sock, 1 << 16, self._want_fds)
            self.fds.extend(fds)
        else:
            data = self.sock.recv(1 << 16, flags)
        self._buffer += data
        return bool(data)

    def read(self) -> bytes | None:
        while (body := self.frame()) is None:
            if not self.feed():
                return None
        return body

    @property
    def pending(self) -> int:
        """Bytes that have arrived and are not yet part of a frame taken."""
        return len(self._buffer)

    def close(self) -> None:
        for fd in self.fds:
            os.close(fd)
        self.fds.clear()
        self.sock.close()
