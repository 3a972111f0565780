"""The HTML report without a browser: what is on it, and that nobody can put anything else there."""

import base64
import hashlib
import itertools
import re
from html.parser import HTMLParser

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import EVIDENCE, VERDICTS, check, of, report
from test_hosts import HOSTILE

from aisys_cli.report.html import class_html, to_html
from aisys_cli.report.html.model import lab_page, student
from aisys_cli.report.html.words import WORDS, verdict_in
from aisys_cli.report.records import Place, clean, clean_line

VOID = {"meta", "br", "img", "rect", "input"}
texts = st.sampled_from(
    [*filter(None, HOSTILE), "</pre></section>", '" onclick="alert(1)', "{{ 7 * 7 }}", "</style>"]
)


class Page(HTMLParser):
    """Elements, their attributes, the text of each; unclosed ones are an error."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.text = [], [], ""
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        if not {"script", "style"} & {*self.open}:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


def page_of(reports, language="en", **options):
    students = [
        student(
            one.submission, one, anchor=f"l1-s{n}", language=language, score=one.score,
            max_score=one.max_score, **options,
        )
        for n, one in enumerate(reports)
    ]  # fmt: skip
    lab = lab_page("small", "Numbers", 10, students, anchor="l1")
    return "".join(class_html("A course", [lab], language=language)), lab


def failing(input, got, who):
    evidence = msgspec.structs.replace(EVIDENCE, input=input, got=got)
    return report(check("fail", evidence=evidence), check("pass", "1.2"), submission=who)


# -- what is on it ---------------------------------------------------------------------------


def test_misconceptions_are_grouped_by_check_and_smallest_input_the_biggest_first():
    reports = [
        failing("neg(1.0)", "1.0", "a"),
        failing("neg(1.0)", "1.0", "b"),
        failing("neg(1.0)", "0.0", "c"),
        failing("neg(2.0)", "2.0", "d"),
        failing("neg(2.0)", "2.0", "e"),
        failing("neg(3.0)", "3.0", "f"),
    ]
    text, lab = page_of(reports)
    assert [(group.input, group.size) for group in lab.groups] == [("neg(1.0)", 3), ("neg(2.0)", 2)]
    who = {answer: [s.id for s, _ in them] for answer, them in lab.groups[0].answers.items()}
    assert who == {"1.0": ["a", "b"], "0.0": ["c"]}
    page = Page(text)
    links = [attrs["href"] for attrs in page.all("a")]
    ids = {attrs["id"] for _, attrs in page.elements if "id" in attrs}
    assert "#l1-s2-1.1" in links
    assert {link[1:] for link in links} <= ids


def test_rates_and_scores_leave_out_what_was_not_graded():
    _, lab = page_of([of("pass", "fail"), of("pass", "blocked"), of("pass", "infra")])
    assert [(rate.passed, rate.blocked, rate.graded) for rate in lab.rates] == [
        (2, 0, 2),
        (0, 1, 2),
    ]
    assert lab.rates[0].percent == 100
    assert lab.scores == [2, 2]
    assert lab.unscored == 1
    assert sum(count for _, _, count in lab.bins) == 2


def test_ten_parts_hold_every_score():
    for most in (1, 7, 10, 100, 173):
        students = [
            student(f"s{n}", None, anchor=f"s{n}", language="en", score=n, max_score=most)
            for n in range(most + 1)
        ]
        lab = lab_page("x", "X", most, students, anchor="l1")
        assert sum(count for _, _, count in lab.bins) == most + 1
        assert lab.bins[0][0] == 0
        assert lab.bins[-1][1] == most
        assert lab.median == most / 2


def test_the_line_to_look_at_is_shown_with_those_around_it():
    source = "\n".join(f"line {n}" for n in range(1, 30))
    text, lab = page_of([failing("f()", "1", "a")], sources={"small.py": source.encode()})
    (failure,) = lab.students[0].failures
    assert [number for number, _, _ in failure.source] == list(range(13, 20))
    assert [line for _, line, here in failure.source if here] == ["line 16"]
    assert "  16  line 16" in Page(text).text


def test_a_line_of_a_file_that_is_not_there_is_no_matter():
    evidence = msgspec.structs.replace(EVIDENCE, where=Place("../../etc/passwd", 1))
    made = report(check("fail", evidence=evidence))
    _, lab = page_of([made], sources={"small.py": b"x"})
    assert lab.students[0].failures[0].source == []


def test_every_verdict_and_both_languages_are_shown():
    text, _ = page_of([of(*VERDICTS)], language="zh")
    page = Page(text)
    assert page.all("html") == [{"lang": "zh"}]
    for verdict in VERDICTS:
        assert verdict_in(verdict, "zh") in page.text
    assert set(map(type, vars(WORDS["zh"]).values())) == {str}
    english, chinese = vars(WORDS["en"]), vars(WORDS["zh"])
    assert {name for name in english if english[name] == chinese[name]} == set()


def test_one_submission_is_shown_open():
    page = Page(to_html([failing("neg(1.0)", "1.0", "li-ming")]))
    assert "open" in page.all("details")[0]
    assert "Smallest failing input" in page.text
    assert "neg(1.0)" in page.text
    assert not page.all("nav")


def test_who_handed_in_nothing_is_listed():
    nobody = student("qian", None, anchor="s0", language="en", name="Qian", max_score=10)
    lab = lab_page("small", "Numbers", 10, [nobody], anchor="l1")
    page = Page("".join(class_html("A course", [lab], language="en")))
    assert "nothing handed in" in page.text
    assert lab.median is None


# -- for all readers ---------------------------------------------------------------------------


def test_tables_and_headings_are_marked_up():
    text, _ = page_of([failing("neg(1.0)", "1.0", "a"), of("pass", submission="b")])
    page = Page(text)
    assert len(page.all("h1")) == 1
    assert page.all("main")[0]["id"] == "main"
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    assert all(attrs.get("scope") in ("col", "row") for attrs in page.all("th"))
    assert all("aria-label" in a or a.get("aria-hidden") == "true" for a in page.all("svg"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert all(later - earlier <= 1 for earlier, later in itertools.pairwise(levels))
    ids = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(ids) == len(set(ids))


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", [0, 1])
def test_text_can_be_told_from_its_ground(theme):
    text, _ = page_of([of("pass")])
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    colours = [dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", part)) for part in style.split("@media")]
    theme = colours[theme]
    for ground in ("paper", "raised"):
        for ink in ("ink", "soft", "link", "good", "bad"):
            light, dark = sorted(map(luminance, (theme[ground], theme[ink])), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5, (ground, ink)


# -- hostile -----------------------------------------------------------------------------------


@given(texts, texts)
def test_no_text_of_a_student_becomes_anything_but_text(text, name):
    line = clean_line(text)
    evidence = msgspec.structs.replace(
        EVIDENCE, input=clean(text), got=line, expected=line, difference=line,
        where=Place(line, 1, line, line),
    )  # fmt: skip
    hostile = report(
        check("fail", message=line, output=clean(text), evidence=evidence),
        submission=clean_line(name),
        notes=(line,),
    )
    harmless = report(
        check("fail", message="x", output="x", evidence=EVIDENCE), submission="x", notes=("x",)
    )
    said = (clean_line(text),)
    made, _ = page_of([hostile, hostile], sources={line: text.encode()}, said=said)
    plain, _ = page_of([harmless, harmless], sources={}, said=("x",))
    found = [(tag, {*attrs}) for tag, attrs in Page(made).elements]
    expected = [(tag, {*attrs}) for tag, attrs in Page(plain).elements]
    dropped = {"pre", "mark", "span"}  # of the lines of source that are there here
    assert [e for e in found if e[0] not in dropped] == [e for e in expected if e[0] not in dropped]
    assert Page(to_html([hostile])).all("script") == [{}]


def test_the_policy_names_the_one_script_and_style_by_their_hashes():
    text, _ = page_of([of("pass")])
    policy = re.search(r'Security-Policy" content="(.*?)"', text)[1].replace("&#39;", "'")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("script", "style"):
        (inside,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_nothing_is_asked_of_a_network():
    text, _ = page_of([failing("neg(1.0)", "1.0", "a")])
    page = Page(text)
    values = [str(v) for _, attrs in page.elements for v in attrs.values()]
    assert not [v for v in values if re.match(r"(https?:)?//", v)]
    assert not {"link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.elements}
    assert not [attrs for _, attrs in page.elements if "style" in attrs]
