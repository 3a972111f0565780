"""The grader's ends of the lines: `Host` starts cells, `Cell` asks one submission.

Everything that arrives here comes from the untrusted side: it is bounded, decoded to a
declared type, and compared with what was asked before anybody else sees it.
"""

from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
from collections import Counter
from typing import Any

import msgspec

from aisys_cli.errors import EnvironmentFault
from aisys_cli.sandbox import launcher, wire
from aisys_cli.sandbox.limits import BUSY_FACTOR, WALL_FACTOR, Limits
from aisys_cli.sandbox.profile import Profile

__all__ = ["Cell", "CellDied", "CellTimeout", "Host", "HostLost", "Starting"]

START_SECONDS = 60.0
EXIT_SECONDS = 10.0
SAMPLES = 10
CHECKED = 64  # turns
LONG = 0.1  # seconds of an answer from which on it is worth asking why
Reply = wire.Returned | wire.Raised | wire.Refused
_TRACE = re.compile(rb'File "([^"\n]{1,200})", line (\d{1,7}) in ([^\n]{1,200})')


class HostLost(Exception):
    """The host is gone: our fault or the machine's, never the submission's."""


class CellTimeout(Exception):
    """A request passed its limit.

    `seconds` is the limit; `cpu` and `wall` what was used; `seen` counts the lines of
    the student's file that were running when we looked, most frequent first.
    """

    def __init__(
        self, seconds: float, cpu: float | None, wall: float, seen: list[tuple[wire.Frame, int]]
    ) -> None:
        super().__init__(f"no answer within {seconds:g} s")
        self.seconds, self.cpu, self.wall, self.seen = seconds, cpu, wall, seen


class CellDied(Exception):
    """The cell ended before it answered; `where` is the line it died in, if known."""

    def __init__(self, exited: wire.Exited, where: wire.Frame | None) -> None:
        super().__init__(f"the cell ended: {exited}")
        self.exited, self.where = exited, where


class Host:
    """A warm host process, shared by the cells of one worker."""

    def __init__(self, wanted: Profile, *, isolation: str) -> None:
        self.profile = wanted
        self.isolation = isolation
        self.cpus: list[int] = []
        self._started = launcher.start(wanted, isolation=isolation)
        self._receiver = wire.Receiver(self._started.control, limit=1 << 16, fds=1)
        self._exited: dict[int, wire.Exited] = {}
        self._spawned: dict[int, tuple[wire.Spawned, int]] = {}
        self._ready: wire.HostReady | None = None

    def wait_ready(self) -> wire.HostReady:
        """Wait until the profile is imported; EnvironmentFault with the reason if not."""
        if self._ready is None:
            try:
                self._ready = self._next(wire.HostReady, START_SECONDS)
            except (HostLost, wire.Malformed) as error:
                raise self._no_sandbox(error) from None
        return self._ready

    def _no_sandbox(self, error: Exception) -> EnvironmentFault:
        self._started.process.kill()
        code = self._started.process.wait()
        self._started.errors.seek(0)
        said = self._started.errors.read(4000).decode(errors="replace").strip()
        first = said.splitlines()[-1] if said else str(error)
        if self.isolation == "bwrap":
            return EnvironmentFault(
                f"cannot start the sandbox: {first} (bwrap exit {code})",
                remedy=(
                    "Ubuntu 24.04 and later:\n"
                    "  sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0\n"
                    "In a container, run it with:\n"
                    "  --security-opt seccomp=unconfined --security-opt systempaths=unconfined\n"
                    "See what is missing: aisys doctor --for grade\n"
                    "Or grade without it, for code you trust: --isolation process"
                ),
            )
        return EnvironmentFault(f"cannot start a process for submissions: {first}")

    def _next(self, kind: Any, seconds: float) -> Any:
        """The next message from the host, of that type."""
        deadline = time.monotonic() + seconds
        sock = self._started.control
        while (body := self._receiver.frame()) is None:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([sock], [], [], left)[0]:
                raise HostLost(f"the sandbox's host said nothing for {seconds:g} s")
            try:
                alive = self._receiver.feed()
            except OSError:
                alive = False
            if not alive:
                raise HostLost("the sandbox's host ended")
        return wire.decode(body, kind)

    def spawn(
        self, limits: Limits, *, numbers: list[int], seed: int, loopback: bool = False
    ) -> list[Starting]:
        """Ask for fresh cells, which with `loopback` can reach one another.

        `numbers` are unique in the host's life.
        """
        self.wait_ready()
        ends = [(*socket.socketpair(), *os.pipe()) for _ in numbers]
        try:
            wire.send(
                self._started.control,
                wire.Spawn(numbers, limits, seed, self.cpus, loopback),
                fds=tuple(fd for _, theirs, _, trace in ends for fd in (theirs.fileno(), trace)),
            )
        except OSError:
            raise HostLost("the sandbox's host ended") from None
        finally:
            for _, theirs, _, trace in ends:
                theirs.close()
                os.close(trace)
        return [
            Starting(self, number, limits, ours, trace)
            for number, (ours, _, trace, _) in zip(numbers, ends, strict=True)
        ]

    def spawned(self, number: int) -> tuple[int, int]:
        """(pid, pidfd or -1) of a cell that was asked for; waits for the host to say so."""
        while number not in self._spawned:
            self._hear(START_SECONDS)
        message, pidfd = self._spawned.pop(number)
        if message.problem:
            raise HostLost(f"cannot start a cell: {message.problem}")
        return (_pid_here(pidfd) if pidfd >= 0 else message.pid), pidfd

    def _hear(self, seconds: float) -> None:
        """Take the host's next message and remember it."""
        message = self._next(wire.Spawned | wire.Exited, seconds)
        if isinstance(message, wire.Exited):
            self._exited[message.cell] = message
            return
        fds = self._receiver.fds
        self._spawned[message.cell] = (message, fds.pop(0) if fds else -1)

    def kill(self, number: int) -> None:
        """End a cell and all its processes; 0 ends every cell."""
        try:
            wire.send(self._started.control, wire.Kill(number))
        except OSError:
            raise HostLost("the sandbox's host ended") from None

    def exited(self, number: int) -> wire.Exited:
        """How a cell ended; waits for the host to say so."""
        while number not in self._exited:
            self._hear(EXIT_SECONDS)
        return self._exited.pop(number)

    @property
    def alive(self) -> bool:
        return self._started.process.poll() is None

    def close(self) -> None:
        self._receiver.close()
        try:
            self._started.process.wait(EXIT_SECONDS)
        except Exception:
            self._started.process.kill()
            self._started.process.wait()
        self._started.errors.close()


def _pid_here(pidfd: int) -> int:
    """The process's number in our own pid namespace."""
    with open(f"/proc/self/fdinfo/{pidfd}") as file:
        for line in file:
            if line.startswith("Pid:"):
                return int(line.split()[1])
    return 0


def local_cell(line: socket.socket) -> Cell:
    """A process that talks as a cell does, without a host, limits or confinement: for a
    rank that runs in a student's own process. `line` is our end."""
    reader, writer = os.pipe()
    os.close(writer)
    return Cell(None, 0, Limits(), line, reader, -1, 0)


class Starting:
    """A cell that is being started while the grader does other work."""

    def __init__(
        self, host: Host, number: int, limits: Limits, sock: socket.socket, trace: int
    ) -> None:
        self._host, self._number, self._limits = host, number, limits
        self._sock, self._trace = sock, trace

    def cell(self) -> Cell:
        """The cell, once it runs; HostLost if it cannot be started."""
        try:
            pid, pidfd = self._host.spawned(self._number)
        except HostLost:
            self._sock.close()
            os.close(self._trace)
            raise
        return Cell(self._host, self._number, self._limits, self._sock, self._trace, pidfd, pid)


class Cell:
    """One submission's process. Asks one thing at a time; counts CPU seconds used."""

    def __init__(
        self,
        host: Host | None,
        number: int,
        limits: Limits,
        sock: socket.socket,
        trace: int,
        pidfd: int,
        pid: int,
    ) -> None:
        self.number = number
        self.limits = limits
        self.used = 0.0  # CPU seconds, over all requests so far
        self.waited = 0.0  # seconds on the clock, less those queued, over all requests so far
        self._queued_before = 0.0
        self._seconds = self._begun = 0.0
        self._cpu_before: float | None = None
        self._host = host
        self._sock = sock
        self._receiver = wire.Receiver(sock, limit=(limits.reply_mib << 20) + (1 << 16))
        self._trace = trace
        self._pidfd = pidfd
        self._pid = pid
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._calls = self._turns = self._heard_bytes = 0
        os.set_blocking(trace, False)

    def load(self, request: wire.Load, *, seconds: float) -> wire.Loaded | wire.LoadFailed:
        (reply,) = self._ask(request, wire.Loaded | wire.LoadFailed, seconds, [None])
        return reply  # type: ignore[no-any-return]

    def call(
        self, method: str, args: tuple[Any, ...], *, seconds: float, trace: bool = False
    ) -> wire.Returned | wire.Raised | wire.Refused:
        """Ask the driver; CellTimeout, CellDied or Malformed when no answer comes."""
        self._calls += 1
        request = wire.Call(self._calls, method, list(args), trace)
        (reply,) = self._ask(request, Reply, seconds, [request.id])
        return reply  # type: ignore[no-any-return]

    def call_all(
        self, calls: list[tuple[str, tuple[Any, ...]]], *, seconds: float
    ) -> list[wire.Returned | wire.Raised | wire.Refused]:
        """The same of several, sent together; `seconds` are for all of them."""
        requests = [
            wire.Call(self._calls + number, method, list(args))
            for number, (method, args) in enumerate(calls, start=1)
        ]
        self._calls += len(calls)
        return self._ask(wire.Calls(requests), Reply, seconds, [one.id for one in requests])

    def _ask(self, request: msgspec.Struct, kind: Any, seconds: float, ids: list[Any]) -> list[Any]:
        """The answers to a request: one for each of the ids, together no longer than one may be."""
        replies: list[Any] = []
        self._heard_bytes = 0
        try:
            self.begin(request, seconds)
            for id in ids:
                reply = self.turn(kind)
                if id is not None and reply.id != id:
                    raise wire.Malformed(f"an answer to request {reply.id} when {id} was asked")
                if replies and self._heard_bytes > self._receiver.limit:
                    raise wire.Malformed(f"more than {self._receiver.limit} bytes of answers")
                replies.append(reply)
        finally:
            self.end()
        return replies

    # A request, in three steps: the ranks of a world are asked all at once, and may come
    # back several times before they answer.

    def begin(self, request: msgspec.Struct, seconds: float) -> None:
        """Send a request that may use that many CPU seconds. `end` must follow."""
        self._seconds = seconds
        self._cpu_before, self._begun = self._cpu(), time.monotonic()
        if self.speaks:
            self._unasked()
        self.tell(request)

    def tell(self, message: msgspec.Struct) -> None:
        """Send a message within a request, whose next turn this starts."""
        if self._used_since(time.monotonic() - self._begun) >= self._seconds:
            raise self._timeout(self._begun, Counter())
        try:
            self._send(wire.frame(message))
        except TimeoutError:
            raise self._timeout(self._begun, Counter()) from None
        except OSError:
            raise self._ended() from None

    def _send(self, data: bytes) -> None:
        """TimeoutError if the cell does not take it. Mostly there is room for all of it."""
        try:
            sent = self._sock.send(data, socket.MSG_DONTWAIT)
        except BlockingIOError:
            sent = 0
        if sent < len(data):
            self._sock.settimeout(self._seconds * BUSY_FACTOR)
            self._sock.sendall(memoryview(data)[sent:])
            self._sock.settimeout(None)

    def turn(self, kind: Any) -> Any:
        """What the cell says next; CellTimeout, CellDied or Malformed if it does not."""
        start = time.monotonic()
        self._turns += 1
        if self._turns % CHECKED == 0:  # of one that speaks all the time nobody else asks
            self.overdue(start)
        try:
            body = self._wait(start)
        except OSError:
            body = None
        finally:
            self.count_wait(time.monotonic() - start)
        if body is None:
            raise self._ended()
        self._heard_bytes += len(body)
        return wire.decode(body, kind)

    def count_wait(self, wall: float) -> None:
        """Add to `waited` so many seconds on the clock, less those in which it queued."""
        if wall > LONG:
            queued, self._queued_before = self._queued_before, self._queued()
            wall -= min(self._queued_before - queued, wall * (1 - WALL_FACTOR / BUSY_FACTOR))
        self.waited += wall

    def overdue(self, since: float) -> None:
        """CellTimeout if a turn that started then has passed its limit."""
        wall = time.monotonic() - since
        late = wall >= self._seconds * WALL_FACTOR and self._waits(wall, self._seconds)
        if late or self._used_since(wall) >= self._seconds:
            seen: Counter[wire.Frame] = Counter()
            self._sample(seen)
            raise self._timeout(since, seen)

    def fileno(self) -> int:
        return self._sock.fileno()

    @property
    def heard(self) -> bool:
        """Whether something that it said has been read and not yet taken by a turn."""
        return bool(self._receiver.pending)

    @property
    def speaks(self) -> bool:
        """Whether something that it said, or its end, is there to be read."""
        return self.heard or bool(self._poll.poll(0))

    def end(self) -> None:
        """Add what the request used to what the cell has used."""
        if self._cpu_before is None:
            self.used += time.monotonic() - self._begun
        elif (now := self._cpu()) is not None:
            self.used += now - self._cpu_before

    def _unasked(self) -> None:
        """Bytes came before the request: an early answer, or the end of the cell."""
        try:
            if self._receiver.pending or self._receiver.feed():
                raise wire.Malformed("an answer that nobody asked for")
        except OSError:
            pass
        raise self._ended()

    def _ended(self) -> CellDied:
        """Its line is closed: it has ended, or closed its line to have us wait for it."""
        if self._host is None:
            return CellDied(wire.Exited(self.number, 0, 0, "", 0), None)
        # To one that is ending already this signal means nothing.
        self._host.kill(self.number)
        return CellDied(self._host.exited(self.number), self._last_line())

    def _wait(self, start: float) -> bytes | None:
        """The reply's bytes; None at the end of the stream; CellTimeout at the limit."""
        if (body := self._receiver.frame()) is not None:
            return body
        try:
            if not self._receiver.feed(socket.MSG_DONTWAIT):
                return None
        except BlockingIOError:
            pass
        seen: Counter[wire.Frame] = Counter()
        seconds = self._seconds
        pause = seconds / 2
        while (body := self._receiver.frame()) is None:
            arrived = self._poll.poll(pause * 1000)
            wall = time.monotonic() - start
            # Asked when something arrived as well: it may come a byte at a time.
            if wall >= seconds * WALL_FACTOR and self._waits(wall, seconds):
                raise self._timeout(start, seen)
            if arrived:
                if not self._receiver.feed():
                    return None
                continue
            if self._used_since(wall) >= seconds:
                raise self._timeout(start, seen)
            pause = seconds / 2 / SAMPLES
            self._sample(seen)
        return body

    def _waits(self, wall: float, seconds: float) -> bool:
        """Whether it is past its limit on the clock, and not for want of a processor."""
        idle = wall - (self._queued() - self._queued_before)
        return idle >= seconds * WALL_FACTOR or wall >= seconds * BUSY_FACTOR

    def _queued(self) -> float:
        """Seconds in its life in which the first process was ready and had no processor."""
        try:
            with open(f"/proc/{self._pid}/schedstat") as file:
                return int(file.read().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0

    def _used_since(self, wall: float) -> float:
        now = self._cpu()
        return wall if self._cpu_before is None or now is None else now - self._cpu_before

    def _timeout(self, start: float, seen: Counter[wire.Frame]) -> CellTimeout:
        wall = time.monotonic() - start
        used = None if self._cpu_before is None else self._used_since(wall)
        return CellTimeout(self._seconds, used, wall, seen.most_common())

    def _sample(self, seen: Counter[wire.Frame]) -> None:
        """Ask the cell's fault handler where it is; it answers on the trace pipe."""
        if self._pidfd < 0:
            return
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGUSR1)
        except OSError:
            return
        time.sleep(0.002)
        line = self._last_line()
        if line is not None:
            seen[line] += 1

    def _last_line(self) -> wire.Frame | None:
        """The innermost line of the student's files in what the trace pipe holds."""
        try:
            text = os.read(self._trace, 1 << 16)
        except OSError:
            return None
        for file, line, function in _TRACE.findall(text):
            name = file.decode(errors="replace")
            if not name.startswith(("/", "<")) and name != "driver.py":
                return wire.Frame(name, int(line), function.decode(errors="replace"))
        return None

    def _cpu(self) -> float | None:
        """CPU seconds of the cell's first process so far, by its process clock."""
        if self._pid <= 0:
            return None
        try:
            # The kernel's number for "CPU clock of process pid": (~pid << 3) | 2.
            return time.clock_gettime((~self._pid << 3) | 2)
        except (OSError, AttributeError):
            return None

    def close(self) -> None:
        """End the cell, and wait until the host says that it is gone."""
        try:
            if self._host is not None:
                self._host.kill(self.number)
                self._host.exited(self.number)
        finally:
            self.forget()

    @property
    def closed(self) -> bool:
        return self._sock.fileno() < 0

    def forget(self) -> None:
        """Close our descriptors of a cell that has ended."""
        self._sock.close()
        os.close(self._trace)
        if self._pidfd >= 0:
            os.close(self._pidfd)
