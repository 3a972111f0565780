"""The submission as a check sees it: `student.NAME(...)` asks the driver in the cell.

Theory of operation
-------------------
One Student serves one submission. It starts a cell on first use, loads the submission
into it, and starts another one after the cell was lost. Within a check it knows which
input is running, so that the calls of the smallest failing input can be kept. `of=` of a
call is the input as a student would write it, for when the call gives no answer.

`student.later.NAME(...)` gives a function that gives the answer. The first of them that is
called has all that were asked for until then sent together: less waiting on one another.
A batch that goes wrong is not judged: its calls are made again, one by one. So are those of
inputs that are to be smaller than one that failed: most end at their first wrong answer.

A wrong answer (Mismatch) and an exception in the student's code (StudentRaised) are
ordinary exceptions: Hypothesis shrinks them. What must not be tried again and again - a
timeout, a crash, a forbidden act - raises EndCheck, a BaseException, which passes
through Hypothesis and ends the check at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import msgspec

from aisys_cli.grader.cells import Cells
from aisys_cli.grader.compare import Mismatch, describe
from aisys_cli.grader.jobs import Job
from aisys_cli.grader.network import State
from aisys_cli.grader.world import (
    Fault,
    RankLost,
    Run,
    World,
    gloo_run,
    metered_run,
)
from aisys_cli.language import N_
from aisys_cli.report.records import Evidence, Place, RankState, Verdict, Whole, clean
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import Cell, CellDied, CellTimeout, Host
from aisys_cli.sandbox.limits import WALL_FACTOR, Limits

__all__ = [
    "Asked",
    "EndCheck",
    "EnoughInputs",
    "Failure",
    "Student",
    "StudentRaised",
    "rank_state",
]

# Inputs tried after the first failure, while looking for a smaller one. A count and not a
# time: the smallest input found must not depend on how fast the machine is.
SHRINK_INPUTS = 400
# Deadlocked runs of a submission after which its checks no longer look for a smaller input.
MAX_DEADLOCKS = 200
MAX_RAN = 32
# Of a value written into a file: characters, and elements of an array before it is summarized.
WHOLE_CHARACTERS, WHOLE_ELEMENTS = 200_000, 10_000


class Failure(msgspec.Struct, frozen=True):
    """How a check ended, other than by passing."""

    verdict: Verdict
    message: str
    evidence: Evidence | None = None
    limit: str = ""
    output: str = ""


class EndCheck(BaseException):
    """Ends a check at once, through Hypothesis. Student.ended says how it ended: on the
    way out Hypothesis may replace this by an error of its own."""


class EnoughInputs(BaseException):
    """Ends a check that was only to be warmed up."""


class StudentRaised(Exception):
    """The student's code raised, or returned what is not data, or its ranks wait for each
    other or misunderstand one another (`run`); Hypothesis may shrink it."""

    def __init__(self, message: str, fault: wire.Fault | None, run: Fault | None = None) -> None:
        super().__init__(message)
        self.message, self.fault, self.run = message, fault, run


class Asked(NamedTuple):
    """One call on the driver; `of` is its input as a student would write it. In a `world`
    the arguments are a list for each rank."""

    method: str
    args: tuple[Any, ...]
    of: object = None
    world: World | None = None


class Student:
    """See the module's text. Public methods are the engine's; any other name is a call."""

    def __init__(
        self,
        host: Callable[[], Host],
        limits: Limits,
        load: wire.Load,
        requests: frozenset[str],
        job: Job,
    ) -> None:
        self._limits = limits
        self._load = load
        self._requests = requests
        self._shrink_inputs = SHRINK_INPUTS if job.shrink else 0
        self._cells = Cells(host, limits, job.seed, self._import)
        self._deadlocks = 0
        self._one_by_one = False  # since a batch went wrong
        self._keep_whole = job.keep_calls
        self.keep_data = False  # in the messages of metered worlds, for pictures
        self.load_failure: Failure | None = None
        self.begin_check()

    # -- for the engine --------------------------------------------------------

    def prepare(self) -> None:
        """Have a cell started, if none is, without waiting for it."""
        if self.load_failure is None:
            self._cells.prepare()

    def begin_check(self, *, most_inputs: int | None = None) -> None:
        self._most_inputs = most_inputs
        self.ended: Failure | None = None
        self._check_start = self._cells.used
        self._check_clock = self._cells.waited
        self._inputs = 0
        self._first_failure = 0
        self._asked: list[Asked] = []
        self._later: list[Answer] = []
        self._output = ""
        self.whole: Whole | None = None  # of the failure, if it is to be kept
        self._last: tuple[Exception, list[Asked], str] | None = None

    def _end(self, failure: Failure) -> EndCheck:
        self.ended = failure
        return EndCheck(failure.message)

    def _now(self) -> None:
        """What is reported next is about the input that runs now, not an earlier failure."""
        self._last = None

    @property
    def inputs(self) -> int:
        """Inputs tried in this check."""
        return self._inputs

    @contextlib.contextmanager
    def one_input(self) -> Iterator[None]:
        """Around one run of the check's function."""
        self._inputs += 1
        if self._most_inputs is not None and self._inputs > self._most_inputs:
            raise EnoughInputs
        shrink = 0 if self._deadlocks > MAX_DEADLOCKS else self._shrink_inputs
        if self._first_failure and self._inputs > self._first_failure + shrink:
            assert self._last is not None
            raise self._end(self.failure(self._last[0]))
        self._asked, self._later = [], []
        self._output = ""
        try:
            yield
        except (Mismatch, StudentRaised) as error:
            self._first_failure = self._first_failure or self._inputs
            self._last = (error, self._asked, self._output)
            raise

    @property
    def last_error(self) -> Exception | None:
        """The latest wrong answer or exception of this check."""
        return self._last[0] if self._last else None

    @property
    def smallest_calls(self) -> list[Asked]:
        """The calls of the latest failing input: the smallest one, once shrinking ended."""
        return self._last[1] if self._last else self._asked

    def close(self) -> None:
        self._cells.close()

    # -- calls -----------------------------------------------------------------

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.known(name)

        def call(*args: Any, of: object = None) -> Any:
            return Answer(self, Asked(name, args, of))()

        return call

    @property
    def later(self) -> _Later:
        """Its functions are those of this object; each gives an Answer."""
        return _Later(self)

    def ask_later(self, asked: Asked) -> Answer:
        answer = Answer(self, asked)
        self._later.append(answer)
        return answer

    def answer(self, answer: Answer) -> Any:
        """The value of an answer: sends what is to be sent, if that has not been done."""
        self._asked.append(answer.asked)
        if answer in self._later:
            self._send_together()
        if answer.reply is None:
            method, args = answer.asked[:2]
            answer.reply = self._guarded(lambda cell, limit: cell.call(method, args, seconds=limit))
        return self._value(answer.reply)

    def _send_together(self) -> None:
        """Ask for all later answers at once; none of them has a reply if that went wrong."""
        answers, self._later = self._later, []
        if self._one_by_one or self._first_failure or len(answers) == 1:
            return
        cell, (limit, _) = self._ready_cell(), self._limit()
        used, waited = self._cells.used, self._cells.waited
        try:
            calls = [answer.asked[:2] for answer in answers]
            for answer, reply in zip(answers, cell.call_all(calls, seconds=limit), strict=True):
                answer.reply = reply
        except (CellTimeout, CellDied, wire.Malformed) as error:
            # One after another they have a limit each, and we know which one it was.
            self._one_by_one = True
            self._cells.lose(cell, gone=isinstance(error, CellDied))
            self._check_start += self._cells.used - used
            self._check_clock += self._cells.waited - waited

    def known(self, name: str) -> None:
        """AttributeError unless the lab's driver has a function of that name."""
        if name.startswith("_") or name not in self._requests:
            raise AttributeError(f"the lab's driver.py has no function {name}")

    def ask_ranks(self, asked: Asked) -> Run:
        """A check's call in a world."""
        self._asked.append(asked)
        return self.call_ranks(asked)

    def on(self, world: World) -> _OnWorld:
        """The submission in a world: `.NAME([args of rank 0, ...])` gives its Run."""
        return _OnWorld(self, world)

    def call_ranks(self, asked: Asked, *, trace: bool = False) -> Run:
        """Run a call in every rank; what goes wrong in one is said to be that rank's."""
        world = asked.world
        assert world is not None
        cells = self.cells_of(world)
        limit, name = self._limit()
        call = wire.Call(len(self._asked), asked.method, [], trace)
        try:
            if world.gloo:
                done = gloo_run(cells, world, call, asked.args, seconds=limit)
            else:
                keep = self.keep_data
                done = metered_run(cells, world, call, asked.args, seconds=limit, keep_data=keep)
        except RankLost as lost:
            raise self._end(self._rank_lost(world, lost, name)) from None
        except Fault as fault:
            if world.gloo:
                self._cells.lose_world(world)  # messages may be under way in it
            self._printed(fault.output)
            raise self._faulted(fault) from None
        except BaseException:  # our fault: nobody knows what these ranks wait for
            self._cells.lose_world(world)
            raise
        self._printed(done.output)
        return done

    def _faulted(self, fault: Fault) -> BaseException:
        self._deadlocks += fault.deadlock
        if fault.reply is None:
            return StudentRaised(clean(fault.text, limit=1000), None, fault)
        try:
            self._value(msgspec.structs.replace(fault.reply, output=""))
        except StudentRaised as error:
            return StudentRaised(f"rank {fault.rank}: {error.message}", error.fault, fault)
        except EndCheck as end:
            return end
        raise AssertionError(fault.reply)

    def _rank_lost(self, world: World, lost: RankLost, limit: str) -> Failure:
        self._now()
        if isinstance(lost.error, CellTimeout):
            failure = self._timed_out(lost.error, limit)
        elif isinstance(lost.error, CellDied):
            failure = self._died(lost.error)
        else:
            failure = self._nonsense(lost.error)
        failure = msgspec.structs.replace(failure, message=f"rank {lost.rank}: {failure.message}")
        dead = lost.rank if isinstance(lost.error, CellDied) else None
        self._cells.lose_world(world, dead=dead)
        return failure

    def _printed(self, output: str) -> None:
        if output:
            self._output = clean(self._output + output, limit=8000)

    def _value(self, reply: wire.Returned | wire.Raised | wire.Refused) -> Any:
        self._printed(reply.output)
        if isinstance(reply, wire.Returned):
            return reply.value
        if isinstance(reply, wire.Refused):
            message = N_(f"returned {clean(reply.message, limit=500)}, which is not plain data")
            raise StudentRaised(message, None)
        if reply.forbidden or reply.fault.type == "NotImplementedError":
            self._now()
        if reply.forbidden:
            raise self._end(self._raised("forbidden", reply.fault))
        if reply.fault.type == "NotImplementedError":
            raise self._end(self._raised("error", reply.fault))
        raise StudentRaised(_fault_text(reply.fault), reply.fault)

    def _guarded(self, ask: Callable[[Cell, float], Any]) -> Any:
        """One request under the tightest limit left; what goes wrong ends the check."""
        cell = self._ready_cell()
        limit, name = self._limit()
        try:
            return ask(cell, limit)
        except CellTimeout as timeout:
            self._now()
            self._cells.lose(cell)
            raise self._end(self._timed_out(timeout, name)) from None
        except CellDied as death:
            self._now()
            self._cells.lose(cell, gone=True)
            raise self._end(self._died(death)) from None
        except wire.Malformed as error:
            self._now()
            self._cells.lose(cell)
            raise self._end(self._nonsense(error)) from None

    def _limit(self) -> tuple[float, str]:
        """CPU seconds that the next request may take, and which limit says so."""
        limits, used = self._limits, self._cells.used
        left = (
            (limits.call_seconds, f"call_seconds = {limits.call_seconds:g}"),
            (
                limits.check_seconds - (used - self._check_start),
                f"check_seconds = {limits.check_seconds:g}",
            ),
            (
                limits.submission_seconds - used,
                f"submission_seconds = {limits.submission_seconds:g}",
            ),
        )
        # One that sleeps, or lets its children compute, uses no CPU that we count.
        waited = self._cells.waited
        if waited - self._check_clock > limits.check_seconds * WALL_FACTOR:
            left = (left[0], (0.0, left[1][1]), left[2])
        if waited > limits.submission_seconds * WALL_FACTOR:
            left = (*left[:2], (0.0, left[2][1]))
        seconds, name = min(left)
        if seconds <= 0:
            text = N_(f"the limit {name} was used up")
            raise self._end(Failure("timeout", text, limit=name))
        return seconds, name

    # -- cells -----------------------------------------------------------------

    def _ready_cell(self) -> Cell:
        if self.load_failure is not None:
            raise self._end(self.load_failure)
        return self._cells.single()

    def cells_of(self, world: World) -> list[Cell]:
        """The cells of a world's ranks, in which the submission is loaded."""
        if self.load_failure is not None:
            raise self._end(self.load_failure)
        return self._cells.of(world)

    def _import(self, cell: Cell) -> None:
        try:
            reply = self._guarded_load(cell)
        except EndCheck:
            self.load_failure = self.ended
            raise
        if reply.output:
            self._output = clean(reply.output, limit=8000)
        if isinstance(reply, wire.LoadFailed):
            verdict: Verdict = "forbidden" if reply.kind == "forbidden" else "error"
            failure = self._raised(verdict, reply.fault, doing=_IMPORTING[reply.kind])
            self.load_failure = failure
            self._cells.lose(cell)
            raise self._end(failure)

    def _guarded_load(self, cell: Cell) -> wire.Loaded | wire.LoadFailed:
        limit, name = self._limit()
        try:
            return cell.load(self._load, seconds=limit)
        except CellTimeout as timeout:
            self._cells.lose(cell)
            raise self._end(self._timed_out(timeout, name, doing=_IMPORT)) from None
        except CellDied as death:
            self._cells.lose(cell, gone=True)
            raise self._end(self._died(death, doing=_IMPORT)) from None
        except wire.Malformed as error:
            self._cells.lose(cell)
            raise self._end(self._nonsense(error, doing=_IMPORT)) from None

    # -- what happened, in words and data ---------------------------------------

    def failure(self, error: Exception) -> Failure:
        """The failure that a Mismatch or StudentRaised stands for."""
        if isinstance(error, Mismatch):
            return self._mismatch(error)
        assert isinstance(error, StudentRaised)
        if error.fault is None and error.run is not None:
            return self._misrun(error.message, error.run)
        if error.fault is None:
            return Failure("error", error.message, self._evidence(trace=True), output=self._output)
        rank = N_(f"rank {error.run.rank}") if error.run is not None else ""
        return self._raised("error", error.fault, rank=rank)

    def _misrun(self, message: str, run: Fault) -> Failure:
        """The ranks wait for each other, or sent what was not to be received."""
        states = tuple(map(rank_state, run.states))
        where = next((state.where for state in states if state.where is not None), None)
        if run.op is not None and run.op.line:
            where = _place(wire.Frame(run.op.file, run.op.line, run.op.function))
        evidence = msgspec.structs.replace(self._evidence(where=where), ranks=states)
        return Failure("deadlock" if run.deadlock else "error", message, evidence, "", self._output)

    def _mismatch(self, error: Mismatch) -> Failure:
        found = error.found
        got, expected = error.got, error.expected
        where, ran = self._ran()
        if self._keep_whole:
            self.whole = Whole(_whole(error.of), _whole(got), _whole(expected))
        evidence = Evidence(
            input=clean(error.of),
            got=clean(describe(got)),
            expected=clean(describe(expected)),
            difference=clean(N_(f"{describe(found.got)} instead of {describe(found.expected)}"))
            if found.index
            else "",
            index=found.index,
            tolerance=error.tolerance,
            oracle=error.oracle,
            tries=self._first_failure,
            where=where,
            ran=ran,
            world=self._world(),
        )
        return Failure("fail", found.why, evidence, output=self._output)

    def _world(self) -> str:
        return "".join(str(asked.world or "") for asked in self.smallest_calls[-1:])

    def _ran(self) -> tuple[Place | None, tuple[Place, ...]]:
        """Make the failing call once more: the most telling of the student's functions that
        ran, and all of them."""
        frames: list[wire.Frame] = []
        before = self.ended, self._last
        printed = self._output
        try:
            for asked in self.smallest_calls[-1:]:  # the one whose answer was wrong
                if asked.world is not None:
                    frames = self.call_ranks(asked, trace=True).ran[0]
                else:
                    frames = getattr(self._guarded(_traced(asked)), "ran", [])
        except (EndCheck, StudentRaised):
            self.ended, self._last = before  # only an illustration: what failed is reported
        self._output = printed
        return _most_telling(frames), tuple(map(_place, frames[:MAX_RAN]))

    def _evidence(self, *, where: Place | None = None, trace: bool = False) -> Evidence:
        shown = "".join(map(_as_text, self.smallest_calls[-1:]))
        if self._keep_whole:
            self.whole = Whole(_whole(shown))
        found, ran = self._ran() if trace else (None, ())
        return Evidence(
            input=clean(shown, limit=1000),
            tries=self._first_failure if self._last else self._inputs,
            where=where or found,
            ran=ran,
            world=self._world(),
        )

    def _raised(
        self, verdict: Verdict, fault: wire.Fault, *, doing: str = "", rank: str = ""
    ) -> Failure:
        where = _place(fault.frames[-1]) if fault.frames else None
        text = _fault_text(fault)
        in_driver = not fault.frames and not doing and verdict == "error"
        if in_driver and "'NoneType'" in fault.message:
            text = N_(f"{text}; your code returned None: is a return statement missing?")
        if fault.type == "NotImplementedError":
            text = N_("not written yet (raises NotImplementedError)")
        if fault.type == "MemoryError":
            text = N_(f"{text} (limit memory_mib = {self._limits.memory_mib})")
        message = f"{doing or rank}: {text}" if doing or rank else text
        trail = tuple(_place(frame) for frame in fault.frames)
        if doing:
            evidence = Evidence(where=where)
        else:
            evidence = self._evidence(where=where, trace=in_driver)
        evidence = msgspec.structs.replace(evidence, ran=trail)
        return Failure(verdict, message, evidence, output=self._output)

    def _timed_out(self, timeout: CellTimeout, limit: str, *, doing: str = "") -> Failure:
        # Words only of what is the same in every run: no measured time in the message.
        waited = timeout.cpu is not None and timeout.cpu < timeout.seconds
        if waited:
            text = N_(f"no answer after {WALL_FACTOR * timeout.seconds:g} s; the code was waiting")
        else:
            text = N_(f"no answer after {timeout.seconds:g} s of CPU time; the code was computing")
        where = None
        if timeout.seen:
            where = _place(timeout.seen[0][0])
            text = N_(f"{text}; last seen in {where.function}")
        evidence = Evidence(where=where) if doing else self._evidence(where=where)
        message = f"{doing}: {text}" if doing else text
        return Failure("timeout", message, evidence, limit=limit, output=self._output)

    def _nonsense(self, error: wire.Malformed, *, doing: str = "") -> Failure:
        text = N_(f"the answer was not a valid reply: {clean(str(error), limit=400)}")
        evidence = None if doing else self._evidence()
        return Failure("error", f"{doing}: {text}" if doing else text, evidence)

    def _died(self, death: CellDied, *, doing: str = "") -> Failure:
        exited = death.exited
        limit = ""
        if exited.reason:
            value = getattr(self._limits, _REASONS[exited.reason])
            limit = f"{_REASONS[exited.reason]} = {value}"
            text = N_(f"stopped: the submission used more {exited.reason} than the limit {limit}")
        elif exited.signal:
            text = N_(f"the process died of {_signal_name(exited.signal)}")
        else:
            text = N_(f"the process ended with exit code {exited.code} before it answered")
        where = _place(death.where) if death.where else None
        evidence = Evidence(where=where) if doing else self._evidence(where=where)
        message = f"{doing}: {text}" if doing else text
        return Failure("crash", message, evidence, limit=limit, output=self._output)


class Answer:
    """What a call will give. Calling it gives the value, or raises what is wrong."""

    def __init__(self, student: Student, asked: Asked) -> None:
        self._student = student
        self.asked = asked
        self.reply: wire.Returned | wire.Raised | wire.Refused | None = None

    def __call__(self) -> Any:
        return self._student.answer(self)


class _Later:
    """`student.later`: any name is a call of the driver that is made when it is wanted."""

    def __init__(self, student: Student) -> None:
        self._student = student

    def __getattr__(self, name: str) -> Callable[..., Answer]:
        self._student.known(name)
        return lambda *args, of=None: self._student.ask_later(Asked(name, args, of))


class _OnWorld:
    """`student.on(world)`: any name is a call of the driver in every rank."""

    def __init__(self, student: Student, world: World) -> None:
        self._student, self._world = student, world

    def __getattr__(self, name: str) -> Callable[..., Run]:
        self._student.known(name)

        def call(args: Sequence[Sequence[Any]], of: object = None) -> Run:
            asked = Asked(name, tuple(list(mine) for mine in args), of, self._world)
            return self._student.ask_ranks(asked)

        return call


def rank_state(state: State) -> RankState:
    where = None
    if state.line:
        where = _place(wire.Frame(state.file, state.line, state.function))
    peers = tuple(state.peers)
    call = clean(state.call, limit=40)
    return RankState(state.rank, call, peers, where, state.sent, state.received)


def _traced(asked: Asked) -> Callable[[Cell, float], Any]:
    return lambda cell, limit: cell.call(asked.method, asked.args, seconds=limit, trace=True)


_REASONS = {"memory": "memory_mib", "processes": "processes"}
_IMPORT = N_("importing the file")
_IMPORTING = {
    "syntax": N_("the file does not parse"),
    "raised": N_("importing the file failed"),
    "forbidden": N_("importing the file failed"),
}


def _signal_name(number: int) -> str:
    import signal

    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _fault_text(fault: wire.Fault) -> str:
    message = clean(fault.message, limit=1000)
    name = clean(fault.type, limit=200)
    return f"{name}: {message}" if message else name


def _place(frame: wire.Frame) -> Place:
    return Place(
        clean(frame.file, limit=200),
        frame.line,
        clean(frame.function, limit=200),
        clean(frame.text, limit=200),
    )


def _most_telling(ran: list[wire.Frame]) -> Place | None:
    """The student's function that a wrong answer most likely comes from: the last one that
    was called from outside of their files, and that does more than make an object."""
    working = [f for f in ran if f.function.rpartition(".")[2] not in ("__init__", "<lambda>")]
    last = max(working or ran, key=lambda frame: frame.called, default=None)
    return _place(last) if last else None


def _whole(value: Any) -> str:
    text = value if isinstance(value, str) else None
    if text is None:
        text = describe(value, limit=WHOLE_CHARACTERS, items=WHOLE_ELEMENTS)
    return clean(text, limit=WHOLE_CHARACTERS)


def _as_text(asked: Asked) -> str:
    if asked.of is not None:
        return str(asked.of() if callable(asked.of) else asked.of)
    return f"{asked.method}({', '.join(describe(value, limit=200) for value in asked.args)})"
