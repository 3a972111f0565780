"""The table of ranks.py: none of it may forge, read, hurt or reach, or cost the grader much.

What is ours is asked of ourselves: the grader's own CPU time and memory, our processes, whether
an exception that is not the student's came out, and whether others can work afterwards.
"""

import resource
import time

import msgspec
import pytest
from harness import FEW_SECONDS, Ranks, descendants, wait_until
from ranks import ATTACKS, HONEST, RIGHT, Seen

from aisys_cli.grader.student import EndCheck, StudentRaised
from aisys_cli.grader.world import World

LIMITS = msgspec.structs.replace(FEW_SECONDS, call_seconds=0.5, check_seconds=30.0)
BY_NAME = {attack.name: attack for attack in ATTACKS}
CPU_SECONDS = 6.0  # of the grader, for one attack
MEMORY_MIB = 400
# Of an honest submission, beside the attacker on the same host.
NEIGHBOUR = "import threading\n" + HONEST


@pytest.fixture(scope="module")
def neighbour(torch_host):
    own = Ranks(torch_host, NEIGHBOUR)
    yield own
    own.close()


def one_run(own, world, name):
    """(failure or None, values); whatever is neither an end nor the student's error is raised."""
    own.student.begin_check()
    try:
        with own.student.one_input():
            return None, own.run(world, name).values
    except EndCheck:
        return own.student.ended, []
    except StudentRaised as error:
        return own.student.failure(error), []


def peak_mib():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10


@pytest.mark.parametrize("name", BY_NAME)
def test_a_hostile_rank_gets_nothing(torch_host, neighbour, name):
    attack = BY_NAME[name]
    host_pid = torch_host._started.process.pid
    world = World(3, gloo=attack.gloo)
    neighbour.student.begin_check()
    assert neighbour.values(world, "honest") == [2.0, 0.0, 1.0]
    before = descendants(host_pid)
    memory, cpu = peak_mib(), time.process_time()
    own = Ranks(torch_host, attack.source, limits=msgspec.structs.replace(LIMITS, **attack.limits))
    try:
        failure, values = one_run(own, world, "f")
        again, _ = one_run(own, world, "honest")
    finally:
        own.close()
    used = time.process_time() - cpu
    seen = Seen(failure, values, again)
    said = [failure and (failure.verdict, failure.message[:500]), values, again]
    assert attack.safe(seen), said
    if values:
        assert [one[1:] for one in values if one[0] is None] == [RIGHT[0], RIGHT[2]], said
    assert len(seen.text) < 100_000
    assert used < CPU_SECONDS, f"cost the grader {used:.1f} s of CPU time"
    assert peak_mib() - memory < MEMORY_MIB, "cost the grader memory"
    assert wait_until(lambda: descendants(host_pid) <= before)
    neighbour.student.begin_check()
    assert neighbour.values(world, "honest") == [2.0, 0.0, 1.0]


def test_the_table_is_of_both_worlds_and_each_name_is_its_own():
    assert len(BY_NAME) == len(ATTACKS) >= 60
    assert sum(attack.gloo for attack in ATTACKS) >= 25
