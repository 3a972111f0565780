"""Bulk runs: what is graded again and what is kept; a run that is killed and goes on."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections import Counter

import pytest
from harness import REFERENCE, clean_environment, descendants, is_running, wait_until
from samples import of

from aisys_cli.bulk.gradebook import Gradebook
from aisys_cli.bulk.intake import find_submissions, read_submission
from aisys_cli.bulk.run import grade_all, plan
from aisys_cli.course.load import load_lab
from aisys_cli.report.records import clean

LOOP = REFERENCE.replace("return -a", "while True: pass")


def write(folder, sources):
    folder.mkdir(exist_ok=True)
    for id, source in sources.items():
        (folder / id).mkdir()
        (folder / id / "small.py").write_bytes(source.encode())
    return folder


def rows(db):
    """How often each submission is in the gradebook; nothing while there is none."""
    try:
        book = sqlite3.connect(f"file:{db}?mode=ro", uri=True)
        try:
            return Counter(id for (id,) in book.execute("SELECT submission FROM reports"))
        finally:
            book.close()
    except sqlite3.Error:
        return Counter()


# -- the plan ---------------------------------------------------------------------


@pytest.fixture
def graded(tmp_path, lab):
    """Submissions a, b and c with a report each on what is there now; a gradebook."""
    folder = write(tmp_path / "subs", dict.fromkeys("abc", REFERENCE))
    with Gradebook(tmp_path / "book.db") as book:
        for id, path, *_ in find_submissions(folder):
            book.add(report_on(id, path, lab))
        yield folder, book


def report_on(id, path, lab, *verdicts, **fields):
    digest = read_submission(id, path, lab).digest
    values = {"lab_version": lab.version, "submission_digest": digest, **fields}
    return of(*verdicts or ("pass",), submission=id, **values)


def planned(graded, lab, **options):
    folder, book = graded
    settings = {"seed": 1, "isolation": "bwrap", **options}
    made = plan(find_submissions(folder), lab, book, **settings)
    assert sorted([*made.kept, *(id for id, *_ in made.todo)]) == sorted(
        path.name for path in folder.iterdir()
    )
    return "".join(id for id, *_ in made.todo)


def test_what_has_not_changed_is_kept(graded, lab):
    assert planned(graded, lab) == ""


def test_a_changed_file_is_graded_again(graded, lab):
    (graded[0] / "b/small.py").write_text(REFERENCE + "\n# more\n")
    assert planned(graded, lab) == "b"


def test_a_file_that_was_touched_only_is_kept(graded, lab):
    os.utime(graded[0] / "b/small.py", (1, 1))
    (graded[0] / "b/notes.txt").write_text("not Python")
    assert planned(graded, lab) == ""


def test_a_new_submission_is_graded_and_one_that_is_gone_is_not(graded, lab):
    write(graded[0], {"d": REFERENCE})
    (graded[0] / "a/small.py").unlink()
    (graded[0] / "a").rmdir()
    assert planned(graded, lab) == "d"


def test_a_submission_that_became_unusable_is_graded_again(graded, lab):
    (graded[0] / "c/small.py").write_bytes(b"\0")
    assert planned(graded, lab) == "c"


@pytest.mark.parametrize(
    "options",
    [{"seed": 2}, {"isolation": "process"}, {"resume": False}, {"regrade": ("all",)}],
    ids=str,
)
def test_all_are_graded_again_with(graded, lab, options):
    assert planned(graded, lab, **options) == "abc"


def test_all_are_graded_again_for_another_version_of_the_lab(graded, own_course):
    with (own_course / "labs/small/driver.py").open("a") as file:
        file.write("\n# more\n")
    assert planned(graded, load_lab(own_course, "small")) == "abc"


@pytest.mark.parametrize("regrade", [(), ("infra",)])
def test_what_was_infra_is_always_graded_again(graded, lab, regrade):
    folder, book = graded
    book.add(report_on("b", folder / "b", lab, "infra"))
    assert planned(graded, lab, regrade=regrade) == "b"


def test_infra_that_was_graded_since_is_kept(graded, lab):
    folder, book = graded
    book.add(report_on("b", folder / "b", lab, "infra"))
    book.add(report_on("b", folder / "b", lab, "fail"))
    assert planned(graded, lab, regrade=("infra",)) == ""


def test_ids_can_be_named_to_be_graded_again(graded, lab):
    assert planned(graded, lab, regrade=("a", "c")) == "ac"


def test_a_file_that_is_again_what_it_was_is_graded_again(graded, lab):
    """Its newest report is on something else, and that is what would be shown."""
    folder, book = graded
    book.add(report_on("a", folder / "a", lab, "fail", submission_digest="of another text"))
    assert planned(graded, lab) == "a"


@pytest.mark.parametrize(
    "other", [{"seed": 2}, {"isolation": "process"}, {"lab_version": "0-old"}], ids=str
)
def test_a_report_is_kept_only_if_it_is_the_newest(graded, lab, other):
    """The newest is what is shown: it must not be of another seed, isolation or version."""
    folder, book = graded
    book.add(report_on("a", folder / "a", lab, "fail", **other))
    assert planned(graded, lab) == "a"


# -- running it -------------------------------------------------------------------


def test_a_report_is_in_the_book_before_anybody_hears_of_it(tmp_path, lab, pool):
    folder = write(tmp_path / "subs", {"a": REFERENCE, "b": "def f(:"})
    heard = []

    def each(report):
        heard.append((report.submission, report.verdict))
        assert set(rows(tmp_path / "book.db")) == {id for id, _ in heard}

    with Gradebook(tmp_path / "book.db") as book:
        grade_all(pool, lab, find_submissions(folder), book, seed=1, each=each)
    assert heard == [("a", "pass"), ("b", "error")]


BAD = {
    "loop": (LOOP, "partial"),
    "loop-on-import": ("while True: pass", "timeout"),
    "crash": ("import ctypes\nctypes.string_at(0)", "crash"),
    "exit": ("import os\nos._exit(0)", "crash"),
    "syntax": ("def f(:", "error"),
    "empty": ("", "error"),
    "binary": ("\x7fELF\0\0", "error"),
    "right": (REFERENCE, "pass"),
}


def test_bad_submissions_do_not_stop_the_others(aisys, tmp_path):
    write(tmp_path / "subs", {id: source for id, (source, _) in BAD.items()})
    (tmp_path / "subs/nothing").mkdir()
    (tmp_path / "subs/zip.zip").write_text("this is no archive")
    (tmp_path / "subs/last.py").write_text(REFERENCE)
    done = aisys("grade-all", "subs", "--lab", "small", "--format", "json")
    assert done.returncode == 0, done.stderr
    found = {one["submission"]: one for one in json.loads(done.stdout)["reports"]}
    wanted = {id: verdict for id, (_, verdict) in BAD.items()}
    wanted |= {"nothing": "error", "zip": "error", "last": "pass"}
    with Gradebook(tmp_path / "gradebook.db") as book:
        assert {one.submission: one.verdict for one in book.latest("small")} == wanted
    assert set(found) == set(wanted)
    assert all(one["score"] is not None for one in found.values())
    assert all(len(one["checks"]) == 4 for one in found.values())


NAMES = {
    "not UTF-8": b"li-\xff.py",
    "a colour": b"\x1b[31mred.py",
    "a newline": b"two\nlines.py",
    "a line that reads backwards": "\u202egnp.py".encode(),
}


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_the_id_of_a_submission_can_be_printed_and_stored(tmp_path, name):
    (tmp_path / os.fsdecode(name)).write_text(REFERENCE)
    ((id, *_),) = find_submissions(tmp_path)
    id.encode()
    assert clean(id) == id
    assert "\n" not in id


def test_file_names_that_are_not_utf_8_cost_nobody_a_grade(aisys, tmp_path):
    write(tmp_path / "subs", {"chen": REFERENCE, "li": REFERENCE})
    for name in (b"subs/\xff.py", b"subs/li/\xff.py"):
        with open(os.path.join(os.fsencode(tmp_path), name), "w") as file:
            file.write(REFERENCE)
    done = aisys("grade-all", "subs", "--lab", "small")
    assert done.returncode == 0, done.stderr
    with Gradebook(tmp_path / "gradebook.db") as book:
        assert [one.verdict for one in book.latest("small")] == ["pass"] * 3


def test_a_single_submission_is_a_list_of_one_in_json(aisys, tmp_path):
    """Whoever reads the output of grade-all must not care how many there were."""
    write(tmp_path / "subs", {"a": REFERENCE})
    done = aisys("grade-all", "subs", "--lab", "small", "--format", "json")
    assert [one["submission"] for one in json.loads(done.stdout)["reports"]] == ["a"]


def test_a_name_to_grade_again_that_is_not_there_is_a_usage_error(aisys, tmp_path):
    write(tmp_path / "subs", {"li-ming": REFERENCE})
    done = aisys("grade-all", "subs", "--lab", "small", "--regrade", "li-mign")
    assert done.returncode == 2
    assert "li-mign" in done.stderr


def test_a_run_that_is_killed_goes_on_where_it_was(course, tmp_path):
    """The first two are quick; each of the others takes CPU time up to a limit."""
    sources = {"s0": REFERENCE, "s1": REFERENCE} | {f"s{n}": LOOP for n in range(2, 8)}
    write(tmp_path / "subs", sources)
    db = tmp_path / "gradebook.db"
    command = [sys.executable, "-m", "aisys_cli", "--course", str(course)]
    command += ["grade-all", "subs", "--lab", "small"]
    settings = {"cwd": tmp_path, "env": clean_environment(), "stdin": subprocess.DEVNULL}
    with (tmp_path / "log").open("wb") as log:
        first = subprocess.Popen(command, stdout=log, stderr=log, **settings)
        reached = wait_until(lambda: len(rows(db)) >= 2, seconds=60)
        below = descendants(first.pid)
        first.send_signal(signal.SIGKILL)
        first.wait()
    assert reached, (tmp_path / "log").read_text()
    before = rows(db)
    assert 2 <= len(before) < len(sources)
    assert set(before.values()) == {1}
    assert below
    assert wait_until(lambda: not any(map(is_running, below)))

    again = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **settings
    )
    assert again.returncode == 0, again.stderr
    assert f"{len(before)} of 8 already graded, and unchanged" in again.stderr
    assert rows(db) == Counter(dict.fromkeys(sources, 1))
    with Gradebook(db) as book:
        verdicts = {one.submission: one.verdict for one in book.latest("small")}
    assert verdicts == {id: "pass" if s == REFERENCE else "partial" for id, s in sources.items()}

    third = subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, **settings
    )
    assert "8 of 8 already graded, and unchanged" in third.stderr
    assert rows(db) == Counter(dict.fromkeys(sources, 1))
