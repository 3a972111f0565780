"""What ranks send each other, as a picture has it."""

from __future__ import annotations

import msgspec

__all__ = ["Exchange", "Transfer"]


class Transfer(msgspec.Struct, frozen=True):
    """One message: it leaves in latency step `sent` and is there after step `arrived`.

    `label` is a few characters; `kind` numbers what is sent, for its colour; `detail` is a
    sentence; `call` and `line` say where the student's code sends it.
    """

    src: int
    dst: int
    sent: int
    arrived: int
    label: str
    kind: int = 0
    detail: str = ""
    elements: int = 0
    nbytes: int = 0
    call: str = ""
    line: int = 0


class Exchange(msgspec.Struct, frozen=True):
    """All messages of a run; `notes` are lines of text below the picture."""

    title: str
    size: int
    transfers: list[Transfer]
    notes: list[str] = []

    @property
    def steps(self) -> int:
        return max((one.arrived for one in self.transfers), default=0)

    @property
    def kinds(self) -> int:
        return max((one.kind for one in self.transfers), default=0) + 1

    def leaving(self, step: int, rank: int) -> list[Transfer]:
        """What a rank sends in a step."""
        return [one for one in self.transfers if one.sent == step and one.src == rank]
