"""The fixtures: a small course on disk, a warm worker for it, a warm host, the command.

Session-scoped, because starting a worker takes longer than most tests; each of them is
meant to survive whatever a test does with it, which is half of what is tested.
"""

import subprocess
import sys

import pytest
from harness import (
    OneCell,
    Ranks,
    clean_environment,
    copy_of_course,
    descendants,
    grade_with,
    setup_of,
    wait_until,
)

from aisys_cli.bulk.pool import Pool
from aisys_cli.course.load import load_lab
from aisys_cli.sandbox import wire
from aisys_cli.sandbox.client import Host
from aisys_cli.sandbox.profile import profile


@pytest.fixture(scope="session")
def course(tmp_path_factory):
    """The small course, to be read only: `own_course` is for tests that change it."""
    return copy_of_course(tmp_path_factory.mktemp("course") / "small-course")


@pytest.fixture
def own_course(tmp_path):
    return copy_of_course(tmp_path / "own-course")


@pytest.fixture(scope="session")
def lab(course):
    return load_lab(course, "small")


@pytest.fixture(scope="session")
def pool(lab):
    """One worker, every check of the small lab, in the sandbox."""
    with Pool(lab, setup_of(lab)) as started:
        yield started


@pytest.fixture(scope="session")
def grade(pool):
    """grade(source) -> its Report; grade({id: source}) -> {id: Report}."""
    return lambda what, **options: grade_with(pool, what, **options)


@pytest.fixture(scope="session")
def host():
    started = Host(profile("numpy"), isolation="bwrap")
    started.wait_ready()
    yield started
    started.close()


@pytest.fixture
def open_cell(host):
    """open_cell(source) -> OneCell, not loaded yet; closed when the test ends."""
    opened = []

    def start(source, *, at=host, **options):
        opened.append(OneCell(at, source, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


@pytest.fixture
def in_cell(open_cell):
    """in_cell(source) -> OneCell that has loaded it."""

    def load(source, **options):
        one = open_cell(source, **options)
        reply = one.load()
        assert isinstance(reply, wire.Loaded), reply
        return one

    return load


@pytest.fixture(scope="session")
def torch_host():
    started = Host(profile("torch"), isolation="bwrap")
    started.wait_ready()
    yield started
    started.close()


@pytest.fixture
def ranks(torch_host):
    """ranks(source) -> Ranks; closed when the test ends, after which nothing of it may live."""
    root = torch_host._started.process.pid
    before = descendants(root)
    opened = []

    def start(source, **options):
        opened.append(Ranks(torch_host, source, **options))
        return opened[-1]

    yield start
    for one in opened:
        one.close()
    assert wait_until(lambda: descendants(root) <= before)


@pytest.fixture
def aisys(course, tmp_path):
    """aisys("lab", "list") -> the finished process of the real command, run in tmp_path."""

    def run(*words, cwd=tmp_path, env=None, at=course, encoding="utf-8", timeout=120):
        command = [sys.executable, "-m", "aisys_cli"]
        command += ["--course", str(at)] if at else []
        return subprocess.run(
            [*command, *map(str, words)],
            cwd=cwd,
            env=clean_environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding=encoding,
            timeout=timeout,
            check=False,
        )

    return run
