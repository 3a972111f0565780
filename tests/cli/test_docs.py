"""The documentation: it builds without a warning, and its command lines do what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import DATA, REFERENCE, clean_environment

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / "docs"


def console(page):
    """The command lines of a page that are to be run."""
    blocks = re.findall(
        r"^```console\n(.*?)^```", (DOCS / page).read_text(), re.DOTALL | re.MULTILINE
    )
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def run(line, folder, course):
    environment = clean_environment(AISYS_COURSE=str(course))
    line = re.sub(r"\baisys(?= |$)", f"{sys.executable} -m aisys_cli", line)
    done = subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    return done.stdout


def test_the_reference_is_what_the_commands_say(aisys):
    made = aisys("help", "commands")
    assert made.stdout == (DOCS / "reference/commands.md").read_text(), "run: make docs"
    for name in ("grade-all", "lab watch", "gradebook similar", "course new-lab"):
        assert f"aisys {name}\n" in made.stdout


def test_the_tutorial_does_what_it_says(tmp_path):
    lines = console("tutorial.md")
    assert len(lines) >= 9
    said = [run(line, tmp_path, ROOT) for line in lines]
    assert (tmp_path / "forward-diff/forward_diff.py").exists()
    assert "任务 1" in "".join(said)


def test_a_term_is_taught_as_the_page_says(tmp_path):
    """With the small course in the place of the bundled one."""
    lines = console("how-to/teach.md")
    assert len(lines) >= 11
    for id, source in {"li-ming": REFERENCE, "wang": REFERENCE.replace("-a", "a")}.items():
        (tmp_path / "submissions" / id).mkdir(parents=True)
        (tmp_path / "submissions" / id / "small.py").write_text(source)
    (tmp_path / "class.csv").write_text("id,name\nli-ming,Li Ming\nqian,Qian\n")
    for line in lines:
        smaller = line.replace("forward-diff", "small").replace("--score 90", "--score 9")
        run(smaller, tmp_path, DATA / "small-course")
    assert "li-ming" in (tmp_path / "grades.csv").read_text()
    assert "Qian" in (tmp_path / "class.html").read_text()
    assert "li-ming,,9," in (tmp_path / "moodle.csv").read_text()


def test_every_page_is_in_the_outline_and_every_link_leads_somewhere():
    outline = (ROOT / "mkdocs.yml").read_text()
    for path in DOCS.rglob("*.md"):
        assert path.relative_to(DOCS).as_posix() in outline, path
        for link in re.findall(r"\]\(([^)#:]+)(?:#[\w-]+)?\)", path.read_text()):
            assert (path.parent / link).exists(), f"{path}: {link}"
    for link in re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text()):
        assert (ROOT / link).exists(), link


def test_the_site_builds_without_a_warning(tmp_path):
    mkdocs = Path(sys.executable).with_name("mkdocs")
    if not mkdocs.exists():
        pytest.skip("mkdocs is not installed: make docs installs it")
    done = subprocess.run(
        [mkdocs, "build", "--strict", "--site-dir", tmp_path / "site"],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    assert (tmp_path / "site/reference/commands.html").exists()
