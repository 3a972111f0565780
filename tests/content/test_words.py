"""What the checks of a lab say to a student has a translation in its words.zh.toml."""

import ast
import re
from pathlib import Path

import pytest
from sentences import sentence

from aisys_cli.course.load import load_course, read_words
from aisys_cli.language import phrases

ROOT = Path(__file__).resolve().parents[2]
NAMES = {"numpy", "PyTorch", "Python", "jvp"}
LABS = {lab.id: lab for lab in load_course(ROOT).labs}


def texts(lab):
    """(sentences that a check says, every literal): of the lab's own modules."""
    said, every = set(), set()
    for folder in (lab.folder, lab.hidden_folder):
        for path in folder.glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                every.add(sentence(node))
                said.update(map(sentence, told(node)))
    return said - {None}, every - {None}


def told(node):
    """The nodes of what a wrong answer is told with: why, and by whom it is known."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("wrong", "saying"):
        yield node.args[0]
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("why", "problem"):
        yield node.value
    if isinstance(node, ast.keyword) and node.arg == "oracle":
        yield node.value


@pytest.mark.parametrize("id", LABS)
def test_what_a_check_says_is_translated(id):
    said, every = texts(LABS[id])
    words = read_words(LABS[id], "zh")
    wanted = {one for one in said if re.search("[a-z]{2}", re.sub(r"\{\d\}", "", one))}
    known = {one for one in wanted if phrases("zh")(one) != one}
    assert wanted - known - NAMES - set(words) == set(), "untranslated"
    assert set(words) - every == set(), "no longer said"
