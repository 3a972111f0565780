"""Archives, notebooks and metadata that are made to stop a run, and what is left of them."""

import struct
import tarfile

import pytest
from handed_in import info, notebook, tarred, write, zipped
from harness import REFERENCE

from aisys_cli.bulk.intake import find_submissions, read_submission
from aisys_cli.bulk.intake.notebooks import module_of
from aisys_cli.bulk.intake.records import Unusable
from aisys_cli.bulk.run import job_for

GOOD = REFERENCE.encode()


# -- archives ------------------------------------------------------------------------------


def long_index(classic, *, zip64=False, mark=b"\0\0\0\0"):
    """A zip with an index of 8 MiB. `classic`: what its end says of that, 0 for the truth;
    `zip64`: a second end, that says the truth; `mark`: what the first has for disk numbers."""
    data = zipped({"small.py": GOOD})
    start, end = data.index(b"PK\1\2"), data.index(b"PK\5\6")
    count = (8 << 20) // (end - start)
    index = data[start:end] * count
    size, at = len(index), start + len(index)
    other = struct.pack(
        "<4sQ2H2L4Q4sLQL",
        *(b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, start),
        *(b"PK\6\7", 0, at, 1),
    )
    last = struct.pack("<4s4s2H2LH", b"PK\5\6", mark, 1, 1, classic or size, start, 0)
    return data[:start] + index + (other if zip64 else b"") + last


INDEXES = {
    "honest": lambda: long_index(0),
    "zip64 says more": lambda: long_index(100, zip64=True),
    "only zip64 says": lambda: long_index(0xFFFFFFFF, zip64=True),
    "a second signature": lambda: long_index(0, mark=b"PK\5\6"),
}


@pytest.mark.parametrize("make", INDEXES.values(), ids=INDEXES)
def test_an_index_that_is_too_long_is_not_read(tmp_path, lab, make):
    (tmp_path / "li.zip").write_bytes(make())
    assert "its index is too long" in read_submission("li", tmp_path / "li.zip", lab).problem


def gnu_sparse(size):
    """small.py of so many zeros, none of which is in the archive."""
    made = bytearray(info("small.py", type=tarfile.GNUTYPE_SPARSE).tobuf(tarfile.GNU_FORMAT))
    made[386:483] = bytes(97)
    made[483:495] = b"%011o\0" % size
    made[148:156] = b" " * 8
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made) + bytes(1024)


def pax_sparse(size):
    made = info("GNUSparseFile.0/small.py")
    made.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "small.py",
        "GNU.sparse.size": str(size),
        "GNU.sparse.map": f"{size},0",
    }
    return made.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


@pytest.mark.parametrize("make", [gnu_sparse, pax_sparse])
@pytest.mark.parametrize(
    ("size", "problem"), [(1 << 32, "more than 64 KiB of Python"), (100, "a zero byte at 0")]
)
def test_a_sparse_file_is_read_no_further_than_any_other(tmp_path, lab, make, size, problem):
    (tmp_path / "li.tar").write_bytes(make(size))
    assert problem in read_submission("li", tmp_path / "li.tar", lab).problem


def test_a_long_name_in_a_pax_header_does_not_lead_out_either(tmp_path, lab):
    long = "../hw/" + "x" * 120 + "/small.py"
    (tmp_path / "li.tar").write_bytes(tarred({"small.py": GOOD, long: b"X = 1"}, "w"))
    found = read_submission("li", tmp_path / "li.tar", lab)
    assert found.files == {"small.py": GOOD}
    assert found.notes[0].endswith("a path out of the archive, not read")


NAMES = ["\udcff\udcfe.py", "a\nb.py", "my file-1.py", "a-b/c.py", "\x1b[31m.py", "\u202eyp.py"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_what_no_import_can_mean_is_noted_and_not_sent(tmp_path, lab, pool, name):
    """A name that is not UTF-8 cannot be sent to a worker, and ended the run of a whole class."""
    (tmp_path / "li.tar").write_bytes(tarred({"small.py": GOOD, name: b"X = 1"}, "w"))
    found = read_submission("li", tmp_path / "li.tar", lab)
    assert found.files == {"small.py": GOOD}
    (note,) = found.notes
    assert note.endswith(": not read; no module can have this name")
    assert note.isprintable()
    (done,) = pool.grade([job_for(found, seed=1)])
    assert done.report.passed


def test_a_notebook_of_any_name_is_read(tmp_path, lab, pool):
    data = tarred({"\udcff\udcfe\n.ipynb": notebook([REFERENCE])}, "w")
    (tmp_path / "li.tar").write_bytes(data)
    (done,) = pool.grade([job_for(read_submission("li", tmp_path / "li.tar", lab), seed=1)])
    assert done.report.passed


@pytest.mark.parametrize("names", [("a.py", "A.py"), ("h/a.py", "h//a.py"), ("a.py", "./a.py")])
@pytest.mark.parametrize(("file", "make"), [("li.zip", zipped), ("li.tar", tarred)])
def test_two_names_of_one_file_are_refused(tmp_path, lab, names, file, make):
    (tmp_path / file).write_bytes(make({"small.py": GOOD} | dict.fromkeys(names, b"X = 1")))
    assert "is in it twice" in read_submission("li", tmp_path / file, lab).problem


@pytest.mark.parametrize("wrapped", ["hw1", "hw-1", "repo main (1)"])
def test_a_folder_around_all_may_have_any_name(tmp_path, lab, wrapped):
    files = {f"{wrapped}/small.py": GOOD, f"{wrapped}/old-copy.py": b"X = 1"}
    write(tmp_path / "li", files)
    (tmp_path / "li.zip").write_bytes(zipped(files))
    for name in ("li", "li.zip"):
        assert read_submission("li", tmp_path / name, lab).files == {"small.py": GOOD}


def test_notes_are_no_more_than_somebody_would_read(tmp_path, lab):
    files = {"small.py": GOOD} | {f"../{n}.py": b"" for n in range(4000)}
    (tmp_path / "li.zip").write_bytes(zipped(files))
    notes = read_submission("li", tmp_path / "li.zip", lab).notes
    assert len(notes) == 21
    assert notes[-1] == "and 3980 more"


def test_references_in_metadata_are_not_multiplied(tmp_path):
    """A billion laughs for a name, and none of them in an id."""
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    about = f"{bomb}submission_1:\n  :submitters:\n  - :name: *a11\n    :email: li@example.edu\n"
    write(tmp_path, {"submission_metadata.yml": about, "submission_1/small.py": GOOD})
    assert [one.id for one in find_submissions(tmp_path)] == ["li@example.edu"]


# -- notebooks -----------------------------------------------------------------------------


def namespace_of(*cells):
    """What the module of these cells has once it was imported, and the notes on it."""
    notes = []
    namespace = {}
    exec(compile(module_of(notebook(cells), "n", notes), "n", "exec"), namespace)
    return namespace, notes


def test_decorators_strings_and_joined_lines_survive():
    source = '@staticmethod\ndef f(x):\n    """%not magic\n!nor this"""\n    return x\na = 1; b = 2'
    assert b"@staticmethod\ndef f(x):" in module_of(notebook([source]), "n", [])
    namespace, _ = namespace_of(source)
    assert namespace["f"].__doc__ == "%not magic\n!nor this"
    assert (namespace["a"], namespace["b"]) == (1, 2)


# A cell, and what the module has of it. Nothing of it may keep the rest from being used.
CELLS = {
    "a plot": ("import no_such_plots as plt\nfig, ax = plt.subplots()\nk = 1", {"k": 1}),
    "a file": ("data = open('/no/such/file').read()\nk = 1", {"k": 1}),
    "an object": ("class Tape:\n    pass\nk = isinstance(Tape(), Tape)", {"k": True}),
    "a shell's output": ("files = !ls\nk = 1\nt = %timeit -o f()", {"k": 1}),
    "only a magic": ("if True:\n    %matplotlib inline\nk = 1", {"k": 1}),
    "help": ("?print\nprint??\nk = 1", {"k": 1}),
    "an import that may fail": (
        "try:\n    import no_such_module as m\nexcept ImportError:\n    m = None\nk = m is None",
        {"k": True},
    ),
    "a main block": ("if __name__ != '__main__':\n    raise ValueError\nk = 1", {"k": 1}),
    "lines of Windows": ("k = 1\r\ndef g():\r\n    return 2\r\n", {"k": 1}),
    "a form feed": ("\x0c\ns = 'a'\x0c\nk = 1", {"s": "a", "k": 1}),
    "wide letters": ("s = '加法'; k = '乘'", {"s": "加法", "k": "乘"}),
    "a list over lines": ("k = sorted([\n  2,\n1])", {"k": [1, 2]}),
    "a deep sum": ("a = 1; k = abs(1" + "+1" * 600 + ")", {"k": 601}),
}


@pytest.mark.parametrize(("cell", "has"), CELLS.values(), ids=CELLS)
def test_what_a_cell_leaves_in_the_module(cell, has):
    namespace, notes = namespace_of(REFERENCE, cell)
    assert namespace["add"](1, 2) == 3
    assert {name: namespace[name] for name in has} == has
    assert notes == []


def test_long_lines_and_much_code_cost_little():
    """They took hours and gigabytes: a pattern that went back and forth, a tree too large."""
    namespace, notes = namespace_of(REFERENCE, "k = '" + "a" * 400_000 + "' (")
    assert "add" in namespace
    assert notes == ["n: cell 2 is not Python, left out"]
    with pytest.raises(Unusable, match="more than 512 KiB of code"):
        module_of(notebook(["a=1\n" * 200_000]), "n", [])
