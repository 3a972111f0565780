"""The table of attacks.py: one `grade-all` of it and of honest submissions; none may get through.

Canaries stand outside: files, a secret in the environment, listeners that count, names
of processes. What is asked is not whether an attack has no points, but whether it did
anything: forged, read, hurt or reached.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import msgspec
import pytest
from attacks import ATTACKS, Attack, Seen
from harness import (
    REFERENCE,
    clean_environment,
    grade_with,
    processes_named,
    setup_of,
    wait_until,
)
from together import grade_together

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.bulk.pool import Pool
from aisys_cli.report.formats import FORMATS
from aisys_cli.report.records import Report, without_durations

SECRET = "canary-of-the-course"
TOLD = ("canary-in-a-file", "canary-of-a-neighbour", "canary-of-a-grade", SECRET)
HONEST = {
    "honest 1": REFERENCE,
    "honest 2": f"# {TOLD[1]}\n{REFERENCE.replace('return a + b', 'return b + a')}",
    "honest 3": REFERENCE.replace("return -a", "return a"),
}
BY_NAME = {attack.name: attack for attack in ATTACKS}
# What an attack names its processes and files; 15 characters are the most that prctl keeps.
MARKS = {attack.name: f"aisys-atk-{number:03}" for number, attack in enumerate(ATTACKS)}


class World:
    """The canaries, and what fills the words between @ in an attack's source."""

    def __init__(self, folder, course):
        self.folder = folder
        self.canary = folder / "canary.txt"
        self.canary.write_text(TOLD[0])
        neighbour = folder / "submissions" / "wang" / "small.py"
        neighbour.parent.mkdir(parents=True)
        neighbour.write_text(HONEST["honest 2"])
        gradebook = folder / "gradebook.db"
        with Gradebook(gradebook):
            pass
        with gradebook.open("ab") as file:
            file.write(TOLD[2].encode())
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.abstract = socket.socket(socket.AF_UNIX)
        self.abstract.bind(f"\0aisys-attacks-{os.getpid()}")
        self.named = socket.socket(socket.AF_UNIX)
        self.named.bind(str(folder / "socket"))
        for one in (self.abstract, self.named):
            one.listen()
        for one in self.listeners.values():
            one.settimeout(0)
        self.words = {
            "COURSE": course,
            "NEIGHBOUR": neighbour,
            "FOLDER": neighbour.parent.parent,
            "GRADEBOOK": gradebook,
            "CANARY": self.canary,
            "HOME": Path.home(),
            "SITE": Path(msgspec.__file__).parent.parent,
            "PID": os.getpid(),
            "PARENT": os.getppid(),
            "TCP": self.tcp.getsockname()[1],
            "UDP": self.udp.getsockname()[1],
            "ABSTRACT": self.abstract.getsockname()[1:].decode(),
            "NAMED": self.named.getsockname(),
        }

    @property
    def listeners(self):
        return {"tcp": self.tcp, "udp": self.udp, "abstract": self.abstract, "named": self.named}

    def source(self, attack):
        text = attack.source.replace("@NAME@", MARKS[attack.name])
        for word, value in self.words.items():
            text = text.replace(f"@{word}@", str(value))
        return text

    @property
    def reached(self):
        """The listeners that somebody talked to."""
        found = []
        for name, one in self.listeners.items():
            try:
                one.recv(10) if name == "udp" else one.accept()[0].close()
                found.append(name)
            except BlockingIOError:
                continue
        return found

    def close(self):
        for one in self.listeners.values():
            one.close()


@pytest.fixture(scope="session")
def world(tmp_path_factory, course):
    made = World(tmp_path_factory.mktemp("world"), course)
    yield made
    made.close()


@pytest.fixture(scope="session")
def reports(world, course):
    """Every attack and the honest, in one run."""
    sources = {name: world.source(attack) for name, attack in BY_NAME.items()}
    first, *others = HONEST
    # One of the honest comes before all attacks, the others after them.
    sources = {first: HONEST[first], **sources, **{name: HONEST[name] for name in others}}
    return grade_together(course, sources, secret=SECRET)


def got_through(attack: Attack, report: Report, world: World) -> str:
    """What the attack achieved; "" if it achieved nothing."""
    seen = Seen(report, world)
    told = [word for word in TOLD if word in seen.text]
    if report.verdict == "infra":
        bad = next(check for check in report.checks if check.verdict == "infra")
        return f"was not graded (infra): {bad.message}"
    if report.score > attack.deserves:
        return f"has {report.score} points and deserves {attack.deserves}"
    if told:
        return f"read {told}"
    if len(seen.text) > 100_000:
        return f"made a report of {len(seen.text)} bytes"
    if not attack.safe(seen):
        checks = [(c.id, c.verdict, c.message[:300], c.output[-800:]) for c in report.checks]
        return "\n".join(map(str, ["did not end as it should:", *checks]))
    return ""


# -- the table ---------------------------------------------------------------------------


def test_the_table_covers_every_group():
    assert Counter(attack.group for attack in ATTACKS).keys() == {
        "forging",
        "cheating",
        "reading",
        "hurting",
        "network",
    }
    assert len(BY_NAME) == len(ATTACKS) >= 80


@pytest.mark.parametrize("name", BY_NAME)
def test_an_attack_gets_nothing(reports, world, name):
    assert got_through(BY_NAME[name], reports[name], world) == ""


# -- afterwards ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_report_is_what_it_is_alone(reports, course, name):
    alone = grade_together(course, {name: HONEST[name]}, secret=SECRET)[name]
    together = msgspec.structs.replace(reports[name], submission=alone.submission)
    assert without_durations(together) == without_durations(alone)
    assert alone.score == (7 if name == "honest 3" else 10)


def test_no_process_of_an_attack_lives(reports):
    del reports
    assert wait_until(lambda: not any(map(processes_named, MARKS.values())), seconds=5.0)


def test_no_file_of_an_attack_is_left(reports):
    del reports
    for folder in ("/dev/shm", "/tmp", "/var/tmp", tempfile.gettempdir()):
        left = [n for n in os.listdir(folder) if n.startswith("aisys-atk-") or n == "own.so"]
        assert left == [], folder


def test_no_listener_was_reached(reports, world):
    del reports
    assert world.reached == []
    with socket.create_connection(("127.0.0.1", world.words["TCP"])):
        assert world.reached == ["tcp"]  # so that the first line says something


def test_the_canaries_are_as_they_were(reports, world):
    del reports
    assert world.canary.read_text() == TOLD[0]
    assert world.words["GRADEBOOK"].read_bytes().endswith(TOLD[2].encode())
    assert world.words["NEIGHBOUR"].read_text() == HONEST["honest 2"]


def test_the_reports_can_be_written_in_every_format(reports):
    for name, render in FORMATS.items():
        of_one = name in ("gradescope", "classroom50", "prairielearn")
        groups = [[one] for one in reports.values()] if of_one else [list(reports.values())]
        for group in groups:
            text = render(group)
            text.encode()
            assert not set(text) & {"\x1b", "\x07", "\0"}, name


def test_the_pool_of_all_tests_is_well(pool):
    assert grade_with(pool, REFERENCE).score == 10


FIRST = (
    "lists nested 330 deep",
    "the host's own reading of /proc",
    "a fault with 200,000 lines",
    "sys.exit(0) at import",
)


def test_those_who_come_first_do_no_harm_to_a_worker_that_is_cold(world, lab, pool):
    """A worker warms up with the first submissions, in its own process."""
    sources = {name: world.source(BY_NAME[name]) for name in FIRST}
    with Pool(lab, setup_of(lab)) as cold:
        graded = grade_with(cold, {**sources, "honest": REFERENCE})
    bad = {name: got_through(BY_NAME[name], graded[name], world) for name in FIRST}
    assert {name: what for name, what in bad.items() if what} == {}
    alone = grade_with(pool, {"honest": REFERENCE})["honest"]
    assert without_durations(graded["honest"]) == without_durations(alone)


def test_a_message_that_is_too_long_costs_a_worker_and_not_the_run(lab):
    with Pool(lab, setup_of(lab)) as pool:
        for worker in pool._workers:
            worker.receiver.limit = 100
        assert grade_with(pool, REFERENCE).passed  # by the worker that took its place


# -- as an ordinary user ---------------------------------------------------------------------


SETPRIV = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
# Where the interpreter lies behind a folder of root's alone: a mount namespace in which that
# folder holds nothing but the interpreter, for all to read. $1 is the folder, $2 the interpreter's.
OPEN_UP = """
set -e
kept=$(mktemp -d)
mount --bind "$2" "$kept"
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir -p "$2"
mount --move "$kept" "$2"
rmdir "$kept"
shift 2
exec "$@"
"""


def closed_folder(path):
    """The topmost folder above `path` that others may not enter, or None."""
    for folder in reversed(Path(path).parents):
        if not folder.stat().st_mode & 0o001:
            return folder
    return None


def as_an_ordinary_user():
    """The beginning of a command line that runs the rest as nobody; skips if there is none."""
    if os.getuid() != 0:
        pytest.skip("only root can become another user; the other tests ran as an ordinary one")
    if shutil.which("setpriv") is None:
        pytest.skip("no setpriv on this machine")
    command = SETPRIV
    closed = closed_folder(Path(sys.base_prefix, "lib"))
    if closed is not None and shutil.which("unshare"):
        open_up = ["sh", "-c", OPEN_UP, "sh", str(closed), sys.base_prefix]
        command = ["unshare", "--mount", "--propagation", "private", *open_up, *SETPRIV]
    tried = subprocess.run(
        [*command, sys.executable, "-c", "import aisys_cli.bulk.pool, numpy, hypothesis"],
        capture_output=True,
        text=True,
        check=False,
    )
    if tried.returncode:
        last = (tried.stderr.strip().splitlines() or ["no message"])[-1]
        pytest.skip(f"nobody cannot read the virtual environment {sys.prefix}: {last}")
    return command


# What depends on whose the cell is; a forged answer does not.
OF_A_USER = {name: one for name, one in BY_NAME.items() if one.group in ("reading", "network")}
OF_A_USER |= {
    name: one
    for name, one in BY_NAME.items()
    if one.group == "hurting" and not name.startswith(("a loop", "sys.exit", "os._exit", "sleeps"))
}


@pytest.fixture(scope="session")
def reports_of_a_user(world):
    command = as_an_ordinary_user()
    sources = {**HONEST, **{name: world.source(attack) for name, attack in OF_A_USER.items()}}
    done = subprocess.run(
        [*command, sys.executable, str(Path(__file__).with_name("together.py"))],
        input=msgspec.msgpack.encode(sources),
        env={**clean_environment(), "AISYS_COURSE_SECRET": SECRET, "TMPDIR": "/tmp"},
        cwd="/",
        capture_output=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return msgspec.msgpack.decode(done.stdout, type=dict[str, Report])


def test_an_ordinary_user_is_no_less_safe(reports_of_a_user, world):
    """Here a cell has the user's own id: what protects him is not that it is nobody."""
    bad = {
        name: got_through(attack, reports_of_a_user[name], world)
        for name, attack in OF_A_USER.items()
    }
    assert {name: what for name, what in bad.items() if what} == {}
    assert [reports_of_a_user[name].score for name in HONEST] == [10, 10, 7]
    assert wait_until(lambda: not any(map(processes_named, MARKS.values())), seconds=5.0)
    assert world.reached == []
