"""The oracle: torch.distributed's all_reduce is what torch says of the stacked tensors."""

import os
import threading

import pytest
import torch
from harness import wait_until
from hypothesis import given, settings
from hypothesis import strategies as st

from aisys_cli.grader.collectives import on_every_rank, torch_all_reduce

few = settings(max_examples=25, deadline=None)
WHOLE = {
    "sum": lambda stacked: stacked.sum(0, dtype=stacked.dtype),
    "prod": lambda stacked: stacked.prod(0, dtype=stacked.dtype),
    "max": lambda stacked: stacked.amax(0),
    "mean": lambda stacked: stacked.mean(0),
}


def threads():
    return threading.active_count(), len(os.listdir("/proc/self/task"))


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """A process with threads must not be forked, and the grader forks."""
    torch_all_reduce([torch.ones(1)])  # what torch itself starts once
    before = threads()
    yield
    assert wait_until(lambda: threads() <= before), (before, threads())


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.int64, torch.int32])
@pytest.mark.parametrize("op", WHOLE)
@pytest.mark.parametrize("size", [1, 2, 3, 8])
def test_every_rank_gets_what_torch_makes_of_all(size, op, dtype):
    if op == "mean" and not dtype.is_floating_point:
        return
    parts = [(torch.arange(6) % 4 + rank + 1).to(dtype).reshape(2, 3) for rank in range(size)]
    kept = [part.clone() for part in parts]
    right = WHOLE[op](torch.stack(parts))
    found = torch_all_reduce(parts, op)
    assert len(found) == size
    for got in found:
        assert (got.dtype, got.shape) == (right.dtype, right.shape)
        torch.testing.assert_close(got, right)
    assert all(map(torch.equal, parts, kept)), "the tensors that were given are as they were"
    assert len({got.data_ptr() for got in found}) == size


@few
@given(st.integers(1, 5), st.sampled_from(["sum", "max", "mean"]), st.integers(0, 9), st.data())
def test_any_numbers_of_any_length(size, op, n, data):
    numbers = st.floats(-100, 100, width=32)
    parts = [
        torch.tensor(data.draw(st.lists(numbers, min_size=n, max_size=n)), dtype=torch.float64)
        for _ in range(size)
    ]
    right = WHOLE[op](torch.stack(parts))
    for got in torch_all_reduce(parts, op):
        torch.testing.assert_close(got, right)


SHAPES = {
    "no elements": torch.zeros(0),
    "no elements in two dimensions": torch.zeros(0, 3),
    "no dimensions": torch.tensor(2.0),
    "gaps between elements": torch.arange(8.0)[::2],
    "transposed": torch.arange(6.0).reshape(2, 3).t(),
}


@pytest.mark.parametrize("part", SHAPES.values(), ids=SHAPES)
def test_any_shape_and_stride(part):
    for got in torch_all_reduce([part, part + 1, part]):
        assert got.shape == part.shape
        torch.testing.assert_close(got, part * 3 + 1)


def test_many_questions_in_a_row_leave_no_thread():
    before = threads()
    for size in (2, 5, 8) * 5:
        torch_all_reduce([torch.ones(2)] * size)
    assert wait_until(lambda: threads() <= before), (before, threads())


def test_each_rank_answers_for_itself_and_can_talk_to_the_others():
    def body(group, rank):
        tensor = torch.tensor([float(rank)])
        if rank == 0:
            group.send([tensor + 5], 2, 0).wait()
        if rank == 2:
            group.recv([tensor], 0, 0).wait()
        return [rank, group.size(), tensor.item()]

    assert on_every_rank(3, body) == [[0, 3, 0.0], [1, 3, 1.0], [2, 3, 5.0]]


def test_a_process_can_be_forked_afterwards():
    torch_all_reduce([torch.ones(2)] * 4)
    pid = os.fork()
    if pid == 0:
        right = torch_all_reduce([torch.ones(2)] * 3)[1].tolist() == [3.0, 3.0]
        os._exit(0 if right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
