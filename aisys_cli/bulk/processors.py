"""Which processor a grading process has to itself, among all of this machine's."""

from __future__ import annotations

import os
import socket

__all__ = ["Claim", "claim"]


class Claim:
    """A processor, until `release`. An abstract address belongs to one process, and is free
    again when that ends; who has it has the processor."""

    def __init__(self, processor: int, address: socket.socket) -> None:
        self.processor = processor
        self._address = address

    def release(self) -> None:
        self._address.close()


def claim() -> Claim | None:
    """A processor that no other grading process has taken; None if there is none left, or the
    system does not let one choose."""
    if not hasattr(os, "sched_getaffinity"):
        return None
    for processor in sorted(os.sched_getaffinity(0), reverse=True):
        address = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            address.bind(f"\0aisys-grader-on-processor-{processor}")
        except OSError:
            address.close()
            continue
        return Claim(processor, address)
    return None
