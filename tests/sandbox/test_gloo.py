"""Gloo worlds: the same verdicts from real processes, which share a loopback and nothing else.

No test decides by sleeping. "In seconds" means: not by the limit of CPU time or of waiting, which
is set so high here that a test which met it would fail.
"""

import os
import time

import msgspec
import numpy as np
import pytest
from harness import FEW_SECONDS, Ranks, descendants, is_running, line_of, wait_until

from aisys_cli.grader.student import StudentRaised
from aisys_cli.grader.world import World

SOURCE = """
import ctypes
import os
import signal
import time

import torch

ONE = torch.ones(1)
RUNS = []


def talk(comm):
    RUNS.append(1)
    p, r = comm.size, comm.rank
    x, y, got = torch.full((3,), float(r)), torch.zeros(3), []
    if p > 1:
        comm.sendrecv(x, (r + 1) % p, y, (r - 1) % p)
        got.append(y[0].item())
    comm.barrier()
    for q in range(1, p):
        if r == 0:
            comm.recv(y, q, tag=q)
            got.append(y[0].item())
            comm.isend(y, q).wait()
        elif r == q:
            comm.send(x, 0, tag=q)
            work = comm.irecv(y, 0)
            work.wait()
    comm.barrier()
    return got


def runs(comm):
    return [len(RUNS), os.getpid()]


def head_to_head(comm, n):
    comm.send(torch.ones(n), 1 - comm.rank)  # both
    comm.recv(torch.zeros(n), 1 - comm.rank)


def receive_first(comm):
    comm.recv(torch.zeros(1), (comm.rank + 1) % comm.size)  # all
    comm.send(ONE, (comm.rank - 1) % comm.size)


def after_a_while(comm):
    for _ in range(5):
        comm.sendrecv(ONE, (comm.rank + 1) % comm.size, torch.zeros(1), (comm.rank - 1) % comm.size)
    receive_first(comm)


def returns_early(comm):
    if comm.rank != 1:
        comm.recv(torch.zeros(1), 1)


def misses_the_barrier(comm):
    if comm.rank:
        comm.barrier()


def raises_while_others_wait(comm):
    if comm.rank == 1:
        raise KeyError("mine")  # of rank 1
    comm.recv(torch.zeros(1), 1)


def raises_what_is_called_stopped(comm):
    class Stopped(Exception):
        pass

    if comm.rank == 1:
        raise Stopped("mine")


def exits(comm):
    if comm.rank == 1:
        os._exit(3)
    comm.recv(torch.zeros(1), 1)


def exits_in_between(comm):
    comm.barrier()
    if comm.rank == 1:
        os._exit(3)
    comm.barrier()
    comm.barrier()


def segfaults(comm):
    if comm.rank == 1:
        ctypes.string_at(0)
    comm.barrier()


def kills_itself(comm):
    if comm.rank == 1:
        os.kill(os.getpid(), signal.SIGKILL)
        ctypes.string_at(0)
    comm.barrier()


def longer(comm):
    if comm.rank == 0:
        comm.send(torch.zeros(1000), 1)  # a thousand
    elif comm.rank == 1:
        comm.recv(torch.zeros(10), 0)  # ten


def shorter(comm):
    if comm.rank == 0:
        comm.send(torch.zeros(10), 1)
    elif comm.rank == 1:
        comm.recv(torch.zeros(1000), 0)


def other_dtype(comm):
    if comm.rank == 0:
        comm.send(torch.zeros(4), 1)
    elif comm.rank == 1:
        comm.recv(torch.zeros(4, dtype=torch.int32), 0)


def empty_for_a_byte(comm):
    if comm.rank == 0:
        comm.send(torch.zeros(0, dtype=torch.uint8), 1)
    elif comm.rank == 1:
        comm.recv(torch.zeros(1, dtype=torch.uint8), 0)


def never_received(comm):
    if comm.rank == 0:
        comm.isend(ONE, 1)  # to no avail


def never_sent(comm):
    if comm.rank == 1:
        comm.irecv(torch.zeros(4), 0)  # in vain


def from_anybody(comm):
    if comm.rank:
        comm.send(ONE * comm.rank, 0)
        return comm.rank
    y, got = torch.zeros(1), []
    for _ in range(comm.size - 1):
        source = comm.recv(y)
        got.append([source, y.item()])
    return sorted(got)


def empty_from_anybody(comm):
    if comm.rank == 1:
        comm.send(torch.zeros(2, 0), 0)
    elif comm.rank == 0:
        return comm.recv(torch.zeros(0))


def stuck_on_anybody(comm):
    if comm.rank == 0:
        comm.recv(torch.zeros(1))


def loops(comm):
    while comm.rank == 1:
        pass
    comm.barrier()


def sleeps(comm):
    if comm.rank == 1:
        time.sleep(1000)
    comm.barrier()


def swallows(comm):
    try:
        comm.recv(torch.zeros(1), (comm.rank + 1) % comm.size)
    except BaseException:
        return "I go on"


def one_exits_and_others_swallow(comm):
    if comm.rank == 1:
        os._exit(4)
    try:
        comm.recv(torch.zeros(1), 1)
    except BaseException:
        return "I go on"


def prints(comm):
    time.sleep(0.1 * (comm.size - comm.rank))
    print("I am", comm.rank)


def many(comm):
    y = torch.zeros(1)
    for n in range(2000):
        comm.sendrecv(ONE * n, 1 - comm.rank, y, 1 - comm.rank)
    return y.item()


def large(comm):
    x = torch.arange(1 << 18) + comm.rank
    y = torch.zeros_like(x)
    comm.sendrecv(x, 1 - comm.rank, y, 1 - comm.rank)
    return int(y[0]), int(y[-1])
"""
# A world of gloo processes that hangs until a limit would hang for a minute here.
PATIENT = msgspec.structs.replace(FEW_SECONDS, call_seconds=20.0, check_seconds=60.0)
SECONDS = 15.0
QUICK = msgspec.structs.replace(FEW_SECONDS, call_seconds=0.5)


@pytest.fixture(scope="module")
def submission(torch_host):
    made = Ranks(torch_host, SOURCE, limits=PATIENT)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def unharmed(submission):
    """However a run ended, the next one is right."""
    submission.student.begin_check()
    yield
    submission.student.begin_check()
    assert submission.values(World(2, gloo=True), "talk") == [[1.0, 1.0], [0.0]]


def fails(submission, world, name):
    start = time.monotonic()
    failure = submission.failure(world, name)
    assert time.monotonic() - start < SECONDS
    assert failure.evidence.world == str(world)
    return failure


def at(text):
    return line_of(SOURCE, text)


def gloo(size):
    return World(size, gloo=True)


# -- that it works ---------------------------------------------------------------------


@pytest.mark.parametrize("size", range(1, 9))
def test_one_to_eight_ranks(submission, size):
    values = submission.values(gloo(size), "talk")
    if size > 1:
        assert values[0] == [size - 1.0, *map(float, range(1, size))]
    assert values[1:] == [[float(r - 1)] for r in range(1, size)]


def test_a_world_stays_for_the_next_run(ranks):
    own = ranks(SOURCE)
    for _ in range(10):
        own.values(gloo(3), "talk")
    counts = own.values(gloo(3), "runs")
    assert [count for count, _ in counts] == [10, 10, 10]
    assert own.values(gloo(3), "runs") == counts


def test_worlds_of_several_sizes_live_side_by_side(ranks):
    own = ranks(SOURCE)
    for size in (2, 3, 2, 3, 1):
        own.values(gloo(size), "talk")
    own.values(World(2), "talk")
    assert [n for n, _ in own.values(gloo(2), "runs")] == [2, 2]
    assert [n for n, _ in own.values(gloo(3), "runs")] == [2, 2, 2]


def test_a_run_has_the_messages_that_the_ranks_reported(submission):
    run = submission.run(gloo(3), "talk")
    metered = submission.run(World(3, rendezvous=True), "talk")
    assert run.links == metered.links
    assert (run.sent, run.received) == (metered.sent, metered.received)


def test_many_messages_and_large_ones(submission):
    assert submission.values(gloo(2), "many") == [1999.0, 1999.0]
    end = (1 << 18) - 1
    assert submission.values(gloo(2), "large") == [[1, end + 1], [0, end]]


@pytest.mark.parametrize("size", [2, 3, 5])
def test_receives_from_any_rank_that_come_last(submission, size):
    """Nothing follows them in which the rank could say whose message it was."""
    values = submission.values(gloo(size), "from_anybody")
    assert values[0] == [[r, float(r)] for r in range(1, size)]


def test_an_empty_message_from_any_rank(submission):
    assert submission.values(gloo(3), "empty_from_anybody") == [1, None, None]


def test_what_the_ranks_print_is_in_their_order(submission):
    assert submission.run(gloo(3), "prints").output == (
        "rank 0: I am 0\nrank 1: I am 1\nrank 2: I am 2\n"
    )


# -- deadlocks -------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 1 << 22])
def test_sends_head_to_head_end_or_are_a_deadlock(submission, n):
    """Small ones are buffered by gloo today; nobody may count on it."""
    try:
        submission.values(gloo(2), "head_to_head", n)
    except StudentRaised as error:
        assert error.message == "deadlock: ranks 0 -> 1 -> 0 wait in a circle"
        assert {state.call for state in error.run.states} == {"send"}
        assert {state.line for state in error.run.states} == {at("# both")}


@pytest.mark.parametrize("size", [2, 3, 5])
def test_a_deadlock_is_found_in_seconds(submission, size):
    failure = fails(submission, gloo(size), "receive_first")
    assert failure.verdict == "deadlock"
    circle = " -> ".join(map(str, [*range(size), 0]))
    assert failure.message == f"deadlock: ranks {circle} wait in a circle"
    for rank, state in enumerate(failure.evidence.ranks):
        assert (state.rank, state.call, state.peers) == (rank, "recv", ((rank + 1) % size,))
        assert state.where.line == at("# all")
        assert (state.sent, state.received) == (0, 0)


def test_a_deadlock_after_messages_counts_them(submission):
    failure = fails(submission, gloo(3), "after_a_while")
    assert failure.verdict == "deadlock"
    assert [(one.sent, one.received) for one in failure.evidence.ranks] == [(5, 5)] * 3


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("returns_early", "deadlock: rank 1 returned while rank 0 still waits for it"),
        ("misses_the_barrier", "deadlock: rank 0 returned while rank 1 still waits for it"),
    ],
)
def test_one_that_returned_early_is_named(submission, name, text):
    failure = fails(submission, gloo(3), name)
    assert (failure.verdict, failure.message) == ("deadlock", text)


def test_a_receive_from_any_rank_when_nobody_is_left(submission):
    failure = fails(submission, gloo(3), "stuck_on_anybody")
    assert failure.verdict == "deadlock"
    assert failure.evidence.ranks[0].peers == (1, 2)


def test_to_swallow_the_end_does_not_help(submission):
    assert fails(submission, gloo(3), "swallows").verdict == "deadlock"
    failure = fails(submission, gloo(3), "one_exits_and_others_swallow")
    assert failure.verdict == "crash"
    assert failure.message.startswith("rank 1: the process ended with exit code 4")


# -- what a rank does wrong ------------------------------------------------------------


def test_one_that_raised_is_named(submission):
    failure = fails(submission, gloo(3), "raises_while_others_wait")
    assert (failure.verdict, failure.message) == ("error", "rank 1: KeyError: 'mine'")
    assert failure.evidence.where.line == at("# of rank 1")


def test_an_error_that_is_called_as_ours_is_the_students(submission):
    failure = fails(submission, gloo(2), "raises_what_is_called_stopped")
    assert (failure.verdict, failure.message) == ("error", "rank 1: Stopped: mine")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exits", "rank 1: the process ended with exit code 3 before it answered"),
        ("exits_in_between", "rank 1: the process ended with exit code 3 before it answered"),
        ("segfaults", "rank 1: the process died of SIGSEGV"),
        ("kills_itself", "rank 1: the process died of SIGSEGV"),  # process 1 is deaf to its own
    ],
)
def test_one_that_died_is_named(submission, name, said):
    failure = fails(submission, gloo(3), name)
    assert (failure.verdict, failure.message) == ("crash", said)


MISFITS = {
    "longer": ("float32 of shape (10,)", "float32 of shape (1000,)"),
    "shorter": ("float32 of shape (1000,)", "float32 of shape (10,)"),
    "other_dtype": ("int32 of shape (4,)", "float32 of shape (4,)"),
    "empty_for_a_byte": ("uint8 of shape (1,)", "uint8 of shape (0,)"),
}


@pytest.mark.parametrize("name", MISFITS)
def test_a_message_that_does_not_fit_is_named_with_both_ends(submission, name):
    wanted, sent = MISFITS[name]
    for _ in range(3):  # whoever notices first: gloo may abort a process over it
        failure = fails(submission, gloo(2), name)
        assert failure.verdict == "error"
        assert failure.message.startswith(f"rank 1 receives {wanted} in recv, line ")
        assert f"but what rank 0 sends it is {sent} in send, line " in failure.message


def test_what_is_left_over_is_named(submission):
    failure = fails(submission, gloo(2), "never_received")
    assert failure.verdict == "error"
    assert failure.evidence.where.line == at("# to no avail")
    failure = fails(submission, gloo(2), "never_sent")
    assert failure.verdict == "error"
    assert failure.evidence.where.line == at("# in vain")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("loops", "rank 1: no answer after 0.5 s of CPU time; the code was computing"),
        ("sleeps", "rank 1: no answer after 1.5 s; the code was waiting"),
    ],
)
def test_one_that_does_not_come_is_a_timeout_and_named(ranks, name, said):
    failure = fails(ranks(SOURCE, limits=QUICK), gloo(3), name)
    assert failure.verdict == "timeout"
    assert failure.message.startswith(said)


def test_sleeping_in_each_run_uses_up_the_check(ranks):
    source = "import time\ndef f(comm):\n    time.sleep(0.5 * (comm.rank == 1))\n    comm.barrier()"
    own = ranks(source, limits=msgspec.structs.replace(QUICK, check_seconds=0.4))
    own.values(gloo(2))
    own.student.begin_check()
    with pytest.raises(BaseException, match=r"check_seconds = 0\.4 was used up"):
        for _ in range(6):
            own.run(gloo(2))
    assert own.student.ended.verdict == "timeout"


# -- what stays ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["talk", "receive_first", "exits", "longer", "raises_while_others_wait", "loops"]
)
def test_no_process_and_no_descriptor_is_left(torch_host, name):
    before = descendants(torch_host._started.process.pid)
    open_before = set(os.listdir("/proc/self/fd"))
    own = Ranks(torch_host, SOURCE, limits=QUICK)
    own.values(gloo(3), "talk")
    inside = descendants(torch_host._started.process.pid) - before
    assert len(inside) >= 3
    if name != "talk":
        own.failure(gloo(3), name)
    own.close()
    assert not any(map(is_running, inside)) or wait_until(lambda: not any(map(is_running, inside)))
    assert wait_until(lambda: descendants(torch_host._started.process.pid) <= before)
    assert len(os.listdir("/proc/self/fd")) <= len(open_before)


def test_a_file_that_does_not_load_leaves_nothing(ranks):
    """The fixture looks for what is left; here are the descriptors."""
    before = len(os.listdir("/proc/self/fd"))
    for world in (gloo(4), World(4)):
        own = ranks("import torch\nraise ValueError('no')")
        failure = own.failure(world, "talk")
        assert failure.verdict == "error"
        assert failure.message == "importing the file failed: ValueError: no"
        own.close()
    assert len(os.listdir("/proc/self/fd")) <= before


def test_a_world_that_failed_is_replaced_and_others_stay(ranks):
    own = ranks(SOURCE)
    own.values(gloo(2), "talk")
    own.values(gloo(3), "talk")
    pids = own.values(gloo(3), "runs")
    assert own.failure(gloo(2), "receive_first").verdict == "deadlock"
    assert own.values(gloo(2), "runs")[0][0] == 0, "a fresh one"
    assert own.values(gloo(3), "runs") == pids


# -- what the ranks share --------------------------------------------------------------


FILES = '''
import os
import torch

PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/", "/aisys", "/dev")


def f(comm):
    """Rank 0 writes wherever it can; the others must not see any of it."""
    wrote = []
    if comm.rank == 0:
        for place in PLACES:
            try:
                with open(f"{place}/left-by-rank-0", "w") as file:
                    file.write("a message")
                wrote.append(place)
            except OSError:
                pass
    comm.barrier()
    seen = [place for place in PLACES if os.path.exists(f"{place}/left-by-rank-0")]
    comm.barrier()
    return [wrote, seen]
'''


@pytest.mark.parametrize("is_gloo", [False, True])
def test_ranks_share_no_files(ranks, is_gloo):
    first, *others = ranks(FILES).values(World(3, gloo=is_gloo))
    assert first[0] == ["/tmp"]
    assert first[1] == ["/tmp"]
    assert others == [[[], []], [[], []]]


SOCKETS = """
import ctypes
import os
import socket
import torch

libc = ctypes.CDLL(None, use_errno=True)


def attempts(port):
    inet = lambda kind: socket.socket(socket.AF_INET, kind)
    yield "tcp", lambda: inet(socket.SOCK_STREAM)
    yield "udp", lambda: inet(socket.SOCK_DGRAM)
    yield "unix", lambda: socket.socket(socket.AF_UNIX)
    yield "netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)
    yield "connect", lambda: socket.create_connection(("127.0.0.1", port), 1)
    yield "server", lambda: socket.create_server(("127.0.0.1", 0))
    yield "system call", lambda: check(libc.syscall(41, 2, 1, 0))
    for fd in range(3, 64):
        for number in (42, 43, 49, 50, 288):
            yield f"{number} of {fd}", lambda: check(libc.syscall(number, fd, 0, 0, 0), fd)


def check(result, fd=0):
    if result < 0:
        raise OSError(ctypes.get_errno(), "refused")


def f(comm):
    did, why = [], set()
    for name, act in attempts(29500):
        try:
            act()
            did.append(name)
        except OSError as error:
            why.add(error.errno)
    comm.barrier()
    return [did, sorted(why)]
"""


def test_a_rank_that_has_joined_makes_no_new_sockets(ranks):
    for did, why in ranks(SOCKETS).values(gloo(3)):
        assert did == []
        assert why == [1], "EPERM and nothing else: it is the filter that refuses"


def test_a_loopback_is_shared_by_the_ranks_of_one_world_only(ranks):
    """Two worlds at once use the same address, each in a namespace of its own."""
    one, two = ranks(SOURCE), ranks(SOURCE)
    for _ in range(2):
        assert one.values(gloo(2), "talk") == two.values(gloo(2), "talk")


def test_ranks_are_process_1_each_in_its_own_namespace(submission):
    assert [pid for _, pid in submission.values(gloo(3), "runs")] == [1, 1, 1]


def test_a_world_is_the_same_numbers_in_both_kinds(submission):
    for size in (2, 4):
        np.testing.assert_array_equal(
            submission.values(gloo(size), "talk")[0], submission.values(World(size), "talk")[0]
        )
