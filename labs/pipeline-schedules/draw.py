"""Pictures of this lab, for `aisys lab draw`: your schedules, run tick by tick."""

from __future__ import annotations

from typing import Any

from ticks import FUSED, SPLIT, Timeline, judged

from aisys_cli.draw import Bar, Gantt

KINDS = {"F": "forward", "B": "backward", "W": "weights"}


def gpipe(student: Any, *, p: int = 4, m: int = 6) -> Gantt:
    """gpipe(p, m)."""
    line = judged(student.gpipe(p, m), p, m, 1, FUSED, of=f"gpipe({p}, {m})")
    return _gantt(f"gpipe(p={p}, m={m})", line, 2 * (m + p - 1), [m] * p, "B")


def one_f_one_b(student: Any, *, p: int = 4, m: int = 6) -> Gantt:
    """one_f_one_b(p, m)."""
    line = judged(student.one_f_one_b(p, m), p, m, 1, FUSED, of=f"one_f_one_b({p}, {m})")
    most = [min(m, p - rank) for rank in range(p)]
    return _gantt(f"one_f_one_b(p={p}, m={m})", line, 2 * (m + p - 1), most, "B")


def interleaved(student: Any, *, p: int = 4, m: int = 8, v: int = 2) -> Gantt:
    """interleaved_one_f_one_b(p, m, v)."""
    name = f"interleaved_one_f_one_b({p}, {m}, {v})"
    line = judged(student.interleaved_one_f_one_b(p, m, v), p, m, v, FUSED, of=name)
    least = 2 * max(m * v + p - 1, p * v + m - 1)
    return _gantt(name, line, least, [], "B")


def zero_bubble(student: Any, *, p: int = 4, m: int = 6, max_live: int = 0) -> Gantt:
    """zero_bubble(p, m, max_live); max_live 0 is p."""
    live = max_live or p
    name = f"zero_bubble({p}, {m}, {live})"
    line = judged(student.zero_bubble(p, m, live), p, m, 1, SPLIT, of=name)
    least = max(3 * m + p - 1, 2 * m + 2 * p - 1) if live == p else 0
    return _gantt(name, line, least, [live] * p, "W")


PICTURES = {
    "1f1b": one_f_one_b,
    "gpipe": gpipe,
    "interleaved": interleaved,
    "zero-bubble": zero_bubble,
}


def _gantt(title: str, line: Timeline, least: int, most: list[int], release: str) -> Gantt:
    kinds = list(KINDS)
    bars = [
        Bar(rank, tick, tick + 1, line.word(entry), kinds.index(entry[0]), _detail(entry, rank))
        for rank, row in enumerate(line.cells)
        for tick, entry in sorted(row.items())
    ]
    busy = len(bars)
    space = line.p * line.ticks
    notes = [f"{line.ticks} ticks" + (f", the least is {least}" if least else "")]
    notes.append(f"bubble {space - busy} of {space} slots: {100 * (1 - busy / space):.1f}%")
    if least:
        notes[-1] += f", the least is {100 * (1 - busy / (line.p * least)):.1f}%"
    peaks = [_peak(row, release) for row in line.cells]
    notes.append(
        f"live activations at most {peaks} by rank" + (f", allowed {most}" if most else "")
    )
    used = [KINDS[op] for op in kinds if any(bar.kind == kinds.index(op) for bar in bars)]
    return Gantt(title, [f"rank {rank}" for rank in range(line.p)], bars, used, notes)


def _detail(entry: Any, rank: int) -> str:
    op, microbatch, chunk = entry
    return f"{KINDS[op]} of microbatch {microbatch}, chunk {chunk}, on rank {rank}"


def _peak(row: dict[int, Any], release: str) -> int:
    """The most microbatches between their F and the end of what releases them."""
    live = peak = 0
    for _, (op, _, _) in sorted(row.items()):
        live += op == "F"
        peak = max(peak, live)
        live -= op == release
    return peak
