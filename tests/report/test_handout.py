"""Handouts in a terminal and as a page: formulas, tables, code, pictures, and nothing else."""

import re
from pathlib import Path

import pytest

from aisys_cli.course.load import load_course
from aisys_cli.report.handout import page, readable

COURSE = load_course(Path(__file__).resolve().parent.parent.parent)
EVERY = [(lab, language) for lab in COURSE.labs for language in ("en", "zh")]
FORMULAS = {
    r"\frac{p - 1}{m + p - 1}": "(p - 1) / (m + p - 1)",
    r"\frac{2 (p - 1)}{p}\, n < 2 n": "(2 (p - 1)) / p n < 2 n",
    r"g(a + a'\varepsilon) = g(a) + g'(a)\,a'\,\varepsilon": "g(a + a'ε) = g(a) + g'(a) a' ε",
    r"\sum_{i} x_i": "∑_i x_i",
}


def fenced(latex):
    return f"before\n\n```math\n{latex}\n```\n\nafter\n"


@pytest.mark.parametrize(("latex", "text"), FORMULAS.items())
def test_a_formula_is_a_line_of_text_and_mathml(latex, text):
    said = re.sub(r"[ \u2009]+", " ", readable(fenced(latex)))
    assert f"```\n{text}\n```" in said
    made = page(fenced(latex), title="t", language="en", pictures=[])
    assert made.count('display="block"') == 1
    assert latex not in made


@pytest.mark.parametrize(("lab", "language"), EVERY, ids=lambda one: getattr(one, "id", one))
def test_every_handout_is_readable_and_a_page_by_itself(lab, language):
    text = lab.handout(language).read_text()
    said = readable(text)
    assert not re.search(r"\\[a-z]+|```math", said), re.search(r"\\[a-z]+", said)
    made = page(text, title=lab.id, language=language, pictures=[])
    assert f'<html lang="{language}">' in made
    assert made.count("<math") == len(re.findall(r"^```math", text, re.MULTILINE)) or "\n= " in text
    assert made.count("<table") >= text.count("\n|---") // 2
    assert "<script" not in made
    assert not re.search(r'(?:src|href)="(?:https?:)?//', made.replace('xmlns="http', ""))


def test_most_labs_have_formulas():
    with_math = [lab.id for lab in COURSE.labs if "```math" in lab.handout("en").read_text()]
    assert len(with_math) >= 4
    for lab in COURSE.labs:
        counts = {lab.handout(one).read_text().count("```math") for one in ("en", "zh")}
        assert len(counts) == 1, lab.id


def test_html_in_a_handout_is_text_and_pictures_are_shown():
    svg = "<svg xmlns='x'><style>text { fill: red }</style></svg>"
    made = page("<script>x</script>", title="<t>", language="en", pictures=[("a & b", svg)])
    assert "<script>" not in made
    assert "<title>&lt;t&gt;</title>" in made
    assert "<figcaption>a &amp; b</figcaption>" in made
    assert made.count("sha256-") == 2


def test_show_writes_a_page(aisys, tmp_path):
    done = aisys("lab", "show", "forward-diff/1", "-o", "page.html", at=None)
    assert done.returncode == 0, done.stderr
    assert "<h2>Task 1" in (tmp_path / "page.html").read_text()
    shown = aisys("lab", "show", "forward-diff", at=None).stdout
    assert "a + a' ε" in shown or "a + a'ε" in shown
    assert "```math" in aisys("lab", "show", "forward-diff", "--plain", at=None).stdout
