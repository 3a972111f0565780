"""Each grading process of a machine has a processor to itself, while there are enough."""

import os
import subprocess
import sys

import pytest

from aisys_cli.bulk.processors import claim

pytestmark = pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity"), reason="this system does not let one choose"
)


def all_claims():
    claims = []
    while (one := claim()) is not None:
        claims.append(one)
    return claims


def test_no_processor_is_given_twice_until_it_is_released():
    claims = all_claims()  # other tests of this session may hold some
    processors = [one.processor for one in claims]
    assert len(set(processors)) == len(processors)
    assert set(processors) <= os.sched_getaffinity(0)
    assert claim() is None
    for one in claims:
        one.release()
    again = all_claims()
    assert [one.processor for one in again] == processors
    for one in again:
        one.release()


def test_a_process_that_ends_gives_its_processor_back():
    program = (
        "from aisys_cli.bulk.processors import claim\none = claim()\nprint(one and one.processor)"
    )
    run = [sys.executable, "-c", program]
    first, second = (subprocess.check_output(run) for _ in range(2))
    assert first == second


def test_without_a_way_to_choose_there_is_none(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    assert claim() is None
