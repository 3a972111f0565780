"""The network of a world as a model: what matches what, when, and who is stuck."""

import itertools
import math
from collections import Counter, deque

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisys_cli.grader.network import MAX_OPERATIONS, Invalid, Network, Traffic
from aisys_cli.sandbox import wire

some = settings(max_examples=100, deadline=None)
both_modes = pytest.mark.parametrize("rendezvous", [False, True], ids=["buffered", "rendezvous"])
FLOAT = wire.ITEM_BYTES["float32"]


def send(peer, data=b"", *, n=None, tag=0, dtype="uint8", **fields):
    """Elements are bytes, unless a test is about their number or dtype."""
    shape = [len(data) if n is None else n]
    body = data or bytes(wire.size_of(dtype, shape)) if dtype in wire.ITEM_BYTES else data
    return {"kind": "send", "peer": peer, "tag": tag, "dtype": dtype, "shape": shape} | {
        "data": body,
        **fields,
    }


def recv(peer=-1, *, n=0, tag=0, dtype="uint8", **fields):
    return {"kind": "recv", "peer": peer, "tag": tag, "dtype": dtype, "shape": [n], **fields}


def barrier():
    return {"kind": "barrier", "peer": -1, "tag": 0, "dtype": "", "shape": [], "call": "barrier"}


def numbered(number, op):
    filled = {"data": b"", "call": op["kind"], "file": "s.py", "line": 0, "function": "f"} | op
    return wire.Op(number=number, **filled)


class Ranks:
    """A network and its ranks; numbers operations as a Comm does."""

    def __init__(self, size, *, rendezvous=False, observed=False):
        self.network = Network(size, rendezvous=rendezvous, observed=observed)
        self.numbers = Counter()
        self.last = {}

    def start(self, rank, *ops):
        """Hand over operations without waiting; their numbers."""
        return self._enter(rank, ops, lambda _: [])

    def do(self, rank, *ops):
        """Hand over operations and wait for all of them; their numbers."""
        return self._enter(rank, ops, lambda numbers: numbers)

    def wait(self, rank, *numbers):
        self.network.enter(rank, wire.Enter([], list(numbers)))

    def _enter(self, rank, ops, waits):
        made = []
        for op in ops:
            self.numbers[rank] += 1
            made.append(numbered(self.numbers[rank], op))
        numbers = [op.number for op in made]
        self.network.enter(rank, wire.Enter(made, waits(numbers)))
        return numbers

    def ready(self):
        """{rank: [data that it received]} of the ranks that may go on."""
        return {rank: [one.data for one in got] for rank, got in self.network.ready()}

    def sources(self):
        return {rank: [one.source for one in got] for rank, got in self.network.ready()}

    @property
    def stuck(self):
        return self.network.stuck()


# -- matching ----------------------------------------------------------------------


@both_modes
def test_a_receive_gets_the_message_whoever_comes_first(rendezvous):
    for sender_first in (True, False):
        ranks = Ranks(2, rendezvous=rendezvous)
        acts = [(0, send(1, b"ab")), (1, recv(0, n=2))]
        for rank, op in acts if sender_first else reversed(acts):
            ranks.do(rank, op)
        assert ranks.ready() == {0: [], 1: [b"ab"]}
        assert not ranks.network.leftovers()


def test_a_buffered_send_goes_on_at_once_and_a_rendezvous_one_waits():
    buffered, waiting = Ranks(2), Ranks(2, rendezvous=True)
    buffered.do(0, send(1, b"a"))
    waiting.do(0, send(1, b"a"))
    assert buffered.ready() == {0: []}
    assert waiting.ready() == {}


def test_each_rank_that_may_go_on_is_said_once():
    ranks = Ranks(2)
    ranks.do(0, send(1, b"a"))
    assert ranks.ready() == {0: []}
    assert ranks.ready() == {}


def test_messages_with_one_tag_do_not_overtake():
    ranks = Ranks(2)
    ranks.start(0, send(1, b"1"), send(1, b"2"), send(1, b"3"))
    ranks.do(1, recv(0, n=1), recv(0, n=1), recv(0, n=1))
    assert ranks.ready() == {1: [b"1", b"2", b"3"]}


def test_tags_are_separate():
    ranks = Ranks(2)
    ranks.start(0, send(1, b"a", tag=1), send(1, b"b", tag=2))
    ranks.do(1, recv(0, n=1, tag=2))
    assert ranks.ready() == {1: [b"b"]}
    ranks.do(1, recv(0, n=1, tag=3))
    assert ranks.ready() == {}
    assert ranks.network.choices() == []
    assert ranks.stuck is False, "rank 0 has not finished and waits for nothing"


def test_sources_are_separate():
    ranks = Ranks(3)
    ranks.start(0, send(2, b"0"))
    ranks.do(2, recv(1, n=1))
    assert ranks.ready() == {}
    ranks.start(1, send(2, b"1"))
    assert ranks.ready() == {2: [b"1"]}


def test_a_rank_goes_on_when_all_that_it_waits_for_is_complete():
    ranks = Ranks(3)
    ranks.do(0, recv(1, n=1), recv(2, n=1))
    ranks.start(1, send(0, b"1"))
    assert ranks.ready() == {}
    ranks.start(2, send(0, b"2"))
    assert ranks.ready() == {0: [b"1", b"2"]}


def test_what_is_not_waited_for_yet_is_kept_for_the_wait():
    ranks = Ranks(2)
    first, second = ranks.start(0, recv(1, n=1), recv(1, n=1))
    ranks.start(1, send(0, b"1"), send(0, b"2"))
    ranks.wait(0, second)
    assert ranks.ready() == {0: [b"2"]}
    ranks.wait(0, first)
    assert ranks.ready() == {0: [b"1"]}


def test_head_to_head_passes_buffered_and_is_stuck_in_rendezvous():
    for rendezvous in (False, True):
        ranks = Ranks(2, rendezvous=rendezvous)
        for rank in (0, 1):
            ranks.do(rank, send(1 - rank, b"a"))
        assert ranks.stuck is rendezvous
        assert ranks.ready() == ({} if rendezvous else {0: [], 1: []})


# -- receives from any rank -----------------------------------------------------------


def test_a_receive_from_any_rank_waits_for_the_choice():
    ranks = Ranks(3)
    ranks.do(0, recv(n=1))
    ranks.start(2, send(0, b"2"))
    assert ranks.ready() == {}
    assert ranks.network.choices() == [(0, 2, 0)]
    ranks.start(1, send(0, b"1"))
    assert ranks.network.choices() == [(0, 1, 0), (0, 2, 0)]
    assert not ranks.stuck
    ranks.network.choose((0, 2, 0))
    assert ranks.ready() == {0: [b"2"]}
    assert ranks.network.choices() == []


def test_a_choice_takes_the_first_message_of_a_rank():
    ranks = Ranks(2)
    ranks.start(1, send(0, b"1"), send(0, b"2"))
    for expected in (b"1", b"2"):
        ranks.do(0, recv(n=1))
        ranks.network.choose(ranks.network.choices()[0])
        assert ranks.ready() == {0: [expected]}


def test_only_messages_of_its_tag_can_be_chosen():
    ranks = Ranks(3)
    ranks.do(0, recv(n=1, tag=7))
    ranks.start(1, send(0, b"1", tag=6))
    assert ranks.network.choices() == []
    ranks.start(2, send(0, b"2", tag=7))
    assert ranks.network.choices() == [(0, 2, 7)]


def test_an_earlier_receive_from_any_rank_has_the_first_choice():
    """MPI: the one posted second must not take what the first could have."""
    ranks = Ranks(2)
    first, second = ranks.start(0, recv(n=1), recv(1, n=1))
    ranks.start(1, send(0, b"1"), send(0, b"2"))
    assert ranks.network.choices() == [(0, 1, 0)]
    ranks.network.choose((0, 1, 0))
    ranks.wait(0, first, second)
    assert ranks.ready() == {0: [b"1", b"2"]}


def test_an_earlier_receive_with_a_source_has_the_first_choice_too():
    ranks = Ranks(3)
    ranks.do(0, recv(1, n=1), recv(n=1))
    ranks.start(2, send(0, b"2"))
    ranks.start(1, send(0, b"1"))
    assert ranks.network.choices() == [(0, 2, 0)]
    ranks.network.choose((0, 2, 0))
    assert ranks.sources() == {0: [1, 2]}


def test_receives_of_several_ranks_can_be_chosen_at_once():
    ranks = Ranks(3)
    ranks.do(0, recv(n=1))
    ranks.do(1, recv(n=1))
    ranks.start(2, send(1, b"x"), send(0, b"y"))
    assert ranks.network.choices() == [(0, 2, 0), (1, 2, 0)]


# -- barriers --------------------------------------------------------------------------


def test_a_barrier_opens_for_all_when_the_last_has_come():
    ranks = Ranks(3)
    ranks.do(0, barrier())
    ranks.do(2, barrier())
    assert ranks.ready() == {}
    assert [state.peers for state in ranks.network.states()] == [[1], [], [1]]
    ranks.do(1, barrier())
    assert set(ranks.ready()) == {0, 1, 2}


def test_barriers_of_one_rank_alone_are_not_everybodys():
    ranks = Ranks(2)
    ranks.start(0, barrier(), barrier())
    ranks.do(0, barrier())
    assert ranks.ready() == {}


# -- misfits ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "wanted", "fits"),
    [
        (send(1, dtype="float32", n=6), recv(0, dtype="float32", n=6), True),
        (send(1, dtype="float32", n=6), recv(0, dtype="float32", n=6) | {"shape": [2, 3]}, True),
        (send(1, dtype="float32", n=1), recv(0, dtype="float32") | {"shape": []}, True),
        (send(1, dtype="float32", n=0), recv(0, dtype="float32") | {"shape": [5, 0, 7]}, True),
        (send(1, dtype="float32", n=6), recv(0, dtype="int32", n=6), False),
        (send(1, dtype="float32", n=6), recv(0, dtype="float64", n=3), False),
        (send(1, dtype="float32", n=6), recv(0, dtype="float32", n=7), False),
        (send(1, dtype="float32", n=6), recv(0, dtype="float32", n=5), False),
        (send(1, dtype="float32", n=0), recv(0, dtype="float64", n=0), False),
        (send(1, dtype="float32", n=0), recv(0, dtype="float32", n=1), False),
    ],
)
def test_a_message_fits_by_dtype_and_number_of_elements(sent, wanted, fits):
    ranks = Ranks(2)
    ranks.do(0, sent)
    ranks.do(1, wanted)
    assert (ranks.network.misfit is None) is fits


def test_a_misfit_names_both_ends_and_the_first_one_stays():
    ranks = Ranks(2)
    ranks.start(0, send(1, n=2, dtype="float32", line=3), send(1, n=2, line=4))
    ranks.do(1, recv(0, n=3, dtype="int64", line=8), recv(0, n=9, line=9))
    assert str(ranks.network.misfit) == (
        "rank 1 receives int64 of shape (3,) in recv, line 8, "
        "but what rank 0 sends it is float32 of shape (2,) in send, line 3"
    )


# -- what cannot be --------------------------------------------------------------------


IMPOSSIBLE = {
    "a send to itself": send(0, b"x"),
    "a receive from itself": recv(0, n=1),
    "a send past the last rank": send(2, b"x"),
    "a send far past the last rank": send(1 << 62, b"x"),
    "a send to any rank": send(-1, b"x"),
    "a send to rank -2": send(-2, b"x"),
    "a receive past the last rank": recv(2, n=1),
    "a receive from rank -2": recv(-2, n=1),
    "a dtype of no tensor": send(1, b"x", dtype="object"),
    "a receive of a dtype of no tensor": recv(1, n=1, dtype="float8"),
    "no dtype": send(1, b"x", dtype=""),
    "more bytes than its shape": send(1, b"xx", n=1),
    "fewer bytes than its shape": send(1, b"x", n=2),
    "a huge shape": send(1, b"x") | {"shape": [1 << 62] * 8},
    "a product that wraps to 1 byte": send(1, b"x") | {"shape": [1 << 32, 1 << 32]},
}


@pytest.mark.parametrize("op", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_an_impossible_operation_is_invalid(op):
    ranks = Ranks(2)
    with pytest.raises(Invalid) as caught:
        ranks.start(0, op)
    assert len(str(caught.value)) < 400


def test_a_number_that_is_used_twice_is_invalid():
    network = Network(2, rendezvous=False)
    twice = [numbered(1, send(1, b"x")), numbered(1, send(1, b"y"))]
    with pytest.raises(Invalid, match="operation 1 was posted twice"):
        network.enter(0, wire.Enter(twice, []))


@pytest.mark.parametrize("observed", [False, True])
def test_to_wait_twice_for_one_operation_is_invalid_or_to_wait_once(observed):
    network = Network(2, rendezvous=False, observed=observed)
    try:
        network.enter(0, wire.Enter([numbered(1, send(1, b"x"))], [1, 1]))
        network.enter(0, wire.Enter([numbered(2, send(1, b"x"))], [2, 2, 2]))
        network.enter(1, wire.Enter([numbered(1, recv(0, n=1))], [1, 1]))
        network.enter(1, wire.Enter([], []))
    except Invalid:
        pass


def test_to_wait_for_what_was_never_started_lets_nobody_go_on():
    network = Network(2, rendezvous=False)
    try:
        network.enter(0, wire.Enter([], [5, -1, 1 << 62]))
    except Invalid:
        return
    assert network.ready() == []


def test_the_operations_of_a_run_are_counted():
    ranks = Ranks(2)
    with pytest.raises(Invalid, match="more than 20000 operations"):
        for _ in range(MAX_OPERATIONS):
            ranks.start(0, send(1, b"x"))
    ranks = Ranks(2)
    with pytest.raises(Invalid, match="more than 20000 operations"):
        ranks.start(0, *[send(1, b"x")] * (MAX_OPERATIONS + 1))
    ranks = Ranks(2)
    with pytest.raises(Invalid, match="more than 20000 operations"):
        for _ in range(MAX_OPERATIONS + 1):
            ranks.start(0)


@pytest.mark.parametrize("observed", [False, True])
def test_what_a_rank_says_of_its_sources_is_counted_too(observed):
    """Each of them is looked at again in every later turn, by us."""
    network = Network(2, rendezvous=True, observed=observed)
    with pytest.raises(Invalid):
        for _ in range(2):
            network.enter(0, wire.Enter([], [], [(1, 1)] * (MAX_OPERATIONS + 1)))


# -- the clock of steps ----------------------------------------------------------------


def simulate(programs, *, rendezvous=False, order=()):
    """Run [(operations, whether to wait for these)] of each rank to the end, as a world does.

    Returns the ranks, and the bytes that each received, in the order of its receives.
    """
    ranks = Ranks(len(programs), rendezvous=rendezvous)
    todo = [deque(program) for program in programs]
    started = [[] for _ in programs]
    got = [[] for _ in programs]
    running = deque(range(len(programs)))
    order = iter(order)
    while running or (choices := ranks.network.choices()):
        if not running:
            ranks.network.choose(choices[next(order, 0) % len(choices)])
        elif not todo[rank := running.popleft()]:
            ranks.network.finish(rank)
        else:
            ops, waits = todo[rank].popleft()
            numbers = ranks.start(rank, *ops)
            if waits == "all":
                numbers = started[rank] + numbers
            if waits:
                ranks.wait(rank, *numbers)
            else:
                started[rank] += numbers
            if not (waits and numbers):
                running.appendleft(rank)
        for who, data in ranks.ready().items():
            got[who] += data
            running.append(who)
    return ranks, got


def blocking(*ops):
    return [([op], True) for op in ops]


def ring(size, rounds):
    return [
        [([send((r + 1) % size, b"x"), recv((r - 1) % size, n=1)], True)] * rounds
        for r in range(size)
    ]


def ring_of_even_and_odd(size, rounds):
    """Even ranks send first, odd ranks receive first; each waits for each."""
    programs = []
    for r in range(size):
        pair = send((r + 1) % size, b"x"), recv((r - 1) % size, n=1)
        programs.append(blocking(*(pair if r % 2 == 0 else reversed(pair))) * rounds)
    return programs


def tree(size):
    programs = [[] for _ in range(size)]
    have = 1
    while have < size:
        for r in range(have):
            if r + have < size:
                programs[r] += blocking(send(r + have, b"x"))
                programs[r + have] += blocking(recv(r, n=1))
        have *= 2
    return programs


def flat_broadcast(size):
    root = blocking(*(send(r, b"x") for r in range(1, size)))
    return [root, *(blocking(recv(0, n=1)) for _ in range(1, size))]


def gather(size, *, source):
    root = blocking(*(recv(source(r), n=1) for r in range(1, size)))
    return [root, *(blocking(send(0, b"x")) for _ in range(1, size))]


def pairwise(size):
    """Every rank exchanges with every other one, all under way at once."""
    programs = []
    for r in range(size):
        sends = [send((r + k) % size, b"x") for k in range(1, size)]
        receives = [recv((r - k) % size, n=1) for k in range(1, size)]
        programs.append([(sends + receives, True)])
    return programs


STEPS = {
    "ring": (lambda p: ring(p, 2 * (p - 1)), lambda p: 2 * (p - 1), range(2, 9)),
    "ring of blocking calls": (
        lambda p: ring_of_even_and_odd(p, 2 * (p - 1)),
        lambda p: 4 * (p - 1),
        range(2, 9, 2),
    ),
    "tree": (tree, lambda p: (p - 1).bit_length(), range(1, 9)),
    "flat broadcast": (flat_broadcast, lambda p: p - 1, range(1, 9)),
    "gather": (lambda p: gather(p, source=int), lambda p: p - 1, range(1, 9)),
    "gather from any": (lambda p: gather(p, source=lambda _: -1), lambda p: p - 1, range(1, 9)),
    "all to all": (pairwise, lambda p: p - 1, range(2, 9)),
}


@both_modes
@pytest.mark.parametrize("name", STEPS)
def test_steps_of_the_well_known_patterns(name, rendezvous):
    programs, right, sizes = STEPS[name]
    for size in sizes:
        ranks, _ = simulate(programs(size), rendezvous=rendezvous)
        assert not ranks.stuck
        assert ranks.network.steps == right(size), size


@pytest.mark.parametrize("size", [3, 5, 7])
def test_a_ring_of_blocking_calls_with_an_odd_number_of_ranks_is_a_little_longer(size):
    ranks, _ = simulate(ring_of_even_and_odd(size, 1), rendezvous=True)
    assert not ranks.stuck
    assert ranks.network.steps in (2, 3)


def test_no_message_takes_no_step_and_a_chain_as_many_as_it_has_links():
    assert simulate([[], []])[0].network.steps == 0
    chain = [
        blocking(*([recv(r - 1, n=1)] if r else []), *([send(r + 1, b"x")] if r < 5 else []))
        for r in range(6)
    ]
    assert simulate(chain)[0].network.steps == 5


def test_a_rank_sends_one_message_at_a_time_even_if_all_are_under_way():
    out = [([send(1, b"x"), send(2, b"x"), send(3, b"x")], True)]
    ranks, _ = simulate([out, *[blocking(recv(0, n=1))] * 3])
    assert [(one.dst, one.sent, one.arrived) for one in ranks.network.messages] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
    ]


def test_to_send_and_to_receive_at_once_is_one_step():
    exchange = [[([send(1 - r, b"x"), recv(1 - r, n=1)], True)] for r in range(2)]
    assert simulate(exchange)[0].network.steps == 1


def test_a_barrier_takes_no_step_and_brings_all_to_the_latest():
    late = [
        [*blocking(send(1, b"x"), send(1, b"x"), barrier()), *blocking(recv(2, n=1))],
        blocking(recv(0, n=1), recv(0, n=1), barrier()),
        blocking(barrier(), send(0, b"x")),
    ]
    ranks, _ = simulate(late)
    assert ranks.network.steps == 3


def test_a_message_that_was_out_early_is_not_late_for_having_been_asked_for_second():
    """Rank 0 is asked for both at once: what rank 2 sent first was there first."""
    programs = [
        [([recv(1, n=1), recv(2, n=1)], True)],
        blocking(recv(3, n=1), recv(3, n=1), recv(3, n=1), send(0, b"x")),
        blocking(send(0, b"x")),
        blocking(*[send(1, b"x")] * 3),
    ]
    for order in itertools.permutations(range(4)):
        at = {old: new for new, old in enumerate(order)}
        mixed = [
            [([op | {"peer": at[op["peer"]]} for op in ops], waits) for ops, waits in programs[old]]
            for old in order
        ]
        for rendezvous in (False, True):
            assert simulate(mixed, rendezvous=rendezvous)[0].network.steps == 4, order


# -- who is stuck ----------------------------------------------------------------------


def test_nobody_is_stuck_who_has_returned_or_computes():
    ranks = Ranks(2)
    assert not ranks.stuck
    ranks.network.finish(0)
    assert not ranks.stuck
    ranks.network.finish(1)
    assert not ranks.stuck
    assert ranks.network.finished(0)
    assert [state.call for state in ranks.network.states()] == ["returned"] * 2


def test_one_that_waits_for_a_rank_that_has_returned_is_stuck():
    ranks = Ranks(2)
    ranks.network.finish(1)
    ranks.do(0, recv(1, n=1, line=5))
    assert ranks.stuck
    waiting, gone = ranks.network.states()
    assert (waiting.call, waiting.peers, waiting.line) == ("recv", [1], 5)
    assert (gone.call, gone.peers) == ("returned", [])


def test_states_say_what_each_rank_waits_for_and_what_it_has_done():
    ranks = Ranks(4, rendezvous=True)
    ranks.do(0, send(1, b"x"))
    ranks.do(1, recv(0, n=1))
    assert set(ranks.ready()) == {0, 1}
    ranks.do(0, recv(n=1, line=11) | {"call": "sendrecv", "function": "g", "file": "a.py"})
    ranks.do(1, send(2, b"x", line=12))
    ranks.do(2, barrier())
    ranks.network.finish(3)
    assert ranks.stuck
    a, b, c, d = ranks.network.states()
    assert (a.rank, a.call, a.peers) == (0, "sendrecv", [1, 2, 3])
    assert (a.file, a.line, a.function) == ("a.py", 11, "g")
    assert (a.sent, a.received) == (1, 0)
    assert (b.call, b.peers, b.line, b.sent, b.received) == ("send", [2], 12, 0, 1)
    assert (c.call, c.peers) == ("barrier", [0, 1, 3])
    assert (d.call, d.peers) == ("returned", [])


def test_a_state_is_the_first_operation_that_is_not_complete():
    ranks = Ranks(3)
    ranks.start(1, send(0, b"x"))
    ranks.do(0, recv(1, n=1, line=1), recv(2, n=1, line=2), recv(1, n=1, line=3))
    assert ranks.network.states()[0].line == 2


def test_leftovers_are_what_was_sent_or_started_to_receive_and_never_met():
    ranks = Ranks(3)
    ranks.start(0, send(1, b"a", line=1), send(1, b"b", line=2), send(2, b"c", tag=5, line=3))
    ranks.start(1, recv(0, n=1), recv(n=1, line=9, tag=1))
    ranks.start(2, recv(0, n=1, tag=6, line=8))
    left = [(rank, op.kind, op.line) for rank, op in ranks.network.leftovers()]
    assert left == [(0, "send", 2), (0, "send", 3), (1, "recv", 9), (2, "recv", 8)]


# -- random programs -------------------------------------------------------------------


@st.composite
def talks(draw, *, most=4):
    """(size, [(sender, receiver, tag, data)]): what is to travel, in an order of all."""
    size = draw(st.integers(2, most))
    pairs = [(a, b) for a in range(size) for b in range(size) if a != b]
    message = st.tuples(st.sampled_from(pairs), st.integers(0, 1), st.integers(0, 3))
    drawn = draw(st.lists(message, max_size=14))
    return size, [(a, b, tag, bytes([i]) * n) for i, ((a, b), tag, n) in enumerate(drawn)]


def ends_of(talk):
    """[(rank, operation)] in the order of all; a message's two ends side by side."""
    for src, dst, tag, data in talk:
        yield src, send(dst, data, tag=tag)
        yield dst, recv(src, n=len(data), tag=tag)


def counted(talk, key):
    found = {}
    for message in talk:
        before = found.get(key(message), Traffic())
        n = len(message[3])
        found[key(message)] = Traffic(before.messages + 1, before.elements + n, before.nbytes + n)
    return found


def assert_all_arrived(ranks, got, size, talk):
    assert not ranks.stuck
    assert ranks.network.misfit is None
    assert ranks.network.leftovers() == []
    assert all(map(ranks.network.finished, range(size)))
    assert got == [[data for _, dst, _, data in talk if dst == rank] for rank in range(size)]
    messages = ranks.network.messages
    assert Counter((m.src, m.dst, m.tag, m.elements) for m in messages) == Counter(
        (src, dst, tag, len(data)) for src, dst, tag, data in talk
    )
    assert sum(m.nbytes for m in messages) == sum(len(data) for *_, data in talk)
    for state in ranks.network.states():
        assert state.sent == sum(src == state.rank for src, *_ in talk)
        assert state.received == sum(dst == state.rank for _, dst, *_ in talk)
    most = max(
        [
            *(one.messages for one in counted(talk, lambda m: ("out", m[0])).values()),
            *(one.messages for one in counted(talk, lambda m: ("in", m[1])).values()),
        ],
        default=0,
    )
    assert most <= ranks.network.steps <= len(talk), "one port of each kind, one step a message"


@both_modes
@some
@given(talk=talks(), at_once=st.booleans(), seed=st.randoms(use_true_random=False))
def test_all_that_is_under_way_at_once_arrives(rendezvous, talk, at_once, seed):
    """isend and irecv in any order of a rank's own sends and receives, then wait for all."""
    size, messages = talk
    programs = [[] for _ in range(size)]
    for rank, op in ends_of(messages):
        programs[rank].append(op)
    for ops in programs:  # sends may come before receives or after: order within each is kept
        if seed.random() < 0.5:
            ops.sort(key=lambda op: op["kind"], reverse=seed.random() < 0.5)
    steps = [
        [(ops, True)] if at_once else [*(([op], False) for op in ops), ([], "all")]
        for ops in programs
    ]
    assert_all_arrived(*simulate(steps, rendezvous=rendezvous), size, messages)


@both_modes
@some
@given(talk=talks())
def test_blocking_calls_in_one_order_of_all_never_get_stuck(rendezvous, talk):
    size, messages = talk
    programs = [[] for _ in range(size)]
    for rank, op in ends_of(messages):
        programs[rank] += blocking(op)
    ranks, got = simulate(programs, rendezvous=rendezvous)
    assert_all_arrived(ranks, got, size, messages)


@some
@given(talk=talks(), ends=st.lists(st.booleans(), min_size=28, max_size=28))
def test_the_steps_are_the_same_in_both_modes(talk, ends):
    """A rank starts what comes next in the order of all, and waits for it, a part at a time."""
    size, messages = talk
    programs = [[] for _ in range(size)]
    parts = [[] for _ in range(size)]
    for (rank, op), last in zip(ends_of(messages), ends, strict=False):
        parts[rank].append(op)
        if last:
            programs[rank].append((parts[rank], True))
            parts[rank] = []
    for program, rest in zip(programs, parts, strict=True):
        if rest:
            program.append((rest, True))
    done = [simulate(programs, rendezvous=mode)[0] for mode in (False, True)]
    for ranks in done:
        assert not ranks.stuck
        assert ranks.network.leftovers() == []
    assert done[0].network.steps == done[1].network.steps


@some
@given(talk=talks(most=5), any_source=st.booleans())
def test_with_any_order_of_choices_everything_arrives_from_whom_it_came(talk, any_source):
    size, messages = talk
    messages = [(src, dst, 0, bytes([src])) for src, dst, _, _ in messages]
    for order in ((), (1, 2, 3), (6, 5, 4, 3, 2, 1, 6, 5)):
        programs = [[] for _ in range(size)]
        for rank, op in ends_of(messages):
            if op["kind"] == "recv" and any_source:
                op = recv(n=1)  # noqa: PLW2901
            programs[rank].append(([op], False))
        for program in programs:
            program.append(([], "all"))
        ranks, got = simulate(programs, order=order)
        assert not ranks.stuck
        assert [sorted(one) for one in got] == [
            sorted(bytes([src]) for src, dst, *_ in messages if dst == rank) for rank in range(size)
        ]


@pytest.mark.parametrize("size", [2, 3, 4, 5])
def test_every_order_of_arrival_can_be_had_by_choices(size):
    programs = [
        blocking(*[recv(n=1)] * (size - 1)),
        *(blocking(send(0, bytes([r]))) for r in range(1, size)),
    ]
    most = itertools.product(*(range(left) for left in range(size - 1, 0, -1)))
    found = {tuple(simulate(programs, order=order)[1][0]) for order in most}
    ordered = itertools.permutations(bytes([r]) for r in range(1, size))
    assert found == set(ordered)
    assert len(found) == math.factorial(size - 1)


# -- only looking on (gloo) ------------------------------------------------------------


def test_ranks_that_only_report_are_told_nothing():
    ranks = Ranks(2, rendezvous=True, observed=True)
    ranks.do(0, send(1, b"", n=3, dtype="float32"))
    ranks.do(1, recv(0, n=3, dtype="float32"))
    assert ranks.network.ready() == []
    (message,) = ranks.network.messages
    assert (message.elements, message.nbytes) == (3, 3 * FLOAT)


def test_their_records_come_without_the_elements():
    Ranks(2, observed=True).start(0, send(1, b"", n=3) | {"data": b""})
    with pytest.raises(Invalid):
        Ranks(2).start(0, send(1, b"", n=3) | {"data": b""})


def test_they_are_stuck_only_if_nothing_posted_lets_one_go_on():
    ranks = Ranks(2, rendezvous=True, observed=True)
    ranks.do(0, send(1, b"x"))
    ranks.do(1, send(0, b"x"))
    assert ranks.stuck
    ranks = Ranks(2, rendezvous=True, observed=True)
    ranks.do(0, send(1, b"x"))
    ranks.do(1, recv(0, n=1))
    assert not ranks.stuck, "both can go on, and have not said so yet"
    ranks.do(0, recv(1, n=1))
    assert not ranks.stuck
    ranks.do(1, recv(0, n=1))
    assert ranks.stuck


def test_a_rank_may_say_by_whom_before_the_sender_says_that_it_sent():
    ranks = Ranks(3, rendezvous=True, observed=True)
    (number,) = ranks.do(0, recv(n=1))
    ranks.network.enter(0, wire.Enter([], [], [(number, 2)]))
    assert ranks.network.messages == []
    ranks.do(1, send(0, b"x", line=1))
    assert ranks.network.messages == []
    ranks.do(2, send(0, b"x", line=2))
    assert [(m.src, m.dst, m.send_line) for m in ranks.network.messages] == [(2, 0, 2)]
    assert [op.line for _, op in ranks.network.leftovers()] == [1]


def test_a_source_that_is_no_rank_changes_nothing():
    ranks = Ranks(2, rendezvous=True, observed=True)
    (number,) = ranks.do(0, recv(n=1))
    ranks.start(1, send(0, b"x"))
    for source in (-1, 0, 2, 1 << 62):
        try:
            ranks.network.enter(0, wire.Enter([], [], [(number, source), (99, 1)]))
        except Invalid:
            return
    assert ranks.network.messages == []


def test_in_a_metered_world_a_rank_does_not_choose_its_sources():
    ranks = Ranks(3)
    ranks.start(1, send(0, b"1"))
    ranks.start(2, send(0, b"2"))
    op = numbered(1, recv(n=1))
    try:
        ranks.network.enter(0, wire.Enter([op], [1], [(1, 2)]))
    except Invalid:
        return
    assert ranks.network.choices() == [(0, 1, 0), (0, 2, 0)], "the order of the world says which"
