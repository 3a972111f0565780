"""docs/how-to/write-a-lab.md, followed to the letter in a folder of its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import clean_environment

from aisys_cli.course.load import load_lab
from aisys_cli.course.new_lab import new_lab
from aisys_cli.errors import UsageError

PAGE = Path(__file__).resolve().parent.parent.parent / "docs/how-to/write-a-lab.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"(?:# |<!-- )(\S+/\S+)(?: -->)?\n")


def shell(line, folder, environment):
    """The command with `aisys` being this one; its output."""
    line = re.sub(r"\baisys(?= )", f"{sys.executable} -m aisys_cli", line)
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_page_leads_to_a_lab_that_passes_course_check(tmp_path):
    environment = clean_environment()
    ran = written = 0
    for kind, text in BLOCK.findall(PAGE.read_text()):
        if kind != "console":
            name = NAMED.match(text)
            path = tmp_path / "my-course" / name[1]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text[name.end() :])
            written += 1
            continue
        output = ""
        for line in text.splitlines():
            if line.startswith("$ export "):
                name, _, value = line.removeprefix("$ export ").partition("=")
                environment[name] = str(tmp_path / value)
            elif line.startswith("$ "):
                output = shell(line.removeprefix("$ "), tmp_path, environment)
                ran += 1
            else:
                assert line in output
    assert (ran, written) == (12, 17)
    lab = load_lab(tmp_path / "my-course", "int8")
    assert [check.id for check in lab.facts.checks] == ["1.1", "1.2", "1.3"]
    assert (tmp_path / "try/int8/int8.py").exists()


def test_a_second_lab_is_listed_after_the_first(tmp_path):
    new_lab(tmp_path, "one")
    new_lab(tmp_path, "one-more")
    assert 'labs = ["one", "one-more"]' in (tmp_path / "course.toml").read_text()
    lab = load_lab(tmp_path, "one-more")
    assert lab.facts.files == ("one_more.py",) or list(lab.facts.files) == ["one_more.py"]


def test_the_rest_of_course_toml_stays_as_it_is(tmp_path):
    new_lab(tmp_path, "one")
    path = tmp_path / "course.toml"
    text = path.read_text().replace('labs = ["one"]', 'labs = [\n    "one",\n]  # in this order')
    path.write_text(text)
    new_lab(tmp_path, "two")
    assert path.read_text() == text.replace('    "one",\n]', '    "one",\n    "two"\n]')


@pytest.mark.parametrize("id", ["My-Lab", "1a", "a b", "../x", "a--b", "", "x" * 41, "a_b"])
def test_an_id_that_cannot_be_one(tmp_path, id):
    with pytest.raises(UsageError, match="cannot be a lab's id"):
        new_lab(tmp_path, id)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path):
    new_lab(tmp_path, "one")
    before = (tmp_path / "course.toml").read_text()
    with pytest.raises(UsageError, match="is there already"):
        new_lab(tmp_path, "one")
    assert (tmp_path / "course.toml").read_text() == before


def test_without_a_course_it_asks_which(aisys):
    done = aisys("course", "new-lab", "one", at=None)
    assert done.returncode == 2
    assert "aisys --course DIR course new-lab one" in done.stderr
