"""Downloads as learning systems make them, notebooks, tar archives, rosters; and damage to all."""

import io
import os
import random
import re
import shlex
import tarfile
from pathlib import Path

import pytest
import yaml
from handed_in import info, notebook, tarred, write, zipped
from harness import REFERENCE

from aisys_cli.bulk.intake import find_submissions, read_handed, read_submission
from aisys_cli.bulk.intake.layouts import layout_of
from aisys_cli.bulk.intake.records import Unusable
from aisys_cli.bulk.roster import read_roster
from aisys_cli.errors import AisysError, UsageError

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = REFERENCE.encode()
FUZZ = int(os.environ.get("AISYS_FUZZ", "300"))


def read_all(folder, lab, **options):
    """{id: its Submission}."""
    return {one.id: read_handed(one, lab) for one in find_submissions(folder, **options)}


@pytest.fixture
def roster(tmp_path):
    path = tmp_path / "class.csv"
    path.write_text(
        "id,name,email,canvas\n"
        "li-ming,Li Ming,liming@example.edu,123\n"
        "wang-fang,Wang Fang,wangfang@example.edu,124\n"
        "zhao,Zhao Yun,zhao@example.edu,125\n"
    )
    return read_roster(path)


# -- layouts ---------------------------------------------------------------------------------


def gradescope(folder):
    when = "2026-03-01 23:59:10.5 +08:00"

    def person(name, email, sid=""):
        return {":name": name, ":email": email, ":sid": sid}

    about = {
        "submission_1": {
            ":submitters": [person("Li Ming", "liming@example.edu")],
            ":created_at": when,
        },
        "submission_2": {
            ":submitters": [
                person("Wang Fang", "wangfang@example.edu"),
                person("Zhao Yun", "zhao@example.edu", "zhao"),
            ],
            ":created_at": "2026-03-02T08:00:00Z",
        },
        "submission_3": {":submitters": [person("Gone", "gone@example.edu")]},
        "../outside": {":submitters": [person("Evil", "evil@example.edu")]},
    }
    files = {
        "submission_metadata.yml": yaml.safe_dump(about),
        "submission_1/small.py": GOOD,
        "submission_2/small.py": b"# two\n" + GOOD,
    }
    return write(folder, files)


def test_gradescope_with_its_times_and_groups(tmp_path, lab, roster):
    folder = gradescope(tmp_path / "g")
    assert layout_of(folder) == "gradescope"
    found = read_all(folder, lab, names=roster.id_of)
    assert set(found) == {"li-ming", "wang-fang", "zhao"}
    assert found["li-ming"].submitted_at == "2026-03-01T23:59:10.500000+08:00"
    assert found["zhao"].submitted_at == "2026-03-02T08:00:00+00:00"
    assert found["zhao"].files == found["wang-fang"].files == {"small.py": b"# two\n" + GOOD}


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-03-01 23:59:10.513466000 Z", "2026-03-01T23:59:10.513466+00:00"),
        ("2026-03-01 23:59:10 UTC", "2026-03-01T23:59:10+00:00"),
        ("2026-03-01 23:59:10 -0800", "2026-03-01T23:59:10-08:00"),
        ("2026-03-01T23:59:10+08:00", "2026-03-01T23:59:10+08:00"),
        ("2026-03-01 23:59:10", ""),
        ("yesterday", ""),
    ],
)
@pytest.mark.parametrize("quoted", [True, False])
def test_times_as_they_are_written(tmp_path, lab, text, instant, quoted):
    mark = '"' if quoted else ""
    about = f"submission_1:\n  :submitters:\n  - :name: Li\n  :created_at: {mark}{text}{mark}\n"
    write(tmp_path, {"submission_metadata.yml": about, "submission_1/small.py": GOOD})
    assert read_all(tmp_path, lab)["Li"].submitted_at == instant


def test_gradescope_without_a_roster_takes_the_address(tmp_path, lab):
    found = read_all(gradescope(tmp_path / "g"), lab)
    assert set(found) == {"liming@example.edu", "wangfang@example.edu", "zhao"}


def test_canvas_groups_the_files_of_a_student_and_takes_the_newest(tmp_path, lab, roster):
    folder = write(
        tmp_path / "c",
        {
            "liming_123_901_small.py": b"# old\n" + GOOD,
            "liming_123_902_small-1.py": GOOD,
            "liming_123_903_notes.txt": b"hello",
            "wangfang_LATE_124_904_Small Work.py": GOOD,
            "strange_999_905_small.zip": zipped({"small.py": GOOD}),
        },
    )
    assert layout_of(folder) == "canvas"
    found = read_all(folder, lab, names=roster.id_of)
    assert set(found) == {"li-ming", "wang-fang", "strange"}
    assert {one.problem for one in found.values()} == {""}
    assert found["li-ming"].files == {"small.py": GOOD}
    assert found["li-ming"].notes == ("notes.txt: not read",)
    assert found["strange"].files == {"small.py": GOOD}


def test_moodle_has_folders_or_files_with_names(tmp_path, lab, roster):
    folder = write(
        tmp_path / "m",
        {
            "Li Ming_5001_assignsubmission_file/small.py": GOOD,
            "Wang Fang_5002_assignsubmission_file_small.py": GOOD,
            "Wang Fang_5002_assignsubmission_onlinetext_onlinetext.html": b"<p>hi</p>",
            "Zhao Yun_5003_assignsubmission_file_/my-work/small.py": GOOD,
            "Typed_5004_assignsubmission_onlinetext_/onlinetext.html": b"<p>hi</p>",
        },
    )
    assert layout_of(folder) == "moodle"
    found = read_all(folder, lab, names=roster.id_of)
    typed = found.pop("Typed")
    assert (typed.files, typed.notes) == ({}, ("typed text: not read",))
    assert "small.py is not in the submission" in typed.problem
    assert set(found) == {"li-ming", "wang-fang", "zhao"}
    assert {tuple(one.files) for one in found.values()} == {("small.py",)}


def test_clones_archives_and_single_files_stand_beside_one_another(tmp_path, lab):
    folder = write(
        tmp_path / "p",
        {
            "li/.git/hooks/post-checkout": b"#!/bin/sh\ntouch /tmp/run\n",
            "li/.git/config": b"[core]\n\tfsmonitor = touch /tmp/run\n",
            "li/small.py": GOOD,
            "wang.py": GOOD,
            "zhao.zip": zipped({"hw1/small.py": GOOD, "__MACOSX/._small.py": b"x"}),
            "chen.tar.gz": tarred({"small.py": GOOD}),
            "wu.tgz": tarred({"./hw/small.py": GOOD}),
            "zheng.ipynb": notebook([REFERENCE]),
            "README.txt": b"",
        },
    )
    assert layout_of(folder) == "plain"
    found = read_all(folder, lab)
    assert set(found) == {"li", "wang", "zhao", "chen", "wu", "zheng"}
    assert {one.problem for one in found.values()} == {""}
    assert all("small.py" in one.files for one in found.values())


def test_one_student_cannot_make_a_folder_look_like_another_systems(tmp_path, lab):
    folder = write(
        tmp_path / "p",
        {"li/small.py": GOOD, "x_1_assignsubmission_file/small.py": GOOD, "a_1_2_b.py": GOOD},
    )
    assert layout_of(folder) == "plain"
    assert len(read_all(folder, lab)) == 3


BAD_METADATA = {
    "not YAML": "a: [",
    "a list": "[1, 2]",
    "a tag": "!!python/object/apply:os.system ['touch /tmp/aisys-yaml']",
    "binary": b"\x00\xff\xfe",
}


@pytest.mark.parametrize("text", BAD_METADATA.values(), ids=BAD_METADATA)
def test_metadata_that_are_none_are_said_to_be(tmp_path, text):
    folder = write(tmp_path / "g", {"submission_metadata.yml": text})
    with pytest.raises(UsageError, match="not Gradescope's metadata"):
        find_submissions(folder)
    assert not Path("/tmp/aisys-yaml").exists()


def test_a_lone_archive_in_a_folder_is_opened(tmp_path, lab):
    folder = write(tmp_path / "p", {"li/my work.zip": zipped({"small.py": GOOD}), "li/a.pdf": b""})
    assert read_all(folder, lab)["li"].files == {"small.py": GOOD}


# -- archives ------------------------------------------------------------------------------


def tar_of(*members):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return data.getvalue()


def claims(size):
    """A header that promises more than there is."""
    made = info("small.py")
    made.size = size
    return made.tobuf(tarfile.GNU_FORMAT) + b"short"


def pax_claims(size):
    made = info("././@PaxHeader", type=tarfile.XHDTYPE)
    made.size = size
    return made.tobuf(tarfile.USTAR_FORMAT) + bytes(1024)


TARS = {
    "a bomb": (lambda: tarred({"small.py": bytes(1 << 20)}), "more than 64 KiB of Python files"),
    "a bomb beside the file": (
        lambda: tarred({"x.bin": bytes(140 << 20), "small.py": GOOD}),
        "unpacks to more than 128 MiB",
    ),
    "a path out of it": (
        lambda: tarred({"../small.py": GOOD}),
        "small.py is not in the submission",
    ),
    "an absolute path": (lambda: tarred({"/small.py": GOOD}), "small.py is not in the submission"),
    "a symbolic link": (
        lambda: tar_of((info("small.py", type=tarfile.SYMTYPE, linkname="/etc/passwd"), b"")),
        "is a symbolic link",
    ),
    "a hard link": (
        lambda: tar_of((info("small.py", type=tarfile.LNKTYPE, linkname="/etc/passwd"), b"")),
        "is a symbolic link",
    ),
    "a device": (
        lambda: tar_of((info("small.py", type=tarfile.CHRTYPE), b"")),
        "small.py is not in the submission",
    ),
    "twice": (lambda: tar_of((info("small.py"), GOOD), (info("small.py"), b"x = 1")), "twice"),
    "cut short": (lambda: tarred({"small.py": GOOD})[:80], "not a readable tar archive"),
    "no archive": (lambda: b"hello", "not a readable tar archive"),
    "empty": (lambda: b"", "not a readable tar archive"),
    "promises": (lambda: claims(1 << 33), "more than 64 KiB|not a readable tar|small.py is not"),
    "promises a header": (lambda: pax_claims((1 << 33) - 1), "not a readable tar|unpacks to more"),
    "many": (
        lambda: tarred({f"d{n}": b"" for n in range(6000)}),
        "more than 5000 files and folders",
    ),
}


@pytest.mark.parametrize(("make", "problem"), TARS.values(), ids=TARS)
def test_each_bad_tar_gets_one_sentence(tmp_path, lab, make, problem):
    path = tmp_path / "li.tar.gz"
    path.write_bytes(make())
    found = read_submission("li", path, lab)
    assert re.search(problem, found.problem), found.problem
    assert found.files == {}
    assert "\n" not in found.problem
    assert os.listdir(tmp_path) == ["li.tar.gz"]


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_is_read_however_it_is_packed(tmp_path, lab, mode):
    path = tmp_path / "li.tar"
    path.write_bytes(tarred({"hw/small.py": GOOD, "hw/notes.txt": b"x"}, mode))
    assert read_submission("li", path, lab).files == {"small.py": GOOD}


# -- notebooks -----------------------------------------------------------------------------


WORK = [
    {"cell_type": "markdown", "source": "# My work"},
    ["%matplotlib inline\n", "!pip install torch\n", "import matplotlib.pyplot as plt\n",
     "import numpy as np; RATE = 0.5\n"],
    "%%bash\nrm -rf /\n",
    "def add(a, b):\n    return a + b\n\nadd(1, 2)",
    "def mul(a, b):\n    return a * b\n\ndef neg(a):\n    return -a",
    "def scale(xs, k):\n    return np.asarray(xs) * k",
    "result = add(1, 2)\nfor i in range(10**9):\n    print(i)\nplt.plot([1, 2])\nplt.show()",
    "this is ( not Python",
    "add?",
    "%%time\nSECOND = RATE * 2",
]  # fmt: skip


def test_the_definitions_of_a_notebook_become_the_module(tmp_path, lab, pool):
    from harness import grade_with

    folder = write(tmp_path / "p", {"li/small.ipynb": notebook(WORK)})
    (found,) = read_all(folder, lab).values()
    assert found.problem == ""
    text = found.files["small.py"].decode()
    assert "# -- cell 4 of small.ipynb\ndef add(a, b):" in text
    assert "try:\n    import matplotlib.pyplot as plt\nexcept ImportError:\n    pass" in text
    assert "RATE = 0.5" in text
    assert "SECOND = RATE * 2" in text
    for gone in ("pip", "rm -rf", "range(10", "show", "result", "add?", "add(1"):
        assert gone not in text
    assert "small.ipynb: cell 8 is not Python, left out" in found.notes
    assert grade_with(pool, {"li": text})["li"].score == 10


def test_a_python_file_beside_a_notebook_counts(tmp_path, lab):
    folder = write(tmp_path / "p", {"li/small.py": GOOD, "li/trial.ipynb": notebook(["x = 1"])})
    assert read_all(folder, lab)["li"].files == {"small.py": GOOD}


def test_of_several_notebooks_the_one_with_the_name_counts(tmp_path, lab):
    both = {"li/a.ipynb": notebook(["x = 1"]), "li/small.ipynb": notebook([REFERENCE])}
    assert "def add" in read_all(write(tmp_path / "p", both), lab)["li"].files["small.py"].decode()
    two = {"wu/a.ipynb": notebook(["x = 1"]), "wu/b.ipynb": notebook(["x = 1"])}
    problem = read_all(write(tmp_path / "q", two), lab)["wu"].problem
    assert problem == "which notebook is small.py? There are a.ipynb, b.ipynb; name one small.ipynb"


BAD_NOTEBOOKS = {
    "not JSON": (b"{", "no JSON with cells"),
    "a list": (b"[]", "no JSON with cells"),
    "no cells": (b"{}", "no JSON with cells"),
    "cells of numbers": (b'{"cells": [1]}', "no JSON with cells"),
    "a source of numbers": (notebook([{"cell_type": "code", "source": [1]}]), "no JSON with cells"),
    "nested": (b"[" * 100_000, "no JSON with cells"),
    "nothing": (notebook([]), "without code"),
    "text only": (notebook([{"cell_type": "markdown", "source": "x"}]), "without code"),
}


@pytest.mark.parametrize(("data", "problem"), BAD_NOTEBOOKS.values(), ids=BAD_NOTEBOOKS)
def test_each_bad_notebook_gets_one_sentence(tmp_path, lab, data, problem):
    folder = write(tmp_path / "p", {"li.ipynb": data})
    assert problem in read_all(folder, lab)["li"].problem


# -- the roster ----------------------------------------------------------------------------


def test_every_word_of_a_row_means_the_student(roster):
    for word in ("li-ming", "Li Ming", "li ming", "LiMing", "liming@example.edu", "123"):
        assert roster.id_of(word) == "li-ming", word
    assert roster.id_of("nobody") == "nobody"


def test_a_word_that_two_share_means_neither(tmp_path):
    path = tmp_path / "r.csv"
    path.write_text("id,name\na1,Wang Fang\na2,Wang Fang\n")
    assert read_roster(path).id_of("Wang Fang") == "Wang Fang"


@pytest.mark.parametrize(
    ("data", "id", "name"),
    [
        ("学号,姓名\n2026001,李明\n".encode("gb18030"), "2026001", "李明"),
        ("\ufeff学号;姓名\n2026001;李明\n".encode(), "2026001", "李明"),
        (b"Student ID\tName\n7\tLi\n", "7", "Li"),
        (b'Name,Login ID\n"Li, Ming",li\n\n', "li", "Li, Ming"),
    ],
)
def test_rosters_as_programs_write_them(tmp_path, data, id, name):
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    (person,) = read_roster(path).people
    assert (person.id, person.name) == (id, name)


BAD_ROSTERS = {
    b"": "is empty",
    b"name,email\nx,y\n": "no column for the id",
    b"id\n1\n1\n": "row 3: '1' stands in row 2 already",
    b"id,name\n,x\n": "row 2: no id",
    b"\xff\xff\xff": "neither UTF-8 nor GB 18030",
    b'id,name\n"a,b\n': "not CSV",
}


@pytest.mark.parametrize(("data", "said"), BAD_ROSTERS.items(), ids=map(str, BAD_ROSTERS.values()))
def test_each_bad_roster_gets_one_sentence(tmp_path, data, said):
    path = tmp_path / "r.csv"
    path.write_bytes(data)
    with pytest.raises(UsageError) as raised:
        read_roster(path)
    assert said in raised.value.message


# -- the command ---------------------------------------------------------------------------


def test_who_is_missing_and_who_is_a_stranger_is_said(aisys, tmp_path):
    gradescope(tmp_path / "g")
    (tmp_path / "class.csv").write_text(
        "id,name,email\nli-ming,Li Ming,liming@example.edu\nqian,Qian Xuesen,q@example.edu\n"
    )
    done = aisys("grade-all", "g", "--lab", "small", "--roster", "class.csv", "-j", "2")
    assert done.returncode == 0, done.stderr
    assert "a download of Gradescope, 3 submissions" in done.stderr
    assert "1 of 2 on the roster handed in." in done.stderr
    assert "Nothing from:\n  qian  Qian Xuesen" in done.stderr
    assert "Not on the roster:\n  wangfang@example.edu\n  zhao" in done.stderr
    shown = aisys("gradebook", "show", "--lab", "small").stdout
    assert "qian" in shown


def test_a_bad_roster_leaves_no_gradebook_behind(aisys, tmp_path):
    gradescope(tmp_path / "g")
    (tmp_path / "class.csv").write_text("name\nx\n")
    done = aisys("grade-all", "g", "--lab", "small", "--roster", "class.csv")
    assert done.returncode == 2
    assert not (tmp_path / "gradebook.db").exists()


def test_the_commands_of_the_page_run(aisys, tmp_path):
    """With the small lab in the place of the page's."""
    page = (ROOT / "docs/how-to/intake.md").read_text()
    write(tmp_path / "clones", {"li/.git/HEAD": b"ref", "li/small.py": GOOD})
    gradescope(tmp_path / "from-gradescope")
    write(tmp_path / "from-canvas", {"liming_123_1_small.py": GOOD})
    write(tmp_path / "from-moodle", {"Li Ming_5_assignsubmission_file/small.py": GOOD})
    roster = re.search(r"```\n(id,name.*?)```", page, re.DOTALL)[1]
    (tmp_path / "class.csv").write_text(roster)
    lines = re.findall(r"^\$ aisys (.*)$", page, re.MULTILINE)
    assert len(lines) == 4
    for line in lines:
        done = aisys(*shlex.split(line.replace("forward-diff", "small")))
        assert done.returncode == 0, done.stderr


# -- damage --------------------------------------------------------------------------------


def damaged(data, draw):
    """Some bytes changed, cut out or doubled."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 2, 8))):
        if not data:
            break
        at = draw.randrange(len(data))
        match draw.randrange(4):
            case 0:
                data[at] = draw.randrange(256)
            case 1:
                del data[at : at + draw.choice((1, 4, 64))]
            case 2:
                data[at:at] = data[at : at + draw.choice((1, 4, 64))] * draw.choice((1, 3))
            case _:
                data[at : at + 4] = draw.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\x7f"))
    return bytes(data)


HANDED = {
    "li.zip": lambda: zipped({"hw/small.py": GOOD, "hw/b.ipynb": notebook([REFERENCE])}),
    "li.tar": lambda: tarred({"small.py": GOOD, "b.ipynb": notebook(WORK)}, "w"),
    "li.tar.gz": lambda: tarred({"small.py": GOOD}, "w:gz"),
    "li.tar.bz2": lambda: tarred({"small.py": GOOD}, "w:bz2"),
    "li.tar.xz": lambda: tarred({"small.py": GOOD}, "w:xz"),
    "li.ipynb": lambda: notebook(WORK),
    "li.py": lambda: GOOD,
}


@pytest.mark.parametrize("name", HANDED)
def test_damage_to_a_submission_is_a_sentence_or_harmless(tmp_path, lab, name):
    """AISYS_FUZZ=20000 tries so many of each kind."""
    draw = random.Random(name)
    whole = HANDED[name]()
    folder = tmp_path / "p"
    folder.mkdir()
    usable = 0
    for number in range(FUZZ):
        (folder / name).write_bytes(damaged(whole, draw))
        try:
            found = read_submission("li", folder / name, lab)
        except BaseException as error:
            raise AssertionError(f"{name}, input {number}") from error
        assert os.listdir(folder) == [name]
        assert "\n" not in found.problem
        assert sum(map(len, found.files.values())) <= (64 << 10) + (48 << 20)
        usable += not found.problem
    assert usable < FUZZ
    assert os.listdir(tmp_path) == ["p"]


@pytest.mark.parametrize("what", ["submission_metadata.yml", "class.csv"])
def test_damage_to_what_the_teacher_gives_is_an_error_or_harmless(tmp_path, lab, what):
    draw = random.Random(what)
    folder = gradescope(tmp_path / "g")
    roster = tmp_path / "class.csv"
    roster.write_text("id,name,email\nli-ming,Li Ming,liming@example.edu\n")
    path = roster if what == "class.csv" else folder / what
    whole = path.read_bytes()
    for number in range(FUZZ // 3):
        path.write_bytes(damaged(whole, draw))
        try:
            people = read_roster(roster)
            read_all(folder, lab, names=people.id_of)
        except AisysError as error:
            assert error.message
        except Unusable as error:
            raise AssertionError(f"input {number}") from error
