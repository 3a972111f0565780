"""The workspace: what is kept of a student's way, and that it moves with the files."""

import shutil

import pytest
from samples import check, of, report

from aisys_cli.errors import EnvironmentFault, UsageError
from aisys_cli.report.records import Whole
from aisys_cli.workspace.state import Workspace, find_workspace


@pytest.fixture
def root(tmp_path):
    """A workspace with the lab `small` started in a folder of its name."""
    root = tmp_path / "work"
    (root / "small/deep/inside").mkdir(parents=True)
    workspace = Workspace(root)
    workspace.start("small", root / "small", 1)
    workspace.save()
    return root


def test_a_workspace_is_found_from_every_folder_inside(root):
    for place in (root, root / "small", root / "small/deep/inside"):
        assert find_workspace(place).root == root.resolve()
    assert find_workspace(root.parent) is None


def test_the_inner_of_two_workspaces_counts(root):
    inner = Workspace(root / "small/deep")
    inner.start("other", root / "small/deep", 1)
    inner.save()
    assert find_workspace(root / "small/deep/inside").current == "other"
    assert find_workspace(root / "small").current == "small"


def test_what_was_saved_is_there_again(root):
    workspace = Workspace(root)
    workspace.labs["small"].hints["1"] = 2
    workspace.labs["small"].verdicts["1.1"] = "pass"
    workspace.save()
    state = Workspace(root).labs["small"]
    assert (state.folder, state.version) == ("small", 1)
    assert (state.hints, state.verdicts) == ({"1": 2}, {"1.1": "pass"})


def test_two_labs_do_not_share_what_is_known_of_them(root):
    workspace = Workspace(root)
    workspace.start("other", root / "other", 1)
    workspace.labs["small"].verdicts["1.1"] = "pass"
    assert workspace.labs["other"].verdicts == {}
    assert workspace.current == "other"


def test_starting_again_keeps_what_is_known(root):
    workspace = Workspace(root)
    workspace.labs["small"].hints["1"] = 2
    workspace.start("small", root / "elsewhere", 2)
    state = workspace.labs["small"]
    assert (state.folder, state.version, state.hints) == ("elsewhere", 2, {"1": 2})


def test_a_folder_that_was_moved_goes_on_working(root):
    Workspace(root).record(of("fail"), {"1.1": b"calls"})
    moved = root.parent / "搬家"
    shutil.move(root, moved)
    workspace = find_workspace(moved / "small/deep")
    assert workspace.folder("small") == moved.resolve() / "small"
    assert workspace.lab_at(moved / "small/deep/inside") == "small"
    assert workspace.failure("small", "1.1").calls == b"calls"
    assert str(root) not in (moved / ".aisys/workspace.json").read_text()


def test_a_workspace_that_is_reached_by_a_link_is_the_same(root, tmp_path):
    (tmp_path / "link").symlink_to(root)
    workspace = Workspace(tmp_path / "link")
    workspace.start("small", tmp_path / "link/small", 1)
    assert workspace.labs["small"].folder == "small"
    assert workspace.lab_at(tmp_path / "link/small") == "small"


def test_the_lab_of_a_folder_is_known_by_the_folder(root):
    workspace = Workspace(root)
    assert workspace.lab_at(root / "small") == "small"
    assert workspace.lab_at(root) == ""
    assert workspace.lab_at(root / "smaller") == ""


DAMAGED = {
    "nothing": b"",
    "cut short": b'{"current": "sm',
    "no JSON": b"current = small",
    "another type": b"[]",
    "a number as a folder": b'{"labs": {"small": {"folder": 3, "version": 1}}}',
    "a missing key": b'{"labs": {"small": {"version": 1}}}',
    "zeros after a power cut": b"\0" * 100,
    "text in another encoding": b'{"current": "\xff"}',
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_workspace_is_a_usage_error_that_says_what_to_do(root, data):
    path = root / ".aisys/workspace.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"workspace\.json is damaged") as raised:
        find_workspace(root)
    assert str(path) in raised.value.message
    assert "Move it away and start the lab again" in raised.value.remedy
    assert path.read_bytes() == data


def test_a_merge_that_is_not_finished_is_called_so(root):
    path = root / ".aisys/workspace.json"
    path.write_text(f"<<<<<<< HEAD\n{path.read_text()}=======\n{{}}\n>>>>>>> other\n")
    with pytest.raises(UsageError, match="a merge that is not finished") as raised:
        find_workspace(root)
    assert f"git checkout --ours {path}" in raised.value.remedy


def test_what_a_newer_aisys_wrote_more_is_no_damage(root):
    path = root / ".aisys/workspace.json"
    path.write_text(path.read_text().replace('"current"', '"theme": "dark",\n  "current"'))
    assert Workspace(root).current == "small"


# -- the last run ------------------------------------------------------------------


def test_a_failure_comes_back_with_its_calls_and_its_own_check_only(root):
    made = of("pass", "fail", "crash")
    Workspace(root).record(made, {"1.2": b"\x00calls", "1.3": b""})
    found = Workspace(root).failure("small", "1.2")
    assert found.calls == b"\x00calls"
    assert [one.id for one in found.report.checks] == ["1.2"]
    assert found.report.checks[0] == made.checks[1]
    assert Workspace(root).failure("small", "1.3").calls == b""
    assert Workspace(root).labs["small"].verdicts == {"1.1": "pass", "1.2": "fail", "1.3": "crash"}


@pytest.mark.parametrize("check", ["1.1", "9.9", "../workspace"])
def test_without_a_stored_failure_there_is_none(root, check):
    Workspace(root).record(of("pass"), {})
    assert Workspace(root).failure("small", check) is None


def test_a_check_that_passes_now_has_no_failure_any_more(root):
    Workspace(root).record(of("fail"), {"1.1": b"calls"})
    Workspace(root).record(of("pass"), {})
    assert Workspace(root).failure("small", "1.1") is None
    assert Workspace(root).labs["small"].verdicts == {"1.1": "pass"}


def test_a_run_of_some_checks_leaves_the_others_as_they_were(root):
    Workspace(root).record(of("fail", "fail"), {"1.1": b"one", "1.2": b"two"})
    Workspace(root).record(report(check("pass", "1.2")), {})
    workspace = Workspace(root)
    assert workspace.labs["small"].verdicts == {"1.1": "fail", "1.2": "pass"}
    assert workspace.failure("small", "1.1").calls == b"one"
    assert workspace.failure("small", "1.2") is None


@pytest.mark.parametrize("data", [b"", b"\xff\xff", b"\x80"])
def test_a_damaged_failure_is_a_usage_error_or_none(root, data):
    """Of another version of aisys, or cut short: `lab test` makes it anew."""
    Workspace(root).record(of("fail"), {"1.1": b"calls"})
    (root / ".aisys/small/1.1.failure").write_bytes(data)
    try:
        assert Workspace(root).failure("small", "1.1") is None
    except UsageError as error:
        assert "aisys lab test" in error.remedy


@pytest.mark.parametrize("blocked", [".aisys/small", ".aisys/small/1.1.failure/x"])
def test_a_run_that_cannot_be_kept_is_a_fault_of_the_environment(root, blocked):
    path = root / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("in the way")
    with pytest.raises(EnvironmentFault, match="cannot write"):
        Workspace(root).record(of("fail"), {"1.1": b"calls"})


def test_what_failed_is_kept_as_a_text_until_it_passes(root):
    made = report(check("fail", message="values differ"), check("pass", "1.2"))
    texts = Workspace(root).record(made, {}, {"1.1": Whole("add(1, 2)", "3.5", "3")})
    assert texts == {"1.1": root.resolve() / ".aisys/small/1.1.txt"}
    assert "values differ" in texts["1.1"].read_text()
    assert Workspace(root).record(of("pass"), {}) == {}
    assert not (root / ".aisys/small/1.1.txt").exists()


def test_the_text_is_in_the_language_of_the_student(root):
    texts = Workspace(root).record(of("fail"), {}, language="zh")
    assert "1.1 add 求和" in texts["1.1"].read_text(encoding="utf-8")
