"""The same checks without any isolation: what `make bench` compares aisys with.

As a pytest plugin (`-p direct`, with AISYS_BENCH_LAB and AISYS_BENCH_FILE) it is what
people write by hand: the submission imported into the process of the tests, a new pytest
for each. As a program it is the floor: every import done once, no pytest, no fork, the
checks called one after another on the reference.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import hypothesis
import pytest

from aisys_cli.course.load import load_lab
from aisys_cli.course.records import Check, Lab
from aisys_cli.grader.checks import check_id
from aisys_cli.grader.plugin import forget_local_constants, use_quiet_settings
from aisys_cli.grader.seeds import check_seed

use_quiet_settings()
forget_local_constants()


def load(path: Path, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Direct:
    """`student` with nothing between the check and the submission."""

    def __init__(self, lab: Lab, file: Path) -> None:
        self._module = load(file, lab.entry)
        self._driver = load(lab.driver, "driver")

    def one_input(self) -> Any:
        return contextlib.nullcontext()

    @property
    def later(self) -> Any:
        return _Later(self)

    def __getattr__(self, name: str) -> Any:
        function = getattr(self._driver, name)
        return lambda *args, **_: _lists(function(self._module, *args))


class _Later:
    """`student.later`: asked when the answer is wanted."""

    def __init__(self, student: Direct) -> None:
        self._student = student

    def __getattr__(self, name: str) -> Any:
        return functools.partial(functools.partial, getattr(self._student, name))


def _lists(value: Any) -> Any:
    """Tuples as lists, as they come off the wire."""
    if isinstance(value, dict):
        return {key: _lists(one) for key, one in value.items()}
    return [_lists(one) for one in value] if isinstance(value, list | tuple) else value


def named_lab() -> Lab:
    root, _, id = os.environ["AISYS_BENCH_LAB"].rpartition(":")
    lab = load_lab(Path(root), id)
    sys.path[:0] = [str(lab.folder), str(lab.hidden_folder)]
    return lab


def as_in_lab_toml(lab: Lab, check: Check, function: Any) -> None:
    """The number of inputs and the seed that aisys gives this check."""
    if hasattr(function, "hypothesis"):
        hypothesis.settings(max_examples=check.examples)(function)
        hypothesis.seed(check_seed(lab.facts, check, 1, secret=""))(function)


# -- as a pytest plugin --------------------------------------------------------


def pytest_configure() -> None:
    named_lab()  # makes the lab's support modules importable


def pytest_collection_modifyitems(items: list[Any]) -> None:
    lab = named_lab()
    for item in items:
        as_in_lab_toml(lab, lab.check(check_id(item.obj) or ""), item.obj)


def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> Any:
    if check_id(obj) is None:
        return []
    return [pytest.Function.from_parent(collector, name=name)]


@pytest.fixture
def student() -> Direct:
    return Direct(named_lab(), Path(os.environ["AISYS_BENCH_FILE"]))


# -- as a program: the floor -----------------------------------------------------


def main(copies: int) -> None:
    """Print the seconds that each of `copies` runs of all checks took, as JSON."""
    lab = named_lab()
    file = lab.solutions / "reference" / lab.facts.files[0]
    checks = {}
    for folder in (lab.folder, lab.hidden_folder):
        module = load(folder / "checks.py", f"checks_{folder.parent.name}")
        for value in vars(module).values():
            if check_id(value):
                checks[check_id(value)] = value
    for check in lab.facts.checks:
        as_in_lab_toml(lab, check, checks[check.id])
    seconds = []
    for _ in range(copies + 1):
        start = time.perf_counter()
        student = Direct(lab, file)
        for check in lab.facts.checks:
            checks[check.id](student=student)
        seconds.append(time.perf_counter() - start)
    print(json.dumps(seconds[1:]))  # the first round warms up, as the worker does


if __name__ == "__main__":
    main(int(sys.argv[1]))
