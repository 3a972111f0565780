"""What the checks of this lab are made of: schedules read, run tick by tick, and shown as tables.

Every operation takes one tick and starts as soon as its rank is free and what it needs is done.
A schedule that is too slow, too large or impossible is shown as a table, with the first tick in
which it parts from what is possible.
"""

from __future__ import annotations

from typing import Any, NamedTuple, NoReturn

from aisys_cli.grader import Mismatch
from aisys_cli.grader.compare import Difference

__all__ = [
    "FUSED",
    "SPLIT",
    "Entry",
    "Timeline",
    "ends_by",
    "forwards_first",
    "holds",
    "judged",
    "needs",
    "parse",
    "spans",
    "timeline",
    "written",
    "wrong",
]

Entry = tuple[str, int, int]
FUSED, SPLIT = "FB", "FBW"
COLUMNS = 60  # of a table, for ticks


def parse(*orders: str) -> list[list[Entry | None]]:
    """A schedule from text, a string for each rank: "F0 F1 - B0", or "F0.1" for chunk 1."""
    return [[None if word == "-" else _entry(word) for word in order.split()] for order in orders]


def _entry(word: str) -> Entry:
    microbatch, _, chunk = word[1:].partition(".")
    return word[0], int(microbatch), int(chunk or 0)


def wrong(why: str, got: Any, expected: Any, *, of: str, oracle: str = "Possible") -> NoReturn:
    raise Mismatch(
        Difference(why, "", got, expected), got, expected, of=of, tolerance="exact", oracle=oracle
    )


def written(schedule: list[list[Any]]) -> str:
    """A schedule as text, a line for each rank."""
    lines = []
    for rank, order in enumerate(schedule):
        words = [f"{one[0]}{one[1]}.{one[2]}" if one else "None" for one in order]
        lines.append(f"rank {rank}: " + " ".join(words))
    return "\n".join(lines)


class Timeline(NamedTuple):
    """A schedule of p ranks and v chunks, run. `cells[rank][tick]` is what a rank does then,
    `stuck` says which rank waits for what if it cannot be run to its end."""

    p: int
    v: int
    orders: list[list[Entry]]
    cells: list[dict[int, Entry]]
    stuck: dict[int, tuple[Entry, Entry]]

    @property
    def ticks(self) -> int:
        return max((max(row) + 1 for row in self.cells if row), default=0)

    def word(self, entry: Entry) -> str:
        op, i, chunk = entry
        return f"{op}{i}" if self.v == 1 else f"{op}{i}.{chunk}"

    def table(self, around: int = 0) -> str:
        """A line for each rank, as many ticks as fit; `around` is among them."""
        if self.ticks == 0:
            return "(nothing has run)"
        words = [self.word(entry) for row in self.cells for entry in row.values()]
        width = 1 + max([2, len(str(self.ticks)), *map(len, words)])
        fits = COLUMNS // width
        first = max(0, min(around - fits // 2, self.ticks - fits))
        shown = range(first, min(self.ticks, first + fits))
        lines = ["tick    " + "".join(f"{tick:<{width}}" for tick in shown)]
        for rank, row in enumerate(self.cells):
            cells = [self.word(row[tick]) if tick in row else "." for tick in shown]
            lines.append(f"rank {rank}  " + "".join(f"{cell:<{width}}" for cell in cells))
        cut = f"\n(ticks {first} to {shown[-1]} of {self.ticks})" if len(shown) < self.ticks else ""
        return "\n".join(line.rstrip() for line in lines) + cut


def needs(entry: Entry, rank: int, p: int, v: int) -> list[tuple[int, Entry]]:
    """(rank, entry) of the operations that must be done before this one."""
    op, i, chunk = entry
    stage = chunk * p + rank
    if op == "W":
        return [(rank, ("B", i, chunk))]
    if op == "F":
        before = [stage - 1] if stage > 0 else []
        return [(one % p, ("F", i, one // p)) for one in before]
    after = [stage + 1] if stage < p * v - 1 else []
    return [(rank, ("F", i, chunk)), *((one % p, ("B", i, one // p)) for one in after)]


def timeline(orders: list[list[Entry]], v: int) -> Timeline:
    """Run a schedule, without its idle slots, one tick after the other."""
    p = len(orders)
    cells: list[dict[int, Entry]] = [{} for _ in orders]
    done: set[tuple[int, Entry]] = set()
    at = [0] * p
    tick = 0
    while True:
        now = []
        for rank, order in enumerate(orders):
            if at[rank] == len(order):
                continue
            if all(one in done for one in needs(order[at[rank]], rank, p, v)):
                now.append((rank, order[at[rank]]))
        if not now:
            break
        for rank, entry in now:
            cells[rank][tick] = entry
            at[rank] += 1
        done.update(now)
        tick += 1
    stuck = {}
    for rank, order in enumerate(orders):
        if at[rank] < len(order):
            entry = order[at[rank]]
            missing = [one for one in needs(entry, rank, p, v) if one not in done]
            stuck[rank] = (entry, missing[0][1])
    return Timeline(p, v, orders, cells, stuck)


def judged(answer: Any, p: int, m: int, v: int, ops: str, *, of: str) -> Timeline:
    """The timeline of a schedule that has every operation once and can be run."""
    orders = _read(answer, p, m, v, ops, of=of)
    line = timeline(orders, v)
    if line.stuck:
        rank, (entry, missing) = min(line.stuck.items())
        waits = "; ".join(
            f"rank {one} stands at {line.word(first)}, which needs {line.word(second)}"
            for one, (first, second) in sorted(line.stuck.items())
        )
        why = f"from tick {line.ticks} on nothing can start: {waits}"
        got = f"rank {rank} waits for {line.word(missing)} for ever, before {line.word(entry)}"
        wrong(why, got, "an order in which every operation can start", of=f"{of}\n{line.table()}")
    return line


def _read(answer: Any, p: int, m: int, v: int, ops: str, *, of: str) -> list[list[Entry]]:
    """The entries of each rank without the idle slots; each operation must be there once."""
    if type(answer) is not list or len(answer) != p:
        many = f", with {len(answer)}" if type(answer) is list else ""
        got = "None" if answer is None else f"a {type(answer).__name__}{many}"
        wrong("the schedule is not a list of p lists", got, f"a list of {p} lists", of=of)
    wanted = {(op, i, chunk) for op in ops for i in range(m) for chunk in range(v)}
    orders = []
    for rank, order in enumerate(answer):
        if type(order) is not list:
            wrong(f"what rank {rank} does is no list", order, "a list of entries", of=of)
        seen: dict[Entry, int] = {}
        for place, entry in enumerate(order):
            if entry is None:
                continue
            here = f"rank {rank}, entry {place}"
            if not _formed(entry):
                wrong(f"{here} is no entry", entry, ["F", 0, 0], of=of, oracle="For example")
            key = (entry[0], entry[1], entry[2])
            if key not in wanted:
                want = f"op in {list(ops)}, microbatch below {m}, chunk below {v}"
                wrong(f"{here} is no operation of this rank", entry, want, of=of)
            if key in seen:
                wrong(f"{here} was there before, as entry {seen[key]}", entry, "once", of=of)
            seen[key] = place
        missing = sorted(wanted - set(seen), key=lambda one: (ops.index(one[0]), one[1:]))
        if missing:
            much = f"{len(seen)} operations"
            why = f"rank {rank} never does {list(missing[0])}"
            wrong(why, much, f"{len(wanted)} operations", of=of)
        orders.append(list(seen))
    return orders


def _formed(entry: Any) -> bool:
    return (
        type(entry) is list
        and len(entry) == 3
        and type(entry[0]) is str
        and type(entry[1]) is int
        and type(entry[2]) is int
    )


def forwards_first(line: Timeline, *, of: str) -> None:
    """On every rank the forwards come before the backwards."""
    for rank, row in enumerate(line.cells):
        backward = -1
        for tick, entry in sorted(row.items()):
            if entry[0] == "F" and backward >= 0:
                why = f"rank {rank}: {line.word(entry)} comes after {line.word(row[backward])}"
                table = f"{of}\n{line.table(tick)}"
                wrong(why, f"F in tick {tick}", "F before all B", of=table, oracle="GPipe")
            if entry[0] == "B" and backward < 0:
                backward = tick


def ends_by(line: Timeline, most: int, *, of: str) -> None:
    """The last operation must end after `most` ticks at the latest."""
    if line.ticks > most:
        where, tick = _slack(line)
        why = f"the last operation ends after {line.ticks} ticks, {most} are enough{where}"
        wrong(why, f"{line.ticks} ticks", f"{most} ticks", of=f"{of}\n{line.table(tick)}")


def _slack(line: Timeline) -> tuple[str, int]:
    """The first tick in which a rank idles although something could start, said and as number."""
    done: set[tuple[int, Entry]] = set()
    for tick in range(line.ticks):
        for rank, row in enumerate(line.cells):
            if tick in row:
                continue
            later = [row[one] for one in sorted(row) if one > tick]
            for entry in later:
                if all(one in done for one in needs(entry, rank, line.p, line.v)):
                    said = f"; rank {rank} idles in tick {tick}, where {line.word(entry)} could run"
                    return said, tick
        done.update((rank, row[tick]) for rank, row in enumerate(line.cells) if tick in row)
    return "", 0


def holds(line: Timeline, most: list[int], release: str, *, of: str) -> None:
    """No rank may hold more than most[rank] activations; `release` is what ends one."""
    for rank, row in enumerate(line.cells):
        live = 0
        for tick in sorted(row):
            live += (row[tick][0] == "F") - (row[tick][0] == release)
            if live > most[rank]:
                word = line.word(row[tick])
                why = (
                    f"rank {rank}, tick {tick}: {word} makes {live} live activations,"
                    f" {most[rank]} are enough"
                )
                peak = _peak(row, release)
                table = f"{of}\n{line.table(tick)}"
                wrong(why, f"{peak} on rank {rank}", f"{most[rank]} on rank {rank}", of=table)


def _peak(row: dict[int, Entry], release: str) -> int:
    live = peak = 0
    for tick in sorted(row):
        live += (row[tick][0] == "F") - (row[tick][0] == release)
        peak = max(peak, live)
    return peak


def spans(line: Timeline, most: int, *, of: str) -> None:
    """On no rank may there be more than `most` ticks from its first operation to its last."""
    for rank, row in enumerate(line.cells):
        span = max(row) - min(row) + 1
        if span > most:
            gaps = [tick for tick in range(min(row), max(row)) if tick not in row]
            where = f"; its first idle tick is {gaps[0]}" if gaps else ""
            why = f"rank {rank} takes {span} ticks from its first operation to its last{where}"
            table = f"{of}\n{line.table(gaps[0] if gaps else 0)}"
            wrong(why, f"a span of {span} ticks", f"a span of {most} ticks", of=table)
