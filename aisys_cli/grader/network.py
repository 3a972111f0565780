"""The network of a metered world: matches sends with receives, counts, and knows who is stuck.

A pure model: no socket, no clock, no randomness. The world (world.py) hands over what the ranks
post, in program order of each rank, and asks who may go on. For a gloo world the same
model follows the records that the ranks send, to say whether anything can still happen.

Matching is MPI's: messages between two ranks with one tag do not overtake each other, and a
receive posted earlier has the first choice. A receive that names its source matches as soon as
both ends are posted; the order of that changes nothing that a rank can see. One from
any rank waits until nothing else can happen, and then `choose` takes one of the messages
that are there: these are the only choices of order that matter.

Latency steps
-------------
A message takes one step. A rank sends one message at a time and receives one at a time, both at
once is possible. `steps` is the longest chain of messages that each had to wait for the one
before: for its data, or for the sending or receiving side of a rank. A send takes its step
whether it is buffered or rendezvous, so that the count is the same in both modes.
"""

from __future__ import annotations

import math
from collections import deque
from typing import NamedTuple

import msgspec

from aisys_cli.language import N_
from aisys_cli.sandbox import wire

__all__ = ["Invalid", "Message", "Misfit", "Network", "State", "Traffic"]

MAX_OPERATIONS = 20_000  # of one run, all ranks together
MAX_HELD = 64 << 20  # bytes of messages under way at a time
ANY = -1


class Message(msgspec.Struct, frozen=True):
    """One message of a trace. `sent` and `arrived` are latency steps; the lines are the
    student's: where it was sent and where it was received."""

    src: int
    dst: int
    tag: int
    dtype: str
    shape: list[int]
    elements: int
    nbytes: int
    sent: int
    arrived: int
    send_call: str
    send_file: str
    send_line: int
    recv_call: str
    recv_file: str
    recv_line: int
    data: bytes = b""


class State(msgspec.Struct, frozen=True):
    """What a rank does when nothing can happen any more: it has returned, or it waits in a
    `call` of comm for one of `peers`. `sent` and `received` count its messages."""

    rank: int
    call: str
    peers: list[int]
    file: str
    line: int
    function: str
    sent: int
    received: int


class Misfit(msgspec.Struct, frozen=True):
    """A message that met a receive of another dtype or number of elements."""

    send: wire.Op
    recv: wire.Op
    src: int
    dst: int

    def __str__(self) -> str:
        sent = f"{self.send.dtype} of shape {tuple(self.send.shape)}"
        wanted = f"{self.recv.dtype} of shape {tuple(self.recv.shape)}"
        return N_(
            f"rank {self.dst} receives {wanted} in {_where(self.recv)}, but what rank "
            f"{self.src} sends it is {sent} in {_where(self.send)}"
        )


def _where(op: wire.Op) -> str:
    return f"{op.call}, line {op.line}" if op.line else op.call


class _Posted:
    """An operation of one rank, and what became of it."""

    __slots__ = ("complete", "done_at", "op", "rank", "sent_at")

    def __init__(self, rank: int, op: wire.Op) -> None:
        self.rank, self.op = rank, op
        self.complete = False
        self.sent_at = 0  # for a send: the step after which the message is out
        self.done_at = 0  # the step after which the rank may go on


class _Rank:
    __slots__ = ("busy", "finished", "out", "posted", "received", "sent", "time", "waits")

    def __init__(self) -> None:
        self.posted: dict[int, _Posted] = {}  # not waited for yet
        self.waits: list[int] = []
        self.finished = False
        self.time = 0  # steps: what the rank has waited for so far
        self.out = 0  # the last step in which it sends
        self.busy: set[int] = set()  # steps in which it receives
        self.sent = self.received = 0


class Invalid(Exception):
    """A rank's own record is impossible; str() says what came."""


class Network:
    """`rendezvous`: a send is complete when it is received, and not at once. `observed`: the
    ranks only report (gloo); receives from any rank are matched when they say by what."""

    def __init__(
        self, size: int, *, rendezvous: bool, observed: bool = False, keep_data: bool = False
    ) -> None:
        self.size = size
        self.rendezvous = rendezvous
        self.messages: list[Message] = []
        self.misfit: Misfit | None = None
        self._observed = observed
        self._keep_data = keep_data
        self._ranks = [_Rank() for _ in range(size)]
        self._channels: dict[tuple[int, int, int], deque[_Posted]] = {}
        self._receives: list[dict[int, deque[_Posted]]] = [{} for _ in range(size)]  # by tag
        self._barrier: list[_Posted] = []
        self._arrived: dict[tuple[int, int], wire.Arrived] = {}
        self._sources: list[tuple[int, int, int]] = []  # rank, receive, sender: not matched yet
        self._ready: deque[tuple[int, list[int]]] = deque()
        self._operations = self._held = 0

    # -- what ranks do ---------------------------------------------------------------

    def enter(self, rank: int, entered: wire.Enter) -> None:
        """A rank hands over operations and waits. Raises Invalid for an impossible record."""
        self._operations += len(entered.ops) + len(entered.sources) + 1
        if entered.sources and not self._observed:
            raise Invalid("a rank that says itself whose message it got")
        if self._operations > MAX_OPERATIONS:
            raise Invalid(f"more than {MAX_OPERATIONS} operations on comm in one run")
        mine = self._ranks[rank]
        self._sources += [(rank, number, source) for number, source in entered.sources]
        for number in mine.waits:  # observed: it went on, so they are complete
            mine.time = max(mine.time, mine.posted.pop(number).done_at)
        for op in entered.ops:
            self._post(rank, mine, op)
        # What a receive from any rank got may be known before we hear that it was sent.
        self._sources = [one for one in self._sources if not self._resolved(*one)]
        waits = entered.waits
        if len(set(waits)) < len(waits) or not all(number in mine.posted for number in waits):
            raise Invalid("a wait for an operation that there is not")
        mine.waits = waits
        if entered.waits and not self._observed:
            self._settle(rank)

    def finish(self, rank: int) -> None:
        """The rank's function has returned or raised."""
        self._ranks[rank].finished = True
        self._ranks[rank].waits = []

    def _post(self, rank: int, mine: _Rank, op: wire.Op) -> None:
        posted = _Posted(rank, op)
        if op.number in mine.posted:
            raise Invalid(f"operation {op.number} was posted twice")
        mine.posted[op.number] = posted
        if op.kind == "barrier":
            self._enter_barrier(posted)
            return
        wrong = op.dtype not in wire.ITEM_BYTES or op.peer == rank or not op.peer < self.size
        if wrong or op.peer < (ANY if op.kind == "recv" else 0):
            raise Invalid(f"{op.kind} of {op.dtype[:20]!r} with rank {op.peer}")
        if op.kind == "send":
            if not self._observed and len(op.data) != wire.size_of(op.dtype, op.shape):
                raise Invalid(f"{len(op.data)} bytes are not {op.dtype} of shape {op.shape}")
            self._held += len(op.data)
            if self._held > MAX_HELD:
                raise Invalid(f"more than {MAX_HELD >> 20} MiB of messages that nobody received")
            self._post_send(posted, mine)
        else:
            waiting = self._receives[rank].setdefault(op.tag, deque())
            waiting.append(posted)
            self._match(rank, op.tag)

    def _post_send(self, posted: _Posted, mine: _Rank) -> None:
        op = posted.op
        mine.out = posted.sent_at = posted.done_at = max(mine.time, mine.out) + 1
        if not self.rendezvous:
            mine.sent += 1
            posted.complete = True
        self._channels.setdefault((posted.rank, op.peer, op.tag), deque()).append(posted)
        self._match(op.peer, op.tag)

    def _enter_barrier(self, posted: _Posted) -> None:
        self._barrier.append(posted)
        if len({one.rank for one in self._barrier}) < self.size:
            return
        present, self._barrier = self._barrier, []
        latest = max(self._ranks[one.rank].time for one in present)
        for one in present:
            one.done_at = latest
            self._done(one)

    # -- matching ----------------------------------------------------------------------

    def _match(self, dst: int, tag: int) -> None:
        """Match what is certain among the receives of one rank with one tag."""
        waiting = self._receives[dst].get(tag)
        open_to_any = False
        for receive in list(waiting or ()):
            if receive.op.peer == ANY:
                open_to_any = True  # a later receive must leave it the first choice
            elif not open_to_any:
                channel = self._channels.get((receive.op.peer, dst, tag))
                if channel:
                    assert waiting is not None
                    waiting.remove(receive)
                    self._deliver(channel.popleft(), receive)

    def _deliver(self, sent: _Posted, receive: _Posted) -> None:
        src, dst = sent.rank, receive.rank
        ours, theirs = receive.op, sent.op
        elements = math.prod(theirs.shape)
        if (ours.dtype, math.prod(ours.shape)) != (theirs.dtype, elements):
            self.misfit = self.misfit or Misfit(theirs, ours, src, dst)
        rank = self._ranks[dst]
        rank.received += 1
        receive.done_at = sent.sent_at
        while receive.done_at in rank.busy:
            receive.done_at += 1
        rank.busy.add(receive.done_at)
        self._held -= len(theirs.data)
        self._arrived[dst, ours.number] = wire.Arrived(ours.number, src, theirs.data)
        self.messages.append(
            Message(
                src,
                dst,
                theirs.tag,
                theirs.dtype,
                theirs.shape,
                elements,
                elements * wire.ITEM_BYTES[theirs.dtype],
                sent.sent_at,
                receive.done_at,
                theirs.call,
                theirs.file,
                theirs.line,
                ours.call,
                ours.file,
                ours.line,
                theirs.data if self._keep_data else b"",
            )
        )
        self._done(receive)
        if self.rendezvous:
            self._ranks[src].sent += 1
            self._done(sent)

    def _done(self, posted: _Posted) -> None:
        posted.complete = True
        if not self._observed:
            self._settle(posted.rank)

    def _settle(self, rank: int) -> None:
        """Let a rank go on if all that it waits for is complete."""
        mine = self._ranks[rank]
        if not mine.waits or not all(mine.posted[n].complete for n in mine.waits):
            return
        for number in mine.waits:
            mine.time = max(mine.time, mine.posted.pop(number).done_at)
        self._ready.append((rank, mine.waits))
        mine.waits = []

    def _resolved(self, rank: int, number: int, source: int) -> bool:
        """A gloo rank says whose message a receive from any rank got; whether that is known."""
        for tag, waiting in self._receives[rank].items():
            channel = self._channels.get((source, rank, tag))
            for posted in waiting:
                if posted.op.number == number and channel:
                    waiting.remove(posted)
                    self._deliver(channel.popleft(), posted)
                    self._match(rank, tag)
                    return True
        return False

    # -- what the world asks --------------------------------------------------------------

    def ready(self) -> list[tuple[int, list[wire.Arrived]]]:
        """The ranks that may go on, each with what it received; each is said once."""
        found = []
        while self._ready:
            rank, waits = self._ready.popleft()
            arrived = [self._arrived.pop((rank, n)) for n in waits if (rank, n) in self._arrived]
            found.append((rank, arrived))
        return found

    def choices(self) -> list[tuple[int, int, int]]:
        """(receiver, sender, tag) of the messages that a receive from any rank could take."""
        return [
            (dst, src, tag)
            for dst, tags in enumerate(self._receives)
            for tag, waiting in sorted(tags.items())
            if any(one.op.peer == ANY for one in waiting)
            for src in range(self.size)
            if self._channels.get((src, dst, tag))
        ]

    def choose(self, choice: tuple[int, int, int]) -> None:
        """Deliver one of the `choices`."""
        dst, src, tag = choice
        waiting = self._receives[dst][tag]
        receive = next(one for one in waiting if one.op.peer == ANY)
        waiting.remove(receive)
        self._deliver(self._channels[src, dst, tag].popleft(), receive)
        self._match(dst, tag)

    def stuck(self) -> bool:
        """Whether some rank has not finished, and nothing that was posted lets one go on.

        To be asked while every rank is finished or waits.
        """
        unfinished = [rank for rank in self._ranks if not rank.finished]
        if not unfinished or self.choices():
            return False
        return all(
            rank.waits and any(not rank.posted[n].complete for n in rank.waits)
            for rank in unfinished
        )

    @property
    def steps(self) -> int:
        """Latency steps of the run so far; see the module's text."""
        return max((message.arrived for message in self.messages), default=0)

    def finished(self, rank: int) -> bool:
        return self._ranks[rank].finished

    def states(self) -> list[State]:
        """What each rank does, with the first operation that it waits for."""
        found = []
        for number, rank in enumerate(self._ranks):
            call, peers = "returned" if rank.finished else "computing", list[int]()
            file, line, function = "", 0, ""
            pending = [rank.posted[n] for n in rank.waits if not rank.posted[n].complete]
            if pending:
                op, peers = pending[0].op, self._peers(pending[0])
                call, file, line, function = op.call, op.file, op.line, op.function
            counts = rank.sent, rank.received
            found.append(State(number, call, peers, file, line, function, *counts))
        return found

    def _peers(self, posted: _Posted) -> list[int]:
        """The ranks any of which could end this wait."""
        if posted.op.kind == "barrier":
            present = {one.rank for one in self._barrier}
            return [rank for rank in range(self.size) if rank not in present]
        if posted.op.peer == ANY:
            return [rank for rank in range(self.size) if rank != posted.rank]
        return [posted.op.peer]

    def leftovers(self) -> list[tuple[int, wire.Op]]:
        """(rank, operation) of what was sent and never received, or the other way round."""
        sends = [(one.rank, one.op) for channel in self._channels.values() for one in channel]
        receives = [
            (one.rank, one.op)
            for tags in self._receives
            for waiting in tags.values()
            for one in waiting
        ]
        return sorted(sends + receives, key=lambda pair: (pair[0], pair[1].number))


class Traffic(NamedTuple):
    """Messages and elements and bytes, of a link or a rank."""

    messages: int = 0
    elements: int = 0
    nbytes: int = 0

    def plus(self, message: Message) -> Traffic:
        return Traffic(
            self.messages + 1, self.elements + message.elements, self.nbytes + message.nbytes
        )
