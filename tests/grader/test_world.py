"""Metered worlds end to end: real ranks over the grader's network; how each run ends, and why."""

import itertools

import msgspec
import numpy as np
import pytest
from harness import FEW_SECONDS, RANKS_DRIVER, Ranks, fresh_numbers, line_of
from hypothesis import given, settings

from aisys_cli.grader.world import Fault, RankLost, World, metered_run, worlds
from aisys_cli.sandbox import wire

SOURCE = '''
import ctypes
import os
import time

import torch
import torch.distributed as dist

ONE = torch.ones(1)
RUNS = []


def talk(comm):
    """Something of everything that a run can have."""
    RUNS.append(1)
    p, r = comm.size, comm.rank
    got, y = [], torch.zeros(2)
    if p > 1:
        comm.sendrecv(torch.full((2,), float(r)), (r + 1) % p, y, (r - 1) % p)
    got.append(y[0].item())
    if r == 0:
        for _ in range(p - 1):
            got.append(comm.recv(y))
        works = [comm.isend(torch.arange(q), q, tag=1) for q in range(1, p)]
        for work in works:
            work.wait()
    else:
        comm.send(y, 0)
        n = torch.zeros(r, dtype=torch.int64)
        comm.recv(n, 0, tag=1)
        got.append(int(n.sum()))
    comm.barrier()
    return got


def gather(comm):
    y = torch.zeros(1)
    if comm.rank:
        comm.send(ONE * comm.rank, 0)
    else:
        return [comm.recv(y) for _ in range(comm.size - 1)]


def ring(comm, rounds):
    p, r = comm.size, comm.rank
    for _ in range(rounds):
        comm.sendrecv(ONE, (r + 1) % p, torch.empty(1), (r - 1) % p)


def ring_of_sends_first(comm):
    p, r = comm.size, comm.rank
    y = torch.zeros(1)
    comm.send(ONE * r, (r + 1) % p)
    comm.recv(y, (r - 1) % p)
    return y.item()


def head_to_head(comm):
    y = torch.zeros(1)
    comm.send(ONE * comm.rank, 1 - comm.rank)  # both
    comm.recv(y, 1 - comm.rank)
    return y.item()


def receive_first(comm):
    y = torch.zeros(1)
    comm.recv(y, (comm.rank + 1) % comm.size)  # all
    comm.send(ONE, (comm.rank - 1) % comm.size)


def some_in_a_circle(comm):
    """Rank 0 waits for a circle of 1, 2 and 3, and rank 4 has returned."""
    y = torch.zeros(1)
    if comm.rank == 0:
        comm.barrier()
    elif comm.rank < 4:
        comm.recv(y, 1 + comm.rank % 3)


def returns_early(comm):
    if comm.rank == 1:
        return "early"
    comm.recv(torch.zeros(1), 1)  # of nobody


def misses_the_barrier(comm):
    if comm.rank:
        comm.barrier()


def waits_for_anybody(comm):
    if comm.rank == 0:
        comm.recv(torch.zeros(1))


def other_tag(comm):
    if comm.rank == 0:
        comm.send(ONE, 1, tag=1)
    elif comm.rank == 1:
        comm.recv(torch.zeros(1), 0, tag=2)


def raises_while_others_wait(comm):
    if comm.rank == 2:
        raise KeyError("mine")  # of rank 2
    comm.recv(torch.zeros(1), 2)


def raises_last(comm):
    comm.barrier()
    if comm.rank == comm.size - 1:
        raise ValueError("after the barrier")
    comm.barrier()


def wrong_dtype(comm):
    if comm.rank == 0:
        comm.send(torch.zeros(3), 1)  # of float32
    elif comm.rank == 1:
        comm.recv(torch.zeros(3, dtype=torch.int64), 0)  # of int64


def wrong_number(comm):
    if comm.rank == 0:
        comm.sendrecv(torch.zeros(2, 3), 1, torch.zeros(0), 1)  # sent
    elif comm.rank == 1:
        work = comm.irecv(torch.zeros(7), 0)  # wanted
        comm.send(torch.zeros(0), 0)
        work.wait()


def never_received(comm):
    if comm.rank == 0:
        comm.isend(torch.zeros(2, 2), 1)  # to no avail


def never_received_but_buffered(comm):
    if comm.rank == 0:
        comm.send(torch.zeros(2, 2), 1)  # into the void


def never_sent(comm):
    if comm.rank == 1:
        comm.irecv(torch.zeros(4), 0)  # in vain


def never_sent_by_anybody(comm):
    if comm.rank == 1:
        comm.irecv(torch.zeros(4))  # from whom?


def loops(comm):
    while comm.rank == 1:
        pass
    comm.barrier()


def sleeps(comm):
    if comm.rank == 1:
        time.sleep(1000)
    comm.barrier()


def loops_after_the_others(comm):
    comm.barrier()
    while comm.rank == 1:
        pass


def exits(comm):
    comm.barrier()
    if comm.rank == 1:
        os._exit(3)
    comm.barrier()


def segfaults(comm):
    if comm.rank == 1:
        ctypes.string_at(0)
    comm.barrier()


def two_exit(comm):
    if comm.rank > 0:
        os._exit(comm.rank)
    comm.barrier()


def fills_the_memory(comm):
    kept = []
    while comm.rank == 1:
        kept.append(torch.ones(1 << 20))
    comm.barrier()


def chatters(comm):
    for _ in range(30_000):
        comm.isend(ONE, 1 - comm.rank).wait()


def unwritten(comm):
    raise NotImplementedError


def returns_a_function(comm):
    return (lambda: 1) if comm.rank == 1 else 1


def prints(comm):
    if comm.rank != 1:
        print("I am", comm.rank)
    return comm.rank


def swallows_once(comm):
    try:
        comm.recv(torch.zeros(1), (comm.rank + 1) % comm.size)
    except BaseException:
        return "I go on"


def swallows_and_raises(comm):
    try:
        comm.recv(torch.zeros(1), (comm.rank + 1) % comm.size)
    except BaseException:
        raise ValueError("another one")


def swallows_and_talks(comm):
    y = torch.zeros(1)
    for _ in range(50):
        try:
            comm.recv(y, (comm.rank + 1) % comm.size)
        except BaseException:
            try:
                comm.isend(y, (comm.rank + 1) % comm.size)
                comm.barrier()
            except BaseException:
                pass
    return "I go on"


def swallows_for_ever(comm):
    while True:
        try:
            comm.recv(torch.zeros(1), (comm.rank + 1) % comm.size)
        except BaseException:
            if comm.rank:
                raise


def swallows_a_raise(comm):
    """The error of rank 0 must not be that of rank 1, which was only told to stop."""
    try:
        comm.barrier()
    except BaseException:
        raise ValueError("told to stop")


def one_raises_and_others_swallow(comm):
    if comm.rank == 1:
        raise KeyError("mine")
    try:
        comm.barrier()
    except BaseException:
        raise ValueError("told to stop")
'''
QUICK = msgspec.structs.replace(FEW_SECONDS, call_seconds=0.5)


@pytest.fixture(scope="module")
def submission(torch_host):
    made = Ranks(torch_host, SOURCE)
    yield made
    made.close()


@pytest.fixture
def quick(torch_host):
    """The same with half a second for each run."""
    made = Ranks(torch_host, SOURCE, limits=QUICK)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def unharmed(submission):
    """However a run ended, the next one is right."""
    submission.student.begin_check()
    yield
    submission.student.begin_check()
    assert submission.values(World(3), "talk") == [[2.0, 1, 2], [0.0, 0], [1.0, 1]]


def line(text):
    return line_of(SOURCE, text)


def trace(run):
    return msgspec.json.encode([run.messages, run.steps, run.values])


def facts(state):
    at = state.where.line if state.where else 0
    return state.rank, state.call, state.peers, at, state.sent, state.received


def fails(submission, world, name, *args):
    failure = submission.failure(world, name, *args)
    assert failure.evidence.world == str(world)
    assert failure.evidence.input == f"{name}(comm)"
    return failure


# -- the world ------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, -1, 17, 1 << 40])
def test_a_world_has_1_to_16_ranks(size):
    with pytest.raises(ValueError, match="there are 1 to 16"):
        World(size)


@pytest.mark.parametrize(
    ("world", "text"),
    [
        (World(3), "p = 3, buffered sends"),
        (World(1, rendezvous=True, order=(0, 0)), "p = 1, rendezvous sends"),
        (
            World(4, order=(2, 0, 1)),
            "p = 4, buffered sends, messages to any-source receives in order [2, 0, 1]",
        ),
        (World(8, gloo=True), "p = 8 processes over gloo"),
    ],
)
def test_a_world_says_what_it_is(world, text):
    assert str(world) == text


@settings(max_examples=50, deadline=None)
@given(worlds([2, 5]))
def test_drawn_worlds_are_metered_and_of_the_sizes_asked_for(world):
    assert world.size in (2, 5)
    assert not world.gloo
    assert len(world.order) <= 6


def test_sixteen_ranks(submission):
    values = submission.values(World(16), "talk")
    assert values[0] == [15.0, *range(1, 16)]
    assert values[15] == [14.0, sum(range(15))]


# -- the trace -------------------------------------------------------------------------


ORDERED = World(5, rendezvous=True, order=(3, 1, 2, 5))


@pytest.mark.parametrize("world", [World(5), ORDERED, World(1), World(2, rendezvous=True)], ids=str)
def test_the_same_world_gives_the_same_trace_byte_for_byte(submission, torch_host, world):
    first = trace(submission.run(world, "talk"))
    assert trace(submission.run(world, "talk")) == first
    fresh = Ranks(torch_host, SOURCE)
    assert trace(fresh.run(world, "talk")) == first
    fresh.close()


def test_ranks_that_are_slow_in_turn_change_nothing(torch_host):
    source = f"import time\n{SOURCE}".replace(
        "    RUNS.append(1)\n", "    time.sleep(0.02 * ((comm.rank * 7 + len(RUNS)) % 5))\n" * 2
    )
    slow, fast = Ranks(torch_host, source), Ranks(torch_host, SOURCE)
    for world in (World(4), World(4, order=(2, 1))):
        got, right = slow.run(world, "talk"), fast.run(world, "talk")
        assert got.values == right.values
        assert [(m.src, m.dst, m.sent, m.arrived) for m in got.messages] == [
            (m.src, m.dst, m.sent, m.arrived) for m in right.messages
        ]
    slow.close()
    fast.close()


@pytest.mark.parametrize("rendezvous", [False, True])
def test_messages_elements_and_bytes_are_counted_for_each_link_and_rank(submission, rendezvous):
    run = submission.run(World(4, rendezvous=rendezvous), "talk")
    ring = {(r, (r + 1) % 4): (1, 2, 8) for r in range(4)}
    to_root = {(r, 0): (1, 2, 8) for r in range(1, 4)}
    from_root = {(0, r): (1, r, 8 * r) for r in range(1, 4)}
    links = {}
    for part in (ring, to_root, from_root):
        for link, traffic in part.items():
            before = links.get(link, (0, 0, 0))
            links[link] = tuple(a + b for a, b in zip(before, traffic, strict=True))
    assert run.links == links
    for r in range(4):
        out = [t for (src, _), t in links.items() if src == r]
        into = [t for (_, dst), t in links.items() if dst == r]
        assert run.sent[r] == tuple(map(sum, zip(*out, strict=True)))
        assert run.received[r] == tuple(map(sum, zip(*into, strict=True)))
    assert len(run.messages) == 4 + 3 + 3
    assert [m.arrived for m in run.messages] == sorted(m.arrived for m in run.messages)
    assert run.steps == run.messages[-1].arrived


def test_a_message_says_what_it_was_and_where_it_was_sent_and_received(submission):
    run = submission.run(World(2), "talk")
    (ints,) = [m for m in run.messages if m.tag == 1]
    assert (ints.src, ints.dst, ints.dtype, ints.shape, ints.elements) == (0, 1, "int64", [1], 1)
    assert (ints.send_call, ints.recv_call) == ("isend", "recv")
    assert (ints.send_file, ints.recv_file) == ("s.py", "s.py")
    assert ints.send_line == line("works = [comm.isend(torch.arange(q)")
    assert ints.recv_line == line("comm.recv(n, 0, tag=1)")


def test_a_run_without_messages(submission):
    run = submission.run(World(4), "prints")
    assert run.values == [0, 1, 2, 3]
    assert (run.messages, run.steps, run.links) == ([], 0, {})
    assert run.sent == run.received == [(0, 0, 0)] * 4
    assert run.output == "rank 0: I am 0\nrank 2: I am 2\nrank 3: I am 3\n"


def test_steps_of_a_ring_end_to_end(submission):
    for rendezvous in (False, True):
        assert submission.run(World(5, rendezvous=rendezvous), "ring", 8).steps == 8


def test_each_rank_gets_its_own_arguments(submission, torch_host):
    source = "def f(comm, common, own):\n    return [comm.rank, common, own]"
    own = Ranks(torch_host, source)
    each = [(np.full(2, float(r)),) for r in range(3)]
    for rank, value in enumerate(own.run(World(3), "f", "all", each=each).values):
        assert value[:2] == [rank, "all"]
        np.testing.assert_array_equal(value[2], [rank, rank])
    own.close()


# -- modes and orders ------------------------------------------------------------------


def test_head_to_head_passes_buffered_and_deadlocks_in_rendezvous(submission):
    assert submission.values(World(2), "head_to_head") == [1.0, 0.0]
    failure = fails(submission, World(2, rendezvous=True), "head_to_head")
    assert failure.verdict == "deadlock"
    assert failure.message == "deadlock: ranks 0 -> 1 -> 0 wait in a circle"
    at = line("# both")
    assert list(map(facts, failure.evidence.ranks)) == [
        (0, "send", (1,), at, 0, 0),
        (1, "send", (0,), at, 0, 0),
    ]
    assert (failure.evidence.where.line, failure.evidence.where.function) == (at, "head_to_head")


@pytest.mark.parametrize("size", [3, 8])
def test_a_ring_of_sends_first(submission, size):
    values = submission.values(World(size), "ring_of_sends_first")
    assert values == [float((r - 1) % size) for r in range(size)]
    failure = fails(submission, World(size, rendezvous=True), "ring_of_sends_first")
    circle = " -> ".join(map(str, [*range(size), 0]))
    assert failure.message == f"deadlock: ranks {circle} wait in a circle"
    assert [state.peers for state in failure.evidence.ranks] == [
        ((r + 1) % size,) for r in range(size)
    ]


@pytest.mark.parametrize("rendezvous", [False, True])
def test_every_order_of_arrival_is_reached_by_an_order_and_none_is_the_plainest(
    submission, rendezvous
):
    orders = itertools.product(range(3), range(2))
    found = {
        tuple(submission.values(World(4, rendezvous=rendezvous, order=order), "gather")[0])
        for order in orders
    }
    assert found == set(itertools.permutations((1, 2, 3)))
    assert submission.values(World(4, rendezvous=rendezvous), "gather")[0] == [1, 2, 3]


def test_an_order_goes_around_and_what_it_does_not_list_is_the_first(submission):
    assert submission.values(World(4, order=(5,)), "gather")[0] == [3, 1, 2]
    assert submission.values(World(4, order=(0, 0, 9, 9)), "gather")[0] == [1, 2, 3]


# -- deadlocks -------------------------------------------------------------------------


@pytest.mark.parametrize("rendezvous", [False, True])
def test_all_receive_first(submission, rendezvous):
    failure = fails(submission, World(3, rendezvous=rendezvous), "receive_first")
    assert failure.verdict == "deadlock"
    assert failure.message == "deadlock: ranks 0 -> 1 -> 2 -> 0 wait in a circle"
    assert list(map(facts, failure.evidence.ranks)) == [
        (r, "recv", ((r + 1) % 3,), line("# all"), 0, 0) for r in range(3)
    ]


def test_a_circle_is_found_among_others_that_wait(submission):
    failure = fails(submission, World(5), "some_in_a_circle")
    assert failure.message == "deadlock: ranks 1 -> 2 -> 3 -> 1 wait in a circle"
    calls = [state.call for state in failure.evidence.ranks]
    assert calls == ["barrier", "recv", "recv", "recv", "returned"]
    assert failure.evidence.ranks[0].peers == (1, 2, 3, 4)
    assert facts(failure.evidence.ranks[4]) == (4, "returned", (), 0, 0, 0)


def test_one_that_returned_early_is_named(submission):
    failure = fails(submission, World(2), "returns_early")
    assert failure.verdict == "deadlock"
    assert failure.message == "deadlock: rank 1 returned while rank 0 still waits for it"
    assert failure.evidence.where.line == line("# of nobody")


def test_one_that_misses_a_barrier_is_named(submission):
    failure = fails(submission, World(3), "misses_the_barrier")
    assert failure.message == "deadlock: rank 0 returned while rank 1 still waits for it"


def test_a_receive_from_anybody_of_which_nobody_is_left(submission):
    failure = fails(submission, World(3), "waits_for_anybody")
    assert failure.verdict == "deadlock"
    assert failure.evidence.ranks[0].peers == (1, 2)


def test_a_message_with_another_tag_is_none(submission):
    failure = fails(submission, World(2), "other_tag")
    assert failure.verdict == "deadlock"
    assert failure.evidence.ranks[1].call == "recv"


def test_a_deadlock_counts_the_messages_before(torch_host):
    source = """
import torch
def f(comm):
    x = torch.ones(1)
    for n in range(3):
        comm.sendrecv(x, 1 - comm.rank, torch.empty(1), 1 - comm.rank)
    if comm.rank == 0:
        comm.send(x, 1)
    comm.recv(x, 1 - comm.rank)
    comm.recv(x, 1 - comm.rank)
"""
    own = Ranks(torch_host, source)
    ranks = own.failure(World(2)).evidence.ranks
    assert [(one.sent, one.received) for one in ranks] == [(4, 3), (3, 4)]
    assert [one.where.line for one in ranks] == [9, 10]
    own.close()


def test_the_same_cells_go_on_after_a_deadlock(torch_host):
    """Found again as soon, in the same words, and what the module keeps is still there."""
    own = Ranks(torch_host, SOURCE + "\n\ndef runs(comm):\n    return len(RUNS)\n")
    own.values(World(3), "talk")
    said = set()
    for _ in range(20):
        said.add(msgspec.json.encode(own.failure(World(3, rendezvous=True), "receive_first")))
    assert len(said) == 1
    own.values(World(3), "talk")
    assert own.values(World(3), "runs") == [2, 2, 2]
    own.close()


def test_fewer_and_more_ranks_than_before(submission):
    for size in (4, 2, 7, 3):
        failure = submission.failure(World(size), "receive_first")
        assert failure.verdict == "deadlock"
        assert submission.values(World(size), "talk")[0] == [size - 1.0, *range(1, size)]


# -- what a rank does wrong ------------------------------------------------------------


def test_the_rank_that_raised_is_named_and_not_those_that_wait_for_it(submission):
    failure = fails(submission, World(4), "raises_while_others_wait")
    assert (failure.verdict, failure.message) == ("error", "rank 2: KeyError: 'mine'")
    assert failure.evidence.where.line == line("# of rank 2")
    failure = fails(submission, World(3), "raises_last")
    assert failure.message == "rank 2: ValueError: after the barrier"


@pytest.mark.parametrize("rendezvous", [False, True])
def test_a_wrong_dtype_is_named_with_both_lines(submission, rendezvous):
    failure = fails(submission, World(2, rendezvous=rendezvous), "wrong_dtype")
    assert failure.verdict == "error"
    assert failure.message == (
        f"rank 1 receives int64 of shape (3,) in recv, line {line('# of int64')}, "
        f"but what rank 0 sends it is float32 of shape (3,) in send, line {line('# of float32')}"
    )
    assert failure.evidence.where.line == line("# of int64")


@pytest.mark.parametrize("rendezvous", [False, True])
def test_a_wrong_number_of_elements_is_named_with_both_lines(submission, rendezvous):
    failure = fails(submission, World(2, rendezvous=rendezvous), "wrong_number")
    assert failure.verdict == "error"
    assert failure.message == (
        f"rank 1 receives float32 of shape (7,) in irecv, line {line('# wanted')}, "
        f"but what rank 0 sends it is float32 of shape (2, 3) in sendrecv, line {line('# sent')}"
    )


@pytest.mark.parametrize(
    ("name", "rendezvous", "at"),
    [
        ("never_received", False, "# to no avail"),
        ("never_received", True, "# to no avail"),
        ("never_received_but_buffered", False, "# into the void"),
    ],
)
def test_a_message_that_is_never_received(submission, name, rendezvous, at):
    failure = fails(submission, World(2, rendezvous=rendezvous), name)
    assert failure.verdict == "error"
    assert failure.message == (
        f"rank 0 sends float32 of shape (2, 2) to rank 1 (line {line(at)}), which never receives it"
    )
    assert failure.evidence.where.line == line(at)


@pytest.mark.parametrize(
    ("name", "whom", "at"),
    [
        ("never_sent", "rank 0", "# in vain"),
        ("never_sent_by_anybody", "any rank", "# from whom?"),
    ],
)
def test_a_receive_that_is_never_matched(submission, name, whom, at):
    failure = fails(submission, World(2), name)
    assert failure.verdict == "error"
    assert failure.message == (
        f"rank 1 starts to receive float32 of shape (4,) from {whom} (line {line(at)}), "
        "which nobody sends"
    )
    assert failure.evidence.where.line == line(at)


@pytest.mark.parametrize("name", ["loops", "loops_after_the_others"])
def test_a_rank_in_a_loop_is_named(quick, name):
    failure = fails(quick, World(3), name)
    assert failure.verdict == "timeout"
    assert failure.message.startswith("rank 1: no answer after 0.5 s of CPU time; the code was c")
    assert failure.limit == "call_seconds = 0.5"
    assert failure.evidence.where.function == name


def test_a_rank_that_sleeps_is_named(quick):
    failure = fails(quick, World(3), "sleeps")
    assert failure.verdict == "timeout"
    assert failure.message.startswith("rank 1: no answer after 1.5 s; the code was waiting")


def test_sleeping_in_each_run_uses_up_the_check(torch_host):
    source = "import time\ndef f(comm):\n    time.sleep(0.5 * (comm.rank == 1))\n    comm.barrier()"
    limits = msgspec.structs.replace(QUICK, check_seconds=0.4)
    own = Ranks(torch_host, source, limits=limits)
    own.values(World(2))
    own.student.begin_check()
    with pytest.raises(BaseException, match=r"check_seconds = 0\.4 was used up"):
        for _ in range(6):
            own.run(World(2))
    assert own.student.ended.verdict == "timeout"
    own.close()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("exits", "rank 1: the process ended with exit code 3 before it answered"),
        ("segfaults", "rank 1: the process died of SIGSEGV"),
    ],
)
def test_a_rank_that_dies_is_named(submission, name, said):
    failure = fails(submission, World(3), name)
    assert (failure.verdict, failure.message) == ("crash", said)


def test_of_several_that_die_one_is_named(submission):
    failure = fails(submission, World(4), "two_exit")
    assert failure.verdict == "crash"
    assert failure.message.startswith(("rank 1: the process", "rank 2: the", "rank 3: the"))


def test_the_memory_of_a_rank_is_limited(submission):
    failure = fails(submission, World(2), "fills_the_memory")
    assert failure.verdict in ("error", "crash")
    assert failure.message.startswith("rank 1: ")
    assert "memory" in failure.message


def test_more_operations_than_a_run_may_have(submission):
    failure = fails(submission, World(2), "chatters")
    assert failure.verdict == "error"
    assert "more than 20000 operations on comm in one run" in failure.message


def test_what_is_not_written_yet_says_so(submission):
    failure = fails(submission, World(2), "unwritten")
    assert failure.verdict == "error"
    assert failure.message == "not written yet (raises NotImplementedError)"


def test_what_is_no_data_is_said_to_be_that_ranks(submission):
    failure = fails(submission, World(3), "returns_a_function")
    assert failure.verdict == "error"
    assert failure.message == "rank 1: returned a function, which is not plain data"


def test_what_is_printed_before_a_failure_is_in_it(torch_host):
    source = "def f(comm):\n    print('here', comm.rank)\n    if comm.rank: raise ValueError"
    own = Ranks(torch_host, source)
    assert own.failure(World(2)).output == "rank 0: here 0\nrank 1: here 1\n"
    own.close()


def test_a_file_that_does_not_load_is_no_fault_of_a_rank(ranks):
    own = ranks("import torch\ndef f(comm:\n    pass")
    failure = own.failure(World(4))
    assert failure.verdict == "error"
    assert failure.message.startswith("the file does not parse: SyntaxError")
    assert own.failure(World(4)).message == failure.message


# -- code that does not want to stop ---------------------------------------------------


@pytest.mark.parametrize(
    "name", ["swallows_once", "swallows_and_raises", "swallows_and_talks", "swallows_a_raise"]
)
def test_to_swallow_the_end_of_a_run_changes_nothing(submission, name):
    world = World(3, rendezvous=True)
    if name == "swallows_a_raise":
        failure = fails(submission, world, "one_raises_and_others_swallow")
        assert (failure.verdict, failure.message) == ("error", "rank 1: KeyError: 'mine'")
    else:
        failure = fails(submission, world, name)
        assert failure.verdict == "deadlock"
        assert failure.message == "deadlock: ranks 0 -> 1 -> 2 -> 0 wait in a circle"


def test_to_swallow_it_for_ever_is_a_timeout_of_that_rank(quick):
    failure = fails(quick, World(3), "swallows_for_ever")
    assert failure.verdict == "timeout"
    assert failure.message.startswith("rank 0: no answer after 0.5 s of CPU time")


# -- torch.distributed -----------------------------------------------------------------


CLOSED = (
    "dist.all_reduce(ONE)",
    "dist.init_process_group('gloo')",
    "dist.broadcast(ONE, 0)",
    "dist.barrier()",
    "dist.all_gather([ONE], ONE)",
    "dist.reduce_scatter_tensor(ONE, ONE)",
    "dist.all_to_all_single(ONE, ONE)",
    "dist.new_group([0])",
    "dist.all_gather_object([], 1)",
    "dist.distributed_c10d.all_reduce(ONE)",
    "torch.distributed.monitored_barrier()",
)


@pytest.mark.parametrize("call", CLOSED)
def test_torchs_own_collectives_are_forbidden(torch_host, call):
    own = Ranks(torch_host, f"{SOURCE}\n\ndef cheats(comm):\n    {call}\n")
    for world in (World(2), World(2, gloo=True)):
        failure = own.failure(world, "cheats")
        assert failure.verdict == "forbidden"
        assert "is not to be used in this lab; use comm" in failure.message
        assert failure.evidence.where.text == call
    own.close()


def test_a_collective_that_was_imported_by_name_is_forbidden_too(torch_host):
    own = Ranks(
        torch_host,
        "from torch.distributed import all_reduce\nimport torch\n"
        "def f(comm):\n    all_reduce(torch.ones(1))\n",
    )
    assert own.failure(World(2)).verdict == "forbidden"
    own.close()


# -- without a Student -----------------------------------------------------------------


@pytest.fixture
def cells(torch_host):
    """Three cells with SOURCE in them."""
    starting = torch_host.spawn(FEW_SECONDS, numbers=fresh_numbers(3), seed=1)
    started = [one.cell() for one in starting]
    request = wire.Load({"s.py": SOURCE.encode()}, "s", RANKS_DRIVER, [])
    for cell in started:
        assert isinstance(cell.load(request, seconds=5.0), wire.Loaded)
    yield started
    for cell in started:
        cell.close()


def ask(cells, world, name, **options):
    args = [[name]] * world.size
    return metered_run(cells, world, wire.Call(1, "run", []), args, seconds=5.0, **options)


def test_what_messages_carried_is_kept_if_asked_for(cells):
    world = World(3)
    assert {m.data for m in ask(cells, world, "talk").messages} == {b""}
    kept = ask(cells, world, "talk", keep_data=True).messages
    ints = [np.frombuffer(m.data, np.int64).tolist() for m in kept if m.tag == 1]
    assert ints == [[0], [0, 1]]
    assert all(len(m.data) == m.nbytes for m in kept)


def test_a_fault_says_what_a_report_is_made_of(cells):
    with pytest.raises(Fault) as caught:
        ask(cells, World(3, rendezvous=True), "receive_first")
    fault = caught.value
    assert (fault.deadlock, list(fault.cycle)) == (True, [0, 1, 2])
    assert [state.call for state in fault.states] == ["recv"] * 3
    with pytest.raises(Fault) as caught:
        ask(cells, World(3), "returns_a_function")
    assert not caught.value.deadlock
    assert caught.value.rank == 1
    assert isinstance(caught.value.reply, wire.Refused)
    assert ask(cells, World(3), "talk").values[0] == [2.0, 1, 2]
    with pytest.raises(RankLost) as lost:
        metered_run(cells, World(3), wire.Call(1, "run", []), [["loops"]] * 3, seconds=0.3)
    assert lost.value.rank == 1
