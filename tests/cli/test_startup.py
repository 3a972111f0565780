"""What starts quickly and leaves nothing behind: help and lists load nothing heavy."""

import json
import os
import subprocess
import sys

import pytest
from harness import clean_environment

HEAVY = ["torch", "numpy", "hypothesis", "pytest"]
PROBE = """
import json, runpy, sys
heavy = {heavy}
sys.argv = ["aisys", *{words}]
try:
    runpy.run_module("aisys_cli", run_name="__main__")
except SystemExit as end:
    code = end.code
print(json.dumps([code, [name for name in heavy if name in sys.modules]]), file=sys.stderr)
"""
IMPORT_ALL = """
import importlib, pkgutil, aisys_cli
for module in pkgutil.walk_packages(aisys_cli.__path__, "aisys_cli."):
    if not module.name.endswith("__main__") and ".bundled" not in module.name:
        importlib.import_module(module.name)
        print(module.name)
"""


def python(source, cwd, **env):
    return subprocess.run(
        [sys.executable, "-c", source],
        cwd=cwd,
        env=clean_environment(**env),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def workspace(course, tmp_path_factory):
    folder = tmp_path_factory.mktemp("workspace")
    words = [sys.executable, "-m", "aisys_cli", "--course", course, "lab", "start", "small"]
    subprocess.run(words, cwd=folder, env=clean_environment(), capture_output=True, check=True)
    return folder


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["--version"],
        ["lab", "test", "--help"],
        ["grade-all", "--help"],
        ["lab", "list"],
        ["lab", "start", "small"],
        ["lab", "status"],
        ["lab", "hint"],
        ["lab", "show"],
        ["help", "exit-codes"],
        ["lab", "tset"],
    ],
    ids=" ".join,
)
def test_what_grades_nothing_loads_nothing_heavy(words, workspace, course):
    source = PROBE.format(heavy=HEAVY, words=["--course", str(course), *words])
    done = python(source, workspace)
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == (2 if "tset" in words else 0), done.stderr
    assert loaded == []


def test_importing_any_module_of_aisys_writes_no_file_and_prints_nothing(tmp_path):
    folders = {name: tmp_path / name for name in ("cwd", "home", "tmp")}
    for folder in folders.values():
        folder.mkdir()
    done = python(
        IMPORT_ALL,
        folders["cwd"],
        HOME=str(folders["home"]),
        TMPDIR=str(folders["tmp"]),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    names = done.stdout.splitlines()
    assert all(name.startswith("aisys_cli.") for name in names)
    assert {"aisys_cli.app", "aisys_cli.grader.worker", "aisys_cli.sandbox.host"} <= set(names)
    left = [os.path.join(at, file) for at, _, files in os.walk(tmp_path) for file in files]
    assert left == []


def test_asking_leaves_no_workspace_behind(aisys, tmp_path):
    for words in (
        ["lab", "list"],
        ["lab", "status"],
        ["help", "formats"],
        ["lab", "show", "small"],
    ):
        aisys(*words)
    assert list(tmp_path.iterdir()) == []
