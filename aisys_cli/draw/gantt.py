"""What each rank does when, as a picture has it."""

from __future__ import annotations

import msgspec

__all__ = ["Bar", "Gantt"]


class Bar(msgspec.Struct, frozen=True):
    """Something that lane number `lane` does from tick `start` up to tick `end`; `kind`
    numbers what it is, for its colour, `label` is a few characters."""

    lane: int
    start: int
    end: int
    label: str
    kind: int = 0
    detail: str = ""


class Gantt(msgspec.Struct, frozen=True):
    """Lanes over time, idle where there is no bar; `kinds` names the kinds of bars."""

    title: str
    lanes: list[str]
    bars: list[Bar]
    kinds: list[str] = []
    notes: list[str] = []

    @property
    def ticks(self) -> int:
        return max((bar.end for bar in self.bars), default=0)
