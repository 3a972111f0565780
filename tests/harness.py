"""What tests and fixtures share: the small course, jobs, cells, the command's environment."""

import os
import shutil
import time
from collections import Counter
from pathlib import Path

from aisys_cli.bulk.intake import Submission
from aisys_cli.bulk.run import job_for
from aisys_cli.grader.jobs import Job, Setup
from aisys_cli.grader.student import EndCheck, Student, StudentRaised
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import CellDied
from aisys_cli.sandbox.limits import Limits

DATA = Path(__file__).parent / "data"
REFERENCE = (DATA / "small-course/solutions/small/reference/small.py").read_text()


def copy_of_course(folder):
    ignored = shutil.ignore_patterns("__pycache__", ".ruff_cache")
    shutil.copytree(DATA / "small-course", folder, ignore=ignored)
    return folder


# -- grading -----------------------------------------------------------------


def setup_of(lab, *, isolation="bwrap", hidden=True, secret="", warm=True):
    root = str(lab.folder.parent.parent)
    return Setup(root, lab.id, isolation, hidden, secret, warm=warm)


def as_files(source, name):
    """{name: bytes} of a text, or of a dict of texts or bytes."""
    files = source if isinstance(source, dict) else {name: source}
    return {k: v.encode() if isinstance(v, str) else v for k, v in files.items()}


def jobs_of(sources, *, seed=1, **fields):
    for id, source in sources.items():
        job = job_for(Submission(id, as_files(source, "small.py"), f"digest-of-{id}"), seed=seed)
        for name, value in fields.items():
            setattr(job, name, value)
        yield job


def grade_with(pool, what, **options):
    """The Report on a source, or {id: Report} for {id: source}."""
    sources = what if isinstance(what, dict) else {"one": what}
    reports = {}
    for done in pool.grade(jobs_of(sources, **options)):
        assert done.report.submission not in reports, "graded twice"
        reports[done.report.submission] = done.report
    assert set(reports) == set(sources)
    return reports if isinstance(what, dict) else reports["one"]


def verdicts(report):
    return {check.id: check.verdict for check in report.checks}


def result(report, id):
    return next(check for check in report.checks if check.id == id)


# -- cells -------------------------------------------------------------------


QUICK = Limits(
    call_seconds=0.5,
    memory_mib=128,
    processes=24,
    tmp_mib=8,
    file_mib=4,
    open_files=64,
    reply_mib=1,
    output_kib=2,
)
# Calls the function of the submission that the test names.
DRIVER = b"""
def run(student, name, *args):
    return getattr(student, name)(*args)
"""
_numbers = Counter()


def fresh_numbers(count):
    """Numbers of cells that no other cell of this process has."""
    _numbers["cell"] += count
    return list(range(_numbers["cell"] - count + 1, _numbers["cell"] + 1))


class OneCell:
    """A cell for a submission; `ask("name", ...)` calls a function of it."""

    def __init__(self, host, source, *, limits=QUICK, driver=DRIVER, forbid=()):
        self.limits = limits
        self.cell = host.spawn(limits, numbers=fresh_numbers(1), seed=1)[0].cell()
        self._load = wire.Load(as_files(source, "s.py"), "s", driver, list(forbid))
        self._dead = self._closed = False

    def load(self, *, seconds=None):
        """The reply to the first request: import it."""
        return self._noting_death(
            lambda: self.cell.load(self._load, seconds=seconds or self.limits.call_seconds)
        )

    def ask(self, name, *args, seconds=None, trace=False):
        """The whole reply."""
        limit = seconds or self.limits.call_seconds
        return self._noting_death(
            lambda: self.cell.call("run", (name, *args), seconds=limit, trace=trace)
        )

    def value(self, name, *args, **options):
        reply = self.ask(name, *args, **options)
        assert isinstance(reply, wire.Returned), reply
        return reply.value

    def _noting_death(self, ask):
        try:
            return ask()
        except CellDied:
            self._dead = True
            raise

    def close(self):
        if self._closed:
            return
        self._closed = True
        if self._dead:
            self.cell.forget()
        else:
            self.cell.close()


# -- worlds --------------------------------------------------------------------


FEW_SECONDS = Limits(
    call_seconds=2.0,
    check_seconds=20.0,
    submission_seconds=60.0,
    memory_mib=384,
    processes=32,
    tmp_mib=8,
    reply_mib=2,
)
# Calls the function of the submission that the test names; tensors come back as arrays.
RANKS_DRIVER = b"""
import torch

def run(student, comm, name, *args):
    value = getattr(student, name)(comm, *args)
    return value.numpy() if type(value) is torch.Tensor else value
"""


class _Numbered:
    """A host for several students of one process; in a worker's fork there is one only."""

    def __init__(self, host):
        self._host = host

    def spawn(self, limits, *, numbers, **options):
        return self._host.spawn(limits, numbers=fresh_numbers(len(numbers)), **options)


class Ranks:
    """A submission in worlds: `run(world, "name", ...)` calls a function of it in every rank.

    One Student, as a check sees it, so its cells stay for the next run.
    """

    def __init__(self, host, source, *, limits=FEW_SECONDS):
        load = wire.Load(as_files(source, "s.py"), "s", RANKS_DRIVER, [])
        job = Job("one", "digest", {}, 1)
        numbered = _Numbered(host)
        self.student = Student(lambda: numbered, limits, load, frozenset({"run"}), job)

    def run(self, world, name="f", *args, each=None):
        """The Run; `each` gives every rank arguments of its own."""
        asked = [[name, *args, *(each[rank] if each else ())] for rank in range(world.size)]
        return self.student.on(world).run(asked, of=f"{name}(comm)")

    def values(self, world, *args, **options):
        return self.run(world, *args, **options).values

    def failure(self, world, *args, **options):
        """The Failure that a run of one input ends with, as it goes into a report."""
        self.student.begin_check()
        try:
            with self.student.one_input():
                got = self.run(world, *args, **options).values
        except EndCheck:
            return self.student.ended
        except StudentRaised as error:
            return self.student.failure(error)
        raise AssertionError(f"it ended well, with {got!r:.1000}")

    def close(self):
        self.student.close()


def line_of(source, text):
    """The number of the only line of a source in which the text stands."""
    (found,) = [n for n, line in enumerate(source.splitlines(), 1) if text in line]
    return found


# -- the command ---------------------------------------------------------------


def clean_environment(**extra):
    """Ours, without what would change what the command says."""
    dropped = ("AISYS_", "LC_", "LANG", "NO_COLOR", "FORCE_COLOR", "PYTHONIOENCODING")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(dropped)}
    return {**kept, "LANG": "C.UTF-8", "COLUMNS": "80", **extra}


# -- processes, seen from outside ------------------------------------------------


def processes_named(name):
    """Pids of the processes of that name (as prctl sets it), in every namespace below ours."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "comm").read_text().strip() == name:
                found.append(int(entry.name))
        except OSError:
            continue  # it has ended meanwhile
    return found


def _living_children():
    """{pid: its living children}, of the whole machine."""
    children = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if fields[0] != b"Z":
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    return children


def children(pid):
    return _living_children().get(pid, [])


def descendants(pid):
    """Every living process below `pid`."""
    all_children = _living_children()
    found, queue = set(), [pid]
    while queue:
        below = all_children.get(queue.pop(), [])
        found.update(below)
        queue += below
    return found


def is_running(pid):
    """Whether it lives; a zombie that its new parent has not collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


def wait_until(true, *, seconds=20.0):
    """Whether it became true in time; the limit is generous, for a busy machine."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
