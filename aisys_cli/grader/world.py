"""Worlds: p ranks that run one call together, over the grader's network or over gloo.

    @given(worlds(), ...)
    def sums(student, world, x):
        run = student.on(world).all_reduce([(x[r], "sum") for r in range(world.size)], of=...)
        agree(run.values, ...)

Each rank is a cell of its own. In a metered world it talks to nobody but the grader: every
message goes through a Network kept here, under the mode and the order that the World says, so
a run is the same each time. The ranks are taken in turn until all of them wait; only then
is one of the messages chosen that a receive from any rank could take. When all wait and
nothing can be chosen, that is a deadlock: no clock is asked.

In a gloo world the cells share a loopback device and talk to each other. They report what they
are about to do, and the same model says whether anything can still happen; what it calls
stuck is a deadlock once nothing has been heard for QUIET seconds.
"""

from __future__ import annotations

import functools
import itertools
import select
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from aisys_cli.grader.network import Invalid, Message, Network, State, Traffic
from aisys_cli.language import N_
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import Cell, CellDied, CellTimeout
from aisys_cli.sandbox.limits import MAX_RANKS

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Fault", "RankLost", "Run", "World", "gloo_join", "gloo_run", "metered_run", "worlds"]

QUIET = 0.5  # seconds without a word of any rank
MAX_UNWINDING = 100  # messages of a rank that was told to stop
_SAYS = wire.Enter | wire.Returned | wire.Raised | wire.Refused
_Reply = wire.Returned | wire.Raised | wire.Refused


class World(msgspec.Struct, frozen=True):
    """How ranks are connected.

    `rendezvous`: sends wait for their receive; else they are buffered. `order`: which
    message, of those there are, each receive from any rank takes; 0 for those not listed.
    """

    size: int
    rendezvous: bool = False
    order: tuple[int, ...] = ()
    gloo: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.size <= MAX_RANKS:
            raise ValueError(f"a world of {self.size} ranks; there are 1 to {MAX_RANKS}")

    def __str__(self) -> str:
        if self.gloo:
            return N_(f"p = {self.size} processes over gloo")
        sends = "rendezvous" if self.rendezvous else "buffered"
        order = f", messages to any-source receives in order {list(self.order)}"
        return f"p = {self.size}, {sends} sends" + (order if any(self.order) else "")


def worlds(sizes: Sequence[int] = range(1, 9)) -> SearchStrategy[World]:
    """A Hypothesis strategy: metered worlds, the plainest with buffered sends, in order."""
    from hypothesis import strategies as st  # late: the coordinator does without

    order = st.lists(st.integers(0, 6), max_size=6).map(tuple)
    return st.builds(World, st.sampled_from(list(sizes)), st.booleans(), order)


class Run(msgspec.Struct, frozen=True, dict=True):
    """What the ranks returned, and every message on the way, by latency step."""

    values: list[Any]
    messages: list[Message]
    steps: int
    output: str = ""
    ran: list[wire.Frames] = []

    @functools.cached_property
    def links(self) -> dict[tuple[int, int], Traffic]:
        """Traffic of each (sender, receiver) that had any."""
        return _traffic(self.messages, lambda one: (one.src, one.dst))

    @functools.cached_property
    def sent(self) -> list[Traffic]:
        """Traffic that left each rank."""
        found = _traffic(self.messages, lambda one: one.src)
        return [found.get(rank, Traffic()) for rank in range(len(self.values))]

    @functools.cached_property
    def received(self) -> list[Traffic]:
        """Traffic that reached each rank."""
        found = _traffic(self.messages, lambda one: one.dst)
        return [found.get(rank, Traffic()) for rank in range(len(self.values))]


def _traffic(messages: list[Message], key: Callable[[Message], Any]) -> dict[Any, Traffic]:
    found: dict[Any, Traffic] = {}
    for message in messages:
        found[key(message)] = found.get(key(message), Traffic()).plus(message)
    return found


class Fault(Exception):
    """A run that ended without a value from every rank, or with messages left over.

    `reply` is what rank `rank` answered instead of a value, if it is one rank's own fault.
    Else `deadlock` says whether the ranks wait for one another, `text` what happened,
    `states` what each rank does, `cycle` the ranks that wait for each other in a circle, and
    `op` an operation to look at.
    """

    def __init__(
        self,
        text: str,
        *,
        rank: int = 0,
        reply: wire.Raised | wire.Refused | None = None,
        deadlock: bool = False,
        states: Sequence[State] = (),
        cycle: Sequence[int] = (),
        op: wire.Op | None = None,
    ) -> None:
        said = text or (f"rank {rank} raised" if isinstance(reply, wire.Raised) else "")
        super().__init__(said)
        self.text, self.rank, self.reply = text, rank, reply
        self.deadlock, self.states, self.cycle, self.op = deadlock, states, cycle, op
        self.output = ""


class RankLost(Exception):
    """A rank timed out, died or answered nonsense; its cell is of no more use, nor are
    those of a gloo world with it."""

    def __init__(self, rank: int, error: CellTimeout | CellDied | wire.Malformed) -> None:
        super().__init__(f"rank {rank}: {error}")
        self.rank, self.error = rank, error


class _Ranks:
    """The cells of one run, and what each has answered so far."""

    def __init__(self, cells: Sequence[Cell], seconds: float) -> None:
        self.cells = cells
        self.seconds = seconds
        self.replies: list[_Reply | None] = [None] * len(cells)
        self._outputs = [""] * len(cells)
        self._id = 0

    @property
    def output(self) -> str:
        """What the ranks printed, in the order of the ranks."""
        said = [(rank, text.rstrip()) for rank, text in enumerate(self._outputs)]
        return "".join(f"rank {rank}: {text}\n" for rank, text in said if text)

    def begin(self, call: wire.Call, args: Sequence[Sequence[Any]]) -> None:
        size = len(self.cells)
        self._id = call.id
        for rank, mine in enumerate(args):
            asked = wire.Call(call.id, call.method, list(mine), call.trace, wire.Rank(rank, size))
            self.guarded(rank, self.cells[rank].begin, asked, self.seconds)

    def guarded(self, rank: int, act: Callable[..., Any], *args: Any) -> Any:
        """What a rank's cell is asked; RankLost with its number if that goes wrong."""
        try:
            return act(*args)
        except (CellTimeout, CellDied, wire.Malformed) as error:
            raise RankLost(rank, error) from None

    def turn(self, rank: int) -> Any:
        message = self.guarded(rank, self.cells[rank].turn, _SAYS)
        if not isinstance(message, wire.Enter):
            if message.id != self._id:
                why = f"an answer to request {message.id} when {self._id} was asked"
                raise RankLost(rank, wire.Malformed(why))
            self.replies[rank] = message
            self._outputs[rank] = message.output
        return message

    def enter(self, network: Network, rank: int, message: wire.Enter) -> None:
        try:
            network.enter(rank, message)
        except Invalid as error:
            raise RankLost(rank, wire.Malformed(str(error))) from None

    def tell(self, rank: int, message: msgspec.Struct) -> None:
        self.guarded(rank, self.cells[rank].tell, message)

    def end(self) -> None:
        for cell in self.cells:
            cell.end()


# -- the metered world ---------------------------------------------------------


def metered_run(
    cells: Sequence[Cell],
    world: World,
    call: wire.Call,
    args: Sequence[Sequence[Any]],
    *,
    seconds: float,
    keep_data: bool = False,
) -> Run:
    """Run a call in every rank. Raises Fault, after which the cells can be used again, or
    RankLost, after which none of them can. `keep_data` puts what they carried into the
    messages."""
    ranks = _Ranks(cells, seconds)
    network = Network(world.size, rendezvous=world.rendezvous, keep_data=keep_data)
    try:
        ranks.begin(call, args)
        running = list(range(world.size))
        order = iter(world.order)
        while True:
            # The one told last first: once it has spoken, so have the others, most likely.
            while running and network.misfit is None:
                _advance(ranks, network, running)
            if network.misfit is not None:
                break
            for rank, arrived in network.ready():
                ranks.tell(rank, wire.Proceed(arrived))
                running.append(rank)
            if not running:
                choices = network.choices()
                if not choices:
                    break
                network.choose(choices[next(order, 0) % len(choices)])
        _stop(ranks, network, running)
    finally:
        ranks.end()
    return _judge(ranks, network)


def _advance(ranks: _Ranks, network: Network, running: list[int]) -> None:
    """Hear the last of the running ranks; it is off the list once it waits or is finished."""
    rank = running[-1]
    message = ranks.turn(rank)
    if not isinstance(message, wire.Enter):
        network.finish(rank)
    else:
        ranks.enter(network, rank, message)
        if not message.waits:
            return
    running.pop()


def _stop(ranks: _Ranks, network: Network, running: list[int]) -> None:
    """Unwind the ranks that have not answered, so that their cells can be used again."""
    for rank in range(len(ranks.cells)):
        waits = rank not in running
        for turns in itertools.count():
            if network.finished(rank):
                break
            if turns > MAX_UNWINDING:
                raise RankLost(rank, wire.Malformed("operations after the run had ended"))
            if waits:
                ranks.tell(rank, wire.Stop())
            message = ranks.turn(rank)
            if isinstance(message, wire.Enter):
                waits = bool(message.waits)
            else:
                ranks.replies[rank] = None  # it was told to
                break


def _judge(ranks: _Ranks, network: Network) -> Run:
    """The Run, or the Fault that it was: a rank's own comes before what it did to others."""
    fault = _fault(ranks.replies, network)
    if fault is not None:
        fault.output = ranks.output
        raise fault
    messages = sorted(network.messages, key=lambda one: (one.arrived, one.src, one.dst))
    values = [reply.value for reply in ranks.replies if isinstance(reply, wire.Returned)]
    ran = [reply.ran for reply in ranks.replies if isinstance(reply, wire.Returned)]
    return Run(values, messages, network.steps, ranks.output, ran)


def _fault(replies: Sequence[_Reply | None], network: Network) -> Fault | None:
    for rank, reply in enumerate(replies):
        if isinstance(reply, wire.Raised | wire.Refused):
            return Fault("", rank=rank, reply=reply)
    if network.misfit is not None:
        return Fault(str(network.misfit), op=network.misfit.recv, rank=network.misfit.dst)
    if None in replies:
        return _stuck(network)
    left = network.leftovers()
    if left:
        rank, op = left[0]
        return Fault(_unmatched(rank, op), op=op, rank=rank)
    return None


def _unmatched(rank: int, op: wire.Op) -> str:
    what = f"{op.dtype} of shape {tuple(op.shape)}"
    if op.kind == "send":
        return N_(
            f"rank {rank} sends {what} to rank {op.peer} (line {op.line}), which never receives it"
        )
    whom = N_("any rank") if op.peer < 0 else f"rank {op.peer}"
    return N_(
        f"rank {rank} starts to receive {what} from {whom} (line {op.line}), which nobody sends"
    )


def _stuck(network: Network) -> Fault:
    states = network.states()
    waiting = [one for one in states if one.peers]
    cycle = _cycle({one.rank: one.peers for one in waiting})
    if cycle:
        ranks = " -> ".join(map(str, [*cycle, cycle[0]]))
        text = N_(f"deadlock: ranks {ranks} wait in a circle")
    elif gone := [(w.rank, p) for w in waiting for p in w.peers if network.finished(p)]:
        rank, peer = gone[0]
        text = N_(f"deadlock: rank {peer} returned while rank {rank} still waits for it")
    else:
        text = N_("deadlock: a rank waits for a message that nobody can send")
    return Fault(text, deadlock=True, states=states, cycle=cycle)


def _cycle(waits: dict[int, list[int]]) -> list[int]:
    """The shortest circle of ranks each of which waits for the next; [] if there is none."""
    best: list[int] = []
    for start in waits:
        paths = deque([[start]])
        seen = {start}
        while paths:
            path = paths.popleft()
            for peer in waits.get(path[-1], []):
                if peer == start and (not best or len(path) < len(best)):
                    best = path
                if peer in waits and peer not in seen:
                    seen.add(peer)
                    paths.append([*path, peer])
    return best


# -- the gloo world ------------------------------------------------------------


def gloo_join(cells: Sequence[Cell], *, seconds: float) -> None:
    """Connect fresh cells to a gloo world. RankLost if one does not come up."""
    ranks = _Ranks(cells, seconds)
    size = len(cells)

    def joined(rank: int) -> Any:
        return ranks.guarded(rank, cells[rank].turn, wire.Joined)

    try:
        port = 0
        for rank in range(size):
            request = wire.Join(wire.Rank(rank, size), port)
            ranks.guarded(rank, cells[rank].begin, request, seconds)
            if rank == 0:
                port = joined(0).port
        for rank in range(size):
            joined(rank)
    finally:
        ranks.end()


def gloo_run(
    cells: Sequence[Cell],
    world: World,
    call: wire.Call,
    args: Sequence[Sequence[Any]],
    *,
    seconds: float,
) -> Run:
    """Run a call in every rank of a connected world. After Fault or RankLost it must go."""
    ranks = _Ranks(cells, seconds)
    network = Network(world.size, rendezvous=True, observed=True)
    start = time.monotonic()
    try:
        ranks.begin(call, args)
        _follow(ranks, network)
    finally:
        ranks.end()
        for cell in cells:  # all of them at once: together the time is theirs once
            cell.count_wait((time.monotonic() - start) / len(cells))
    return _judge(ranks, network)


def _follow(ranks: _Ranks, network: Network) -> None:
    """Hear the ranks until all have answered, or nothing more can happen."""
    size = len(ranks.cells)
    poll = select.poll()
    by_fd = {cell.fileno(): rank for rank, cell in enumerate(ranks.cells)}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    waits = [False] * size
    heard = [time.monotonic()] * size
    while None in ranks.replies and network.misfit is None:
        for fd, _ in poll.poll(QUIET / 5 * 1000):
            rank = by_fd[fd]
            waits[rank] = _hear(ranks, network, rank)
            heard[rank] = time.monotonic()
            if ranks.replies[rank] is not None:
                poll.unregister(fd)
        unfinished = [rank for rank in range(size) if ranks.replies[rank] is None]
        computing = [rank for rank in unfinished if not waits[rank]]
        if unfinished and not computing:
            quiet = time.monotonic() - max(heard)
            raised = any(isinstance(one, wire.Raised | wire.Refused) for one in ranks.replies)
            if network.stuck() and (raised or quiet > QUIET):
                return
        # Ranks that wait although they could go on: their records are not what they do.
        for rank in computing or unfinished:
            since = heard[rank] if computing else max(heard)
            ranks.guarded(rank, ranks.cells[rank].overdue, since)


def _hear(ranks: _Ranks, network: Network, rank: int) -> bool:
    """Take what a rank has said; whether it waits now."""
    try:
        waits = _take(ranks, network, rank)
        while ranks.replies[rank] is None and ranks.cells[rank].heard:
            waits = _take(ranks, network, rank)
    except RankLost as lost:
        _drain(ranks, network, lost)
        raise
    return waits


def _take(ranks: _Ranks, network: Network, rank: int) -> bool:
    message = ranks.turn(rank)
    if isinstance(message, wire.Enter):
        ranks.enter(network, rank, message)
        return bool(message.waits)
    if isinstance(message, wire.Raised) and message.stopped:
        ranks.replies[rank] = None  # gloo told it that another rank is gone: hear which
        return True
    network.finish(rank)
    return False


def _drain(ranks: _Ranks, network: Network, lost: RankLost) -> None:
    """A rank died. If what the others have said by then shows why, raise that instead:
    gloo aborts a process that is sent more than it receives."""
    for rank, cell in enumerate(ranks.cells):
        while rank != lost.rank and ranks.replies[rank] is None and cell.speaks:
            try:
                _take(ranks, network, rank)
            except RankLost:
                break
    if network.misfit is not None:
        _judge(ranks, network)
