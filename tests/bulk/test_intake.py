"""What students hand in: each thing gets one clear sentence, or is read as it is."""

import io
import os
import stat
import struct
import threading
import zipfile
import zlib

import pytest
from harness import REFERENCE, grade_with, jobs_of, result

from aisys_cli.bulk.intake import find_submissions, read_submission
from aisys_cli.bulk.run import job_for
from aisys_cli.errors import NothingToDo, UsageError
from aisys_cli.report.files import to_json, to_junit, to_text

GOOD = REFERENCE.encode()


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "student"
    made.mkdir()
    return made


@pytest.fixture
def read(lab):
    return lambda path: read_within(path, lab)


def read_within(path, lab, *, seconds=10):
    """read_submission, given up when it hangs (as on a pipe that nobody writes to)."""
    found = []
    thread = threading.Thread(
        target=lambda: found.append(read_submission("id", path, lab)), daemon=True
    )
    thread.start()
    thread.join(seconds)
    assert found, "reading it hangs, or raised"
    return found[0]


# -- folders and files -------------------------------------------------------------


def test_a_folder_is_read(folder, read):
    (folder / "small.py").write_bytes(GOOD)
    (folder / "more").mkdir()
    (folder / "more" / "part.py").write_text("X = 1")
    (folder / "notes.txt").write_text("not Python")
    found = read(folder)
    assert found.files == {"small.py": GOOD, "more/part.py": b"X = 1"}
    assert (found.problem, found.notes) == ("", ())


def test_a_single_file_is_taken_for_the_labs_file_whatever_its_name(tmp_path, read):
    path = tmp_path / "li-ming.py"
    path.write_bytes(GOOD)
    assert read(path).files == {"small.py": GOOD}


@pytest.mark.parametrize(
    "name", [".git", "__pycache__", "public", "venv", "node_modules", ".aisys"]
)
def test_folders_that_are_not_the_students_are_passed_over(folder, read, name):
    (folder / "small.py").write_bytes(GOOD)
    (folder / name).mkdir()
    (folder / name / "x.py").write_text("X = 1")
    assert set(read(folder).files) == {"small.py"}


def write(name, data):
    return lambda folder: (folder / name).write_bytes(data)


def symlink(name, target):
    return lambda folder: (folder / name).symlink_to(target)


def many_files(folder):
    (folder / "small.py").write_bytes(GOOD)
    for n in range(100):
        (folder / f"part{n}.py").write_text("")


def many_entries(folder):
    (folder / "small.py").write_bytes(GOOD)
    for n in range(2100):
        (folder / f"x{n}.txt").touch()


def sparse(folder):
    """100 MB that take no room on the disk."""
    with (folder / "small.py").open("wb") as file:
        file.truncate(100 << 20)


def many_kib(folder):
    for name in ("small.py", "part.py"):
        (folder / name).write_bytes(b"# " + b"x" * (40 << 10))


BAD = {
    "nothing": (lambda _: None, "small.py is not in the submission (found: no Python file)"),
    "another name": (
        write("smal.py", GOOD),
        "small.py is not in the submission (found: smal.py)",
    ),
    "empty": (write("small.py", b""), "small.py is empty"),
    "blank": (write("small.py", b" \n\n\t"), "small.py is empty"),
    "binary": (
        write("small.py", b"\x7fELF\x02\x01\x01\0\0\0"),
        "small.py is not a text file (a zero byte at 7)",
    ),
    "UTF-16": (
        write("small.py", REFERENCE.encode("utf-16-le")),
        "small.py is not a text file (a zero byte at 1)",
    ),
    "GBK": (
        write("small.py", "x = 1\n# 加法\n".encode("gbk")),
        "small.py is not UTF-8: byte 0xbc in line 2",
    ),
    "100 MB": (sparse, "small.py has 104857600 bytes; the limit is 65536 (source_kib = 64)"),
    "just too large": (
        write("small.py", b"#" * 65537),
        "small.py has 65537 bytes; the limit is 65536 (source_kib = 64)",
    ),
    "a folder": (lambda f: (f / "small.py").mkdir(), "small.py is a folder; a file was expected"),
    "a link out": (
        symlink("small.py", "/etc/passwd"),
        "small.py is a symbolic link; submit the file itself",
    ),
    "a link to itself": (
        symlink("small.py", "small.py"),
        "small.py is a symbolic link; submit the file itself",
    ),
    "a link to a folder": (
        symlink("small.py", "/etc"),
        "small.py is a symbolic link; submit the file itself",
    ),
    "a broken link": (
        symlink("small.py", "/nowhere"),
        "small.py is a symbolic link; submit the file itself",
    ),
    "a pipe": (lambda f: os.mkfifo(f / "small.py"), "small.py is not a regular file"),
    "a link to a device": (
        symlink("small.py", "/dev/zero"),
        "small.py is a symbolic link; submit the file itself",
    ),
    "100 files": (many_files, "more than 64 Python files or 64 KiB of them"),
    "80 KiB in two files": (many_kib, "more than 64 Python files or 64 KiB of them"),
    "2000 entries": (many_entries, "more than 2000 files and folders"),
}


@pytest.mark.parametrize(("make", "problem"), BAD.values(), ids=BAD)
def test_each_bad_thing_gets_one_sentence(folder, read, make, problem):
    make(folder)
    found = read(folder)
    assert found.problem == problem
    assert found.files == {}
    assert found.digest


@pytest.mark.skipif(os.getuid() != 0, reason="only root can make a device")
def test_a_device_is_not_a_regular_file(folder, read):
    try:
        os.mknod(folder / "small.py", stat.S_IFCHR | 0o666, os.makedev(1, 5))
    except PermissionError:
        pytest.skip("this container makes no devices")
    assert "small.py" in read(folder).problem


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(folder, read):
    (folder / "small.py").write_bytes(GOOD)
    (folder / "small.py").chmod(0)
    assert read(folder).problem == "small.py: Permission denied"


def test_a_link_beside_the_file_is_noted_and_not_followed(folder, read):
    (folder / "small.py").write_bytes(GOOD)
    (folder / "secret.py").symlink_to("/etc/passwd")
    (folder / "out").symlink_to("/etc")
    found = read(folder)
    assert set(found.files) == {"small.py"}
    assert found.notes == ("secret.py: a symbolic link, not read",)


def test_a_submission_that_is_a_link_is_not_followed(tmp_path, folder, read):
    (folder / "small.py").write_bytes(GOOD)
    link = tmp_path / "link"
    link.symlink_to(folder)
    assert read(link).problem == "link is a symbolic link; submit the file itself"


@pytest.mark.parametrize("name", ["random.py", "numpy.py", "msgspec.py", "aisys_cli.py", "json.py"])
def test_a_module_named_like_a_library_is_noted(folder, read, name):
    (folder / "small.py").write_bytes(GOOD)
    (folder / name).write_text("raise ValueError")
    stem = name.removesuffix(".py")
    assert read(folder).notes == (f"{name}: not used; {stem} is the name of a library",)


def test_a_driver_of_their_own_is_noted(folder, read):
    (folder / "small.py").write_bytes(GOOD)
    (folder / "driver.py").write_text("def neg(*_): return 'forged'")
    assert read(folder).notes == ("driver.py: not used; the lab's own driver runs the checks",)


def test_a_byte_order_mark_is_no_problem(folder, read):
    (folder / "small.py").write_bytes(b"\xef\xbb\xbf" + GOOD)
    assert read(folder).problem == ""


def test_a_file_that_vanishes_says_so(tmp_path, read):
    assert "No such file" in read(tmp_path / "gone.py").problem


HOSTILE_NAMES = {
    "escape": "\x1b[31mred.py",
    "newline": "a\nb.py",
    "markup": "<b>&amp;.py",
    "right to left": "a\u202ecod.py",
    "Chinese": "作业.py",
    "not UTF-8": os.fsdecode(b"\xff\xfe.py"),
    "long": "x" * 250 + ".py",
}


@pytest.mark.parametrize("name", HOSTILE_NAMES.values(), ids=HOSTILE_NAMES)
@pytest.mark.parametrize("role", ["a file beside", "the only file", "a link", "the submission"])
def test_hostile_names_reach_a_report_and_do_no_harm(tmp_path, pool, lab, name, role):
    """From the disk to every format of a report."""
    id = name.removesuffix(".py") if role == "the submission" else "student"
    folder = tmp_path / id
    folder.mkdir()
    if role != "the only file":
        (folder / "small.py").write_bytes(GOOD)
    if role == "a link":
        (folder / name).symlink_to("/etc/passwd")
    elif role != "the submission":
        (folder / name).write_text("X = 1")
    ((found, path, *_),) = find_submissions(tmp_path)
    (done,) = pool.grade([job_for(read_submission(found, path, lab), seed=1)])
    for render in (to_text, to_json, to_junit):
        text = render([done.report])
        text.encode()
        assert not set(text) & {"\x1b", "\u202e", "\x07"}
        assert "a\nb" not in text
    assert done.report.passed == (role != "the only file")


# -- archives ---------------------------------------------------------------------


def archive(path, members, **options):
    with zipfile.ZipFile(path, "w", **options) as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def test_an_archive_is_read(tmp_path, read):
    path = archive(tmp_path / "a.zip", {"small.py": GOOD, "pack/part.py": b"X = 1", "x.pdf": b"x"})
    assert read(path).files == {"small.py": GOOD, "pack/part.py": b"X = 1"}


def test_a_folder_around_all_is_taken_off(tmp_path, read):
    path = archive(tmp_path / "a.zip", {"lab1/small.py": GOOD, "lab1/pack/part.py": b"X = 1"})
    assert set(read(path).files) == {"small.py", "pack/part.py"}


def test_what_a_mac_adds_to_an_archive_is_passed_over(tmp_path, read):
    """Finder's archives have a second tree with a binary file for each real one."""
    path = archive(
        tmp_path / "a.zip",
        {
            "lab1/small.py": GOOD,
            "__MACOSX/lab1/._small.py": b"\0\x05\x16\x07\0",
            "lab1/._x.py": b"\0",
        },
    )
    found = read(path)
    assert found.problem == ""
    assert found.files == {"small.py": GOOD}


@pytest.mark.parametrize("name", ["__pycache__/x.py", ".git/x.py", "venv/x.py", "public/checks.py"])
def test_folders_of_an_archive_are_passed_over_as_on_disk(tmp_path, read, name):
    found = read(archive(tmp_path / "a.zip", {"small.py": GOOD, name: b"X = 1"}))
    assert set(found.files) == {"small.py"}


@pytest.mark.parametrize("name", ["../out.py", "/abs.py", "a/../../out.py", "a/../small.py"])
def test_a_path_out_of_the_archive_is_noted_and_not_read(tmp_path, read, name):
    found = read(archive(tmp_path / "a.zip", {"small.py": GOOD, name: b"X = 1"}))
    assert found.files == {"small.py": GOOD}
    assert found.notes == (f"{name}: a path out of the archive, not read",)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.zip"]


def bomb(path):
    return archive(path, {"small.py": b"#" * (200 << 20)}, compression=zipfile.ZIP_DEFLATED)


def many_small(path):
    return archive(path, {f"m{n}.py": b"x" for n in range(100)})


def twice(path):
    with zipfile.ZipFile(path, "w") as out, pytest.warns(UserWarning):
        out.writestr("small.py", GOOD)
        out.writestr("small.py", b"X = 1")
    return path


def encrypted(path):
    """The flag is enough for zipfile to want a password."""
    archive(path, {"small.py": GOOD})
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\1\2") + 8] |= 1
    data[6] |= 1
    path.write_bytes(data)
    return path


def damaged(path):
    """A valid directory, and compressed data that is none."""
    archive(path, {"small.py": GOOD * 20}, compression=zipfile.ZIP_DEFLATED)
    data = bytearray(path.read_bytes())
    start = 30 + len("small.py")
    data[start : start + 8] = b"\xff" * 8
    path.write_bytes(data)
    with pytest.raises(zlib.error), zipfile.ZipFile(path) as broken:
        broken.read("small.py")
    return path


def unknown_method(path):
    archive(path, {"small.py": GOOD})
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\1\2") + 10, 99)
    struct.pack_into("<H", data, 8, 99)
    path.write_bytes(data)
    return path


def broken_lzma(path):
    archive(path, {"small.py": GOOD * 20}, compression=zipfile.ZIP_LZMA)
    data = bytearray(path.read_bytes())
    start = 30 + len("small.py") + 4
    data[start : start + 5] = b"\xff" * 5
    path.write_bytes(data)
    return path


def cut(path):
    archive(path, {"small.py": GOOD})
    path.write_bytes(path.read_bytes()[:-30])
    return path


def wrong_crc(path):
    archive(path, {"small.py": GOOD})
    data = bytearray(path.read_bytes())
    data[30 + len("small.py") + 5] ^= 1
    path.write_bytes(data)
    return path


def link_within(path):
    with zipfile.ZipFile(path, "w") as out:
        info = zipfile.ZipInfo("small.py")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        out.writestr(info, "/etc/passwd")
    return path


def plain_text(path):
    path.write_text("this is no archive")
    return path


def pipe(path):
    os.mkfifo(path)
    return path


def folder_named_zip(path):
    path.mkdir()
    return path


ARCHIVES = {
    "a bomb": (bomb, "more than 64 KiB of Python files"),
    "many files": (many_small, "more than 64 Python files"),
    "one name twice": (twice, "small.py is in it twice"),
    "encrypted": (encrypted, "not a readable zip archive"),
    "damaged": (damaged, "not a readable zip archive"),
    "an unknown method": (unknown_method, "not a readable zip archive"),
    "damaged LZMA": (broken_lzma, "not a readable zip archive"),
    "cut short": (cut, "not a readable zip archive"),
    "a wrong checksum": (wrong_crc, "not a readable zip archive"),
    "no archive": (plain_text, "not a readable zip archive"),
    "nothing in it": (lambda path: archive(path, {}), "small.py is not in the submission"),
    "a link in it": (link_within, "symbolic link"),
    "a pipe": (pipe, "not a regular file"),
    "a folder of that name": (folder_named_zip, "small.py is not in the submission"),
}


@pytest.mark.parametrize(("make", "problem"), ARCHIVES.values(), ids=ARCHIVES)
def test_each_bad_archive_gets_one_sentence(tmp_path, read, make, problem):
    found = read(make(tmp_path / "a.zip"))
    assert problem in found.problem
    assert found.files == {}
    assert "\n" not in found.problem


def test_an_archive_within_an_archive_is_not_opened(tmp_path, read):
    inner = io.BytesIO()
    archive(inner, {"small.py": GOOD})
    found = read(archive(tmp_path / "a.zip", {"inner.zip": inner.getvalue()}))
    assert "small.py is not in the submission" in found.problem


# -- digests ----------------------------------------------------------------------


def test_the_digest_is_of_content_not_of_where_it_lies(tmp_path, read):
    digests = set()
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "small.py").write_bytes(GOOD)
        digests.add(read(tmp_path / name).digest)
    digests.add(read(archive(tmp_path / "a.zip", {"x/small.py": GOOD})).digest)
    assert len(digests) == 1


def test_the_digest_changes_with_content_names_and_problem(folder, read):
    seen = [read(folder).digest]
    for name, data in (("small.py", GOOD), ("a.py", b"X"), ("b.py", b"X"), ("a.py", b"Y")):
        (folder / name).write_bytes(data)
        seen.append(read(folder).digest)
    (folder / "small.py").write_bytes(b"\0")
    seen.append(read(folder).digest)
    assert len(set(seen)) == len(seen)


# -- folders of submissions -----------------------------------------------------------


def test_submissions_are_folders_files_and_archives_by_id(tmp_path):
    (tmp_path / "wang").mkdir()
    (tmp_path / "chen.py").write_bytes(GOOD)
    archive(tmp_path / "li.zip", {"small.py": GOOD})
    (tmp_path / "grades.csv").write_text("not one")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "__pycache__").mkdir()
    assert [id for id, *_ in find_submissions(tmp_path)] == ["chen", "li", "wang"]


def test_two_submissions_of_one_id_are_refused(tmp_path):
    (tmp_path / "wang").mkdir()
    (tmp_path / "wang.py").write_bytes(GOOD)
    with pytest.raises(UsageError, match=r"two submissions of 'wang': wang and wang\.py"):
        find_submissions(tmp_path)


def test_no_submissions_is_nothing_to_do(tmp_path):
    with pytest.raises(NothingToDo, match="no submissions in"):
        find_submissions(tmp_path)


def test_what_is_no_folder_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="is not a folder of submissions"):
        find_submissions(tmp_path / "nowhere")


# -- what an import does ---------------------------------------------------------------


def test_a_module_named_random_neither_helps_nor_harms(pool):
    files = {"small.py": f"import random\n{REFERENCE}", "random.py": "raise ValueError"}
    assert grade_with(pool, {"one": files})["one"].passed


def test_a_driver_of_their_own_is_not_run(pool):
    files = {
        "small.py": REFERENCE.replace("return -a", "return a"),
        "driver.py": "def neg(student, a): return -a",
    }
    assert result(grade_with(pool, {"one": files})["one"], "2.1").verdict == "fail"


def test_a_second_file_is_imported_and_named_in_the_evidence(pool):
    files = {
        "small.py": f"{REFERENCE.replace('return -a', 'return part.neg(a)')}\nimport part",
        "part.py": "def neg(a):\n    return a.minus",
    }
    (done,) = pool.grade(jobs_of({"one": files}))
    where = result(done.report, "2.1").evidence.where
    assert (where.file, where.line) == ("part.py", 2)
