"""comm in real ranks: what travels, what is refused, when a tensor is whose - in every world."""

import numpy as np
import pytest
from harness import FEW_SECONDS, Ranks, line_of

from aisys_cli.grader.world import World
from aisys_cli.sandbox import wire

SOURCE = '''
import numpy as np
import torch

X = torch.arange(6.0).reshape(2, 3)


def bits(tensor):
    tensor = tensor.detach().resolve_conj().resolve_neg()
    flat = torch.empty(tensor.numel(), dtype=tensor.dtype).copy_(tensor.reshape(-1))
    return flat.view(torch.uint8)


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and torch.equal(bits(a), bits(b))


def facts(comm):
    return [comm.rank, comm.size, repr(comm)]


def travels(comm, make):
    """Rank 0 sends what `make` makes; the last rank says whether that came, and only that."""
    sent = eval(make)
    if comm.rank == 0:
        comm.send(sent, comm.size - 1)
        return same(sent, eval(make))
    if comm.rank == comm.size - 1:
        shape, dtype = sent.shape, sent.dtype
        around = torch.zeros(sent.numel() + 2, dtype=dtype)
        into = around[1:-1].view(shape)
        comm.recv(into, 0)
        return [same(into, sent.detach()), around[0].item() == around[-1].item() == 0]


def arrives(comm, make):
    """Rank 1 receives into what `make` makes, of three complex or real numbers or one."""
    into = eval(make)
    values = torch.tensor([1 + 2j, 3 + 4j, 5 + 6j]) if into.is_complex() else X.flatten()[3:]
    values = values[:into.numel()].to(into.dtype)
    if comm.rank == 0:
        comm.send(values, 1)
    elif comm.rank == 1:
        comm.recv(into, 0)
        return torch.equal(into.detach().reshape(-1).resolve_conj(), values)


def refused(comm, call):
    """The exception of a call on rank 0; afterwards all must still work."""
    name = ""
    if comm.rank == 0:
        try:
            eval(call)
        except Exception as error:
            name = f"{type(error).__name__}: {error}"
    y = torch.zeros(1)
    if comm.rank == 0:
        comm.send(torch.ones(1), 1)
    elif comm.rank == 1:
        comm.recv(y, 0)
    comm.barrier()
    return [name, y.item()]


def changed_after_send(comm):
    x = torch.full((3,), float(comm.rank))
    if comm.rank == 0:
        comm.send(x, 1)
        x.fill_(9)
        comm.send(x, 1, tag=1)
    elif comm.rank == 1:
        y = torch.empty(3)
        comm.recv(y, 0)
        comm.recv(x, 0, tag=1)
        return [y[0].item(), x[0].item()]


def changed_after_wait(comm):
    x = torch.full((3,), 5.0)
    if comm.rank == 0:
        work = comm.isend(x, 1)
        done = work.wait()
        x.fill_(9)
        return [done, work.wait(), done is True]
    if comm.rank == 1:
        y = torch.empty(3)
        comm.recv(y, 0)
        return y[0].item()


def changed_before_wait(comm):
    x = torch.zeros(2)
    if comm.rank == 0:
        work = comm.isend(x, 1)  # this one
        x[1] = 7
        work.wait()
    elif comm.rank == 1:
        comm.recv(x, 0)


def changed_and_never_waited(comm):
    x = torch.zeros(2)
    if comm.rank == 0:
        comm.isend(x, 1)  # that one
        x[1] = 7
    elif comm.rank == 1:
        comm.recv(x, 0)


def changed_before_the_wait_of_another(comm):
    x, y = torch.zeros(2), torch.zeros(2)
    if comm.rank == 0:
        comm.isend(x, 1)  # and that one
        x.mul_(0).add_(1)
        comm.isend(y, 1).wait()
    elif comm.rank == 1:
        comm.recv(x, 0)
        comm.recv(y, 0)


def changed_and_changed_back(comm):
    x = torch.tensor([float("nan"), 1.0])
    if comm.rank == 0:
        work = comm.isend(x, 1)
        x.add_(1)
        x.sub_(1)
        return work.wait()
    if comm.rank == 1:
        y = torch.empty(2)
        comm.recv(y, 0)
        return y[1].item()


def received_before_wait(comm):
    """The message is there long before: but only wait() puts it into the tensor."""
    if comm.rank == 0:
        comm.isend(torch.full((2,), 4.0), 1)
        comm.send(torch.zeros(1), 1, tag=1)
        comm.barrier()
    elif comm.rank == 1:
        y, other = torch.zeros(2), torch.zeros(1)
        work = comm.irecv(y, 0)
        comm.recv(other, 0, tag=1)
        comm.barrier()
        before = y.clone().numpy()
        return [before, work.wait(), y.numpy(), work.wait()]
    else:
        comm.barrier()


def waits_in_another_order(comm):
    if comm.rank == 0:
        works = [comm.isend(torch.full((1,), float(n)), 1) for n in range(4)]
        for work in reversed(works):
            work.wait()
    elif comm.rank == 1:
        ys = [torch.zeros(1) for _ in range(4)]
        works = [comm.irecv(y, 0) for y in ys]
        for at in (2, 0, 3, 1):
            works[at].wait()
        return [y.item() for y in ys]


def sources(comm):
    y = torch.zeros(1)
    x = torch.full((1,), float(comm.rank))
    if comm.rank == 0:
        last = comm.size - 1
        named = comm.recv(y, last, tag=3)
        anyone = sorted(comm.recv(y) for _ in range(last))
        return [named, anyone]
    if comm.rank == comm.size - 1:
        comm.send(x, 0, tag=3)
    comm.send(x, 0)


def swaps(comm):
    """Around the ring; the source is named on even ranks."""
    x, y = torch.full((2, 2), float(comm.rank)), torch.empty(4)
    right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    source = comm.sendrecv(x, right, y, left if comm.rank % 2 == 0 else None)
    return [source, y.numpy()]


def barriers(comm):
    for _ in range(3):
        comm.barrier()
    return "out"


def half_a_sendrecv(comm):
    """A call that was refused has sent nothing."""
    x, y = torch.ones(1), torch.zeros(1)
    if comm.rank == 0:
        try:
            comm.sendrecv(x, 1, torch.empty(2, 2).t()[:1], 1)
        except ValueError:
            pass
        comm.send(x + 1, 1)
    elif comm.rank == 1:
        comm.recv(y, 0)
    return y.item()


def shapes_differ(comm):
    if comm.rank == 0:
        comm.send(X, 1)
        comm.send(torch.tensor(7.0), 1)
        comm.send(torch.empty(0, 4), 1)
    elif comm.rank == 1:
        six, one, none = torch.empty(3, 1, 2), torch.empty(1, 1), torch.empty(2, 0)
        for tensor in (six, one, none):
            comm.recv(tensor, 0)
        return [six.numpy(), one.item()]


def tags(comm):
    if comm.rank == 0:
        works = [comm.isend(torch.tensor(t), 1, tag=t) for t in (0, 5, (1 << 31) - 1)]
        for work in works:
            work.wait()
    elif comm.rank == 1:
        got = {t: torch.tensor(0) for t in (5, (1 << 31) - 1, 0)}
        works = [comm.irecv(y, 0, tag=t) for t, y in got.items()]
        for work in works:
            work.wait()
        return [y.item() for y in got.values()]
'''
WORLDS = {
    "buffered": World(2),
    "rendezvous": World(2, rendezvous=True),
    "gloo": World(2, gloo=True),
    "buffered, 3 ranks": World(3),
    "gloo, 3 ranks": World(3, gloo=True),
}


@pytest.fixture(scope="module")
def submission(torch_host):
    made = Ranks(torch_host, SOURCE)
    yield made
    made.close()


@pytest.fixture(params=WORLDS.values(), ids=WORLDS)
def world(request):
    return request.param


@pytest.fixture
def run(submission, world):
    submission.student.begin_check()
    return lambda *args: submission.values(world, *args)


def test_a_rank_knows_its_number_and_how_many_there_are(run, world):
    assert run("facts") == [
        [r, world.size, f"Comm(rank={r}, size={world.size})"] for r in range(world.size)
    ]


# -- what travels --------------------------------------------------------------------


TENSORS = {
    **{name: f"torch.tensor([[0, 1, 2], [3, 1, 0]]).to(torch.{name})" for name in wire.ITEM_BYTES},
    "fractions in bfloat16": "torch.tensor([1.5, -0.25, 3e38]).to(torch.bfloat16)",
    "complex": "torch.tensor([1 + 2j, -3j])",
    "a conj view": "torch.tensor([1 + 2j, -3j]).conj()",
    "a conj view of complex128": "torch.tensor([1 + 2j], dtype=torch.complex128).conj()",
    "a negative view": "torch._neg_view(torch.arange(3.0))",
    "a negative view of one element": "torch.tensor([1 + 2j]).conj().imag",
    "a negative view of a conj view": "torch._neg_view(torch.tensor([1 + 2j, 3j]).conj())",
    "special numbers": "torch.tensor([float('nan'), float('inf'), -0.0, 1e-45])",
    "the ends of int64": "torch.tensor([-(1 << 63), (1 << 63) - 1])",
    "0 dimensions": "torch.tensor(3.5)",
    "0 dimensions in bfloat16": "torch.tensor(3.5, dtype=torch.bfloat16)",
    "0 dimensions, bool": "torch.tensor(True)",
    "empty": "torch.empty(0)",
    "empty of shape (2, 0, 3)": "torch.empty(2, 0, 3, dtype=torch.int16)",
    "empty in bfloat16": "torch.empty(0, dtype=torch.bfloat16)",
    "empty with odd strides": "torch.zeros(4, 4).t()[:0]",
    "one element of odd strides": "torch.arange(16.0).reshape(4, 4)[1:2, 2:3]",
    "one element by as_strided": "torch.arange(9.0).as_strided((1, 1, 1), (7, 5, 3), 2)",
    "one element of bfloat16 by as_strided": (
        "torch.arange(9.0).bfloat16().as_strided((1, 1), (7, 5), 2)"
    ),
    "one element that was expanded": "torch.tensor(2.0).expand(1)",
    "the middle of another": "torch.arange(10.0)[3:6]",
    "eight dimensions": "torch.arange(4.0).reshape(1, 2, 1, 1, 2, 1, 1, 1)",
    "a parameter": "torch.nn.Parameter(torch.ones(3))",
    "one with a gradient": "torch.ones(3, requires_grad=True) * 2",
    "one made in inference mode": "torch.inference_mode()(lambda: torch.ones(3) * 2)()",
    "200 KB": "torch.arange(50_000)",
}


@pytest.mark.parametrize("make", TENSORS.values(), ids=TENSORS)
def test_a_tensor_travels_with_all_its_bits(run, world, make):
    values = run("travels", make)
    assert values[0] is True, "what was sent has not changed"
    assert values[-1] == [True, True]


TARGETS = {
    "a slice": "torch.zeros(10)[4:7]",
    "a conj view": "torch.zeros(3, dtype=torch.complex64).conj()",
    "a negative view": "torch._neg_view(torch.zeros(3))",
    "a negative view of a conj view": "torch._neg_view(torch.zeros(3, dtype=torch.cfloat).conj())",
    "one element of odd strides": "torch.zeros(4, 4)[1:2, 2:3]",
    "one imaginary part": "torch.zeros(1, dtype=torch.complex64).imag",
    "0 dimensions": "torch.tensor(0.0)",
    "a parameter": "torch.nn.Parameter(torch.zeros(3))",
    "a leaf with a gradient": "torch.zeros(3, requires_grad=True)",
    "bfloat16": "torch.zeros(3, dtype=torch.bfloat16)",
}


@pytest.mark.parametrize("make", TARGETS.values(), ids=TARGETS)
def test_a_message_goes_into_any_contiguous_tensor(run, make):
    assert run("arrives", make)[1] is True


def test_shapes_are_not_compared_but_the_number_of_elements(run):
    six, one = run("shapes_differ")[1]
    np.testing.assert_array_equal(six.reshape(-1), np.arange(6.0))
    assert one == 7.0


def test_tags_keep_messages_apart(run):
    assert run("tags")[1] == [5, (1 << 31) - 1, 0]


def test_a_receive_says_who_sent(run, world):
    last = world.size - 1
    assert run("sources")[0] == [last, list(range(1, last + 1))]


def test_sendrecv_goes_around_a_ring_and_says_who_sent(run, world):
    for rank, (source, got) in enumerate(run("swaps")):
        assert source == (rank - 1) % world.size
        np.testing.assert_array_equal(got, np.full(4, float(source)))


def test_barriers_let_everybody_out(run, world):
    assert run("barriers") == ["out"] * world.size


# -- what is refused ------------------------------------------------------------------


REFUSED = {
    "a list": ("comm.send([1.0], 1)", "TypeError: send: list is not a torch.Tensor"),
    "an array": ("comm.send(np.ones(3), 1)", "TypeError: send: ndarray is not"),
    "nothing": ("comm.recv(None, 1)", "TypeError: recv: NoneType is not"),
    "a float": ("comm.isend(1.0, 1)", "TypeError: isend: float is not"),
    "a transposed tensor": ("comm.send(X.t(), 1)", "ValueError: send: the tensor must be contig"),
    "every other element": ("comm.isend(X[:, ::2], 1)", "ValueError: isend: the tensor must be"),
    "into a column": ("comm.recv(X[:, 1], 1)", "ValueError: recv: the tensor must be contiguous"),
    "into a transposed one": ("comm.irecv(X.t(), 1)", "ValueError: irecv: the tensor must be"),
    "an expanded tensor": ("comm.send(torch.ones(1).expand(3), 1)", "ValueError: send: the tens"),
    "a sparse tensor": ("comm.send(X.to_sparse(), 1)", "ValueError: send: only dense CPU"),
    "a tensor of another device": ("comm.recv(X.to('meta'), 1)", "ValueError: recv: only dense"),
    "nine dimensions": ("comm.send(torch.ones([1] * 9), 1)", "ValueError: send: a tensor of 9 d"),
    "float8": ("comm.send(X.to(torch.float8_e5m2), 1)", "TypeError: send: tensors of dtype torch"),
    "complex32": ("comm.send(torch.ones(1, dtype=torch.complex32), 1)", "TypeError: send: tensor"),
    "uint16": ("comm.recv(torch.ones(1, dtype=torch.uint16), 1)", "TypeError: recv: tensors of"),
    "a rank past the last": ("comm.send(X, comm.size)", "ValueError: send: dst = "),
    "a negative rank": ("comm.send(X, -1)", "ValueError: send: dst = -1 is no rank of a world"),
    "itself": ("comm.isend(X, 0)", "ValueError: isend: dst = 0 is this rank itself"),
    "from itself": ("comm.recv(X, 0)", "ValueError: recv: src = 0 is this rank itself"),
    "from a rank past the last": ("comm.irecv(X, comm.size)", "ValueError: irecv: src = "),
    "from rank -1": ("comm.recv(X, -1)", "ValueError: recv: src = -1 is no rank"),
    "to True": ("comm.send(X, True)", "TypeError: send: dst = True is not an int"),
    "to a float": ("comm.send(X, 1.0)", "TypeError: send: dst = 1.0 is not an int"),
    "to anybody": ("comm.send(X, None)", "TypeError: send: dst = None is not an int"),
    "from a str": ("comm.recv(X, '1')", "TypeError: recv: src = '1' is not an int"),
    "a negative tag": ("comm.send(X, 1, tag=-1)", "ValueError: send: tag = -1 is not an int >= 0"),
    "a tag of 2**31": ("comm.send(X, 1, tag=1 << 31)", "ValueError: send: tag = 2147483648"),
    "a tag that is a float": ("comm.recv(X, 1, tag=1.0)", "TypeError: recv: tag = 1.0"),
    "a tag that is a str": ("comm.recv(X, 1, tag='a')", "TypeError: recv: tag = 'a'"),
    "a sendrecv in place": ("comm.sendrecv(X, 1, X, 1)", "ValueError: sendrecv: send_tensor and"),
    "a sendrecv of neighbours": (
        "comm.sendrecv(X.view(-1)[:4], 1, X.view(-1)[3:], 1)",
        "ValueError: sendrecv: send_tensor and recv_tensor share memory",
    ),
    "a sendrecv of a list": ("comm.sendrecv([1], 1, X, 1)", "TypeError: sendrecv: list is not"),
    "a sendrecv of a sparse tensor": (
        "comm.sendrecv(X.to_sparse(), 1, X, 1)",
        "ValueError: sendrecv: only dense CPU tensors",
    ),
    "a sendrecv with itself": ("comm.sendrecv(X, 0, X + 1, 1)", "ValueError: sendrecv: dst = 0"),
    "a sendrecv into a column": (
        "comm.sendrecv(torch.ones(2), 1, X[:, 1], 1)",
        "ValueError: sendrecv: the tensor must be contiguous",
    ),
}


@pytest.mark.parametrize(("call", "said"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_travel_is_refused_where_the_call_stands(submission, call, said):
    submission.student.begin_check()
    for world in (WORLDS["buffered"], WORLDS["gloo"]):
        (name, _), (_, arrived) = submission.values(world, "refused", call)
        assert name.startswith(said), world
        assert arrived == 1.0


def test_memory_side_by_side_is_not_shared(torch_host):
    calls = (
        "comm.sendrecv(X.view(-1)[:3], 1, X.view(-1)[3:], 1)",
        "comm.sendrecv(X.view(-1)[2:2], 1, X, 1)",
    )
    for call in calls:
        source = (
            f"import torch\ndef f(comm):\n    X = torch.arange(6.0)\n"
            f"    y = torch.arange({call.count('3:') * 3}.0)\n"
            f"    if comm.rank == 0:\n        {call}\n        return X.numpy()\n"
            f"    z = torch.full(({3 if '3:' in call else 6},), 9.0)\n"
            f"    comm.sendrecv(z, 0, y, 0)\n"
        )
        own = Ranks(torch_host, source)
        got = own.values(WORLDS["buffered"])[0]
        own.close()
        assert (got == 9.0).sum() == (3 if "3:" in call else 6)


def test_a_call_that_was_refused_has_done_nothing(run):
    assert run("half_a_sendrecv")[1] == 2.0


def test_a_world_of_one_has_nobody_to_talk_to(submission, torch_host):
    submission.student.begin_check()
    assert submission.values(World(1), "barriers") == ["out"]
    source = """
import torch
def f(comm):
    said = []
    for call in (lambda x: comm.send(x, 0), lambda x: comm.recv(x, 0), lambda x: comm.send(x, 1)):
        try:
            call(torch.ones(1))
        except ValueError as error:
            said.append(str(error))
    return said
"""
    own = Ranks(torch_host, source)
    for world in (World(1), World(1, gloo=True)):
        assert len(own.values(world)[0]) == 3
    own.close()


# -- whose a tensor is ----------------------------------------------------------------


def test_a_tensor_is_read_before_send_returns(run):
    assert run("changed_after_send")[1] == [0.0, 9.0]


def test_a_tensor_may_change_after_wait_which_is_true_each_time(run):
    sender, received = run("changed_after_wait")[:2]
    assert sender == [True, True, True]
    assert received == 5.0


CHANGES = {
    "changed_before_wait": "# this one",
    "changed_and_never_waited": "# that one",
    "changed_before_the_wait_of_another": "# and that one",
}


@pytest.mark.parametrize("name", CHANGES)
def test_the_line_of_an_isend_whose_tensor_changed_is_named(submission, world, name):
    failure = submission.failure(world, name)
    line = line_of(SOURCE, CHANGES[name])
    assert failure.verdict == "error"
    assert failure.message == (
        f"rank 0: RuntimeError: the tensor of the isend in line {line} was changed before wait()"
    )


def test_a_tensor_that_is_as_it_was_has_not_changed(run):
    assert run("changed_and_changed_back")[:2] == [True, 1.0]


def test_a_tensor_holds_the_message_once_wait_returned_and_not_before(run):
    before, done, after, again = run("received_before_wait")[1]
    assert list(before) == [0.0, 0.0]
    assert list(after) == [4.0, 4.0]
    assert (done, again) == (True, True)


def test_works_can_be_waited_for_in_any_order(run):
    assert run("waits_in_another_order")[1] == [0.0, 1.0, 2.0, 3.0]


# -- size ------------------------------------------------------------------------------


@pytest.mark.parametrize("gloo", [False, True])
def test_a_message_over_the_limit_of_a_reply_is_not_our_fault(torch_host, gloo):
    """Metered, a message travels within a frame, and what is too large is refused."""
    source = """
import torch
def f(comm, mib):
    x = torch.ones(mib << 20, dtype=torch.uint8)
    comm.send(x, 1) if comm.rank == 0 else comm.recv(x.zero_(), 0)
    return int(x.sum()) >> 20
"""
    own = Ranks(torch_host, source)
    world = World(2, gloo=gloo)
    assert own.values(world, "f", 1) == [1, 1]
    if gloo:
        assert own.values(world, "f", 8) == [8, 8]
    else:
        failure = own.failure(world, "f", FEW_SECONDS.reply_mib + 1)
        assert failure.verdict in ("error", "crash")
        assert failure.message.startswith("rank 0: ")
        assert own.values(world, "f", 1) == [1, 1]
    own.close()
