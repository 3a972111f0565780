"""The formats of hosts: what their documents ask for, with any text a student can print."""

import json
import re
from xml.etree import ElementTree

import junitparser
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from samples import DEADLOCK, EVIDENCE, VERDICTS, check, of, report

from aisys_cli.errors import EnvironmentFault, UsageError
from aisys_cli.report.files import to_json, to_junit
from aisys_cli.report.formats import FORMATS, parse_report_option, write_report
from aisys_cli.report.hosts.classroom50 import to_classroom50
from aisys_cli.report.hosts.github import MOST, no_commands, to_github
from aisys_cli.report.hosts.gradescope import to_gradescope
from aisys_cli.report.hosts.markdown import to_markdown
from aisys_cli.report.hosts.prairielearn import to_prairielearn
from aisys_cli.report.records import Evidence, clean, clean_line

GRADED = tuple(verdict for verdict in VERDICTS if verdict != "infra")
HOSTILE = (
    "::error file=x.py::forged",
    "  ::set-output name=grade::100",
    "##[error]forged",
    "::stop-commands::x",
    "%0A::warning::forged",
    "100%25%",
    "a\n::notice::forged\r\n::x::",
    "```\n# heading\n<script>alert(1)</script>\n````\n[x](javascript:alert(1))",
    "| a | b |\n|---|---|\n<img src=x onerror=alert(1)> &lt; ![p](http://evil)",
    "@teacher fixes #1 https://evil.example **bold** _it_ ~~no~~ $x$ `code` \\",
    "]]>&<>\"'\u2028\ufffe",
    "{{ 7 * 7 }} ${{ github.token }}",
    "",
)
texts = st.sampled_from(HOSTILE) | st.text(max_size=40)


def hostile_report(text, submission="li-ming"):
    line = clean_line(text)
    evidence = msgspec.structs.replace(EVIDENCE, input=clean(text), got=line, difference=line)
    return report(
        check("fail", "1.1", message=line, output=clean(text), evidence=evidence),
        check("crash", "1.2", message=line, output=clean(text)),
        check("pass", "1.3"),
        submission=clean_line(submission),
        notes=(line,),
    )


def commands(text):
    """What a runner of GitHub takes for commands: (name, properties, message). As in its source,
    a line is trimmed first, and the older form counts wherever it stands in a line."""
    found = []
    for line in re.split(r"[\r\n]+", text):
        match = re.match(r"::([a-z-]+)(?: (.*?))?::(.*)", line.strip())
        if match:
            listed = [one.partition("=") for one in (match[2] or "").split(",") if one]
            found.append((match[1], {key: _back(value) for key, _, value in listed}, match[3]))
        elif "##[" in line:
            found.append(("old form", {}, line))
    return found


def _back(value):
    return value.replace("%2C", ",").replace("%3A", ":").replace("%0A", "\n").replace("%25", "%")


# -- GitHub --------------------------------------------------------------------------------


def test_annotations_say_file_line_and_why():
    made = to_github([report(check("fail", evidence=EVIDENCE, message="values differ"))],
                     folder="hw/1")  # fmt: skip
    (kind, properties, message), notice = commands(made)
    assert kind == "error"
    assert properties == {
        "file": "hw/1/small.py",
        "line": "16",
        "title": "li-ming: 1.1 add adds: fail",
    }
    assert message.startswith("values differ%0Ainput: scale(array([1.0]), -1.0)%0A")
    assert notice == ("notice", {"title": "li-ming"}, "small: 0/2")


def test_there_are_ten_annotations_and_the_costliest_come_first():
    checks = [check("fail", f"1.{n}", max_score=n) for n in range(1, 15)]
    found = commands(to_github([report(*checks)]))
    errors = [properties["title"] for kind, properties, _ in found if kind == "error"]
    assert len(errors) == MOST
    assert errors[0].startswith("li-ming: 1.14 ")
    assert ("notice", {}, "4 more checks did not pass") in found


def test_what_is_ours_is_a_warning_without_a_score():
    found = commands(to_github([of("infra", "pass")]))
    assert found[0][0] == "warning"
    assert found[-1][2] == "small: no score (infra)/4"


@given(texts, texts)
def test_no_text_makes_a_command(text, name):
    made = hostile_report(text, name)
    found = commands(to_github([made]))
    assert [kind for kind, _, _ in found] == ["error", "error", "notice"]
    assert {*found[0][1]} == {"file", "line", "title"}
    assert made.submission == "" or found[0][1]["title"].startswith(made.submission)


@given(texts)
def test_json_holds_no_command_of_the_older_form(text):
    text_of_report = to_json([hostile_report(text)])
    assert "##[" not in text_of_report
    assert json.loads(text_of_report)["checks"][0]["output"] == clean(text)


def test_what_is_printed_in_a_job_is_text(monkeypatch, capsys):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    with no_commands():
        print("::error::forged")
    first, forged, last = capsys.readouterr().out.splitlines()
    token = re.fullmatch(r"::stop-commands::([0-9a-f]{32})", first)[1]
    assert (forged, last) == ("::error::forged", f"::{token}::")
    monkeypatch.delenv("GITHUB_ACTIONS")
    with no_commands():
        print("plain")
    assert capsys.readouterr().out == "plain\n"


def test_a_job_summary_is_added_to(monkeypatch, tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    write_report(f"markdown={summary}", [of("pass")])
    assert summary.read_text().startswith("before\n## li\\-ming: small, 2/2\n")


# -- Markdown --------------------------------------------------------------------------------


@given(texts, texts)
def test_no_text_means_anything_in_markdown(text, name):
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
    kinds = []
    for token in tokens.parse(to_markdown([hostile_report(text, name)])):
        kinds += [token.type, *(child.type for child in token.children or [])]
    assert not {"html_block", "html_inline", "image", "link_open", "code_inline", "em_open"} & {
        *kinds
    }
    assert kinds.count("heading_open") == 1
    assert kinds.count("table_open") == 1
    assert kinds.count("tr_open") == 1 + 3
    assert kinds.count("fence") == (4 if clean(text) else 2)
    assert kinds.count("strong_open") == 2 + 2


def test_a_class_begins_with_a_table():
    text = to_markdown([of("pass"), of("fail", submission="wang"), of("infra", submission="zhao")])
    assert text.startswith("## 3 submissions\n")
    assert "| wang | small | fail | 0/2 |" in text
    assert "| zhao | small | infra | none (infra) |" in text


def test_a_summary_has_less_than_a_mebibyte():
    long = check("fail", message="x" * 400, evidence=Evidence(input="y" * 3000))
    many = [report(*[long] * 8, submission=f"s{n}") for n in range(100)]
    text = to_markdown(many)
    assert 500_000 < len(text.encode()) < 1 << 20
    assert re.search(r"\d+ of 100 submissions: no room here", text)


# -- graders' hosts -----------------------------------------------------------------------


def test_gradescope_has_a_test_for_each_check():
    made = json.loads(to_gradescope([of(*GRADED)]))
    assert made["score"] == 2
    assert [one["status"] for one in made["tests"]] == ["passed"] + ["failed"] * 7
    assert {one["max_score"] for one in made["tests"]} == {2}
    assert [one["number"] for one in made["tests"]] == [f"1.{n}" for n in range(1, 9)]
    assert "visibility" not in made["tests"][0]  # a hidden one would hide the total
    assert made["stdout_visibility"] == "hidden"


def test_classroom50_has_whole_numbers_and_what_the_runner_says():
    env = {"CLASSROOM": "c", "ASSIGNMENT": "a", "USERNAME": "li", "COMMIT_URL": "https://x"}
    made = json.loads(to_classroom50([of("pass", "fail")], env))
    assert made["schema"] == "classroom50/result/v1"
    assert (made["classroom"], made["assignment"], made["owner"]) == ("c", "a", "li")
    assert (made["score"], made["max-score"]) == (2, 4)
    assert all(type(one["score"]) is int for one in made["tests"])
    assert [one["passed"] for one in made["tests"]] == [True, False]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", made["datetime"])


def test_prairielearn_has_a_share_and_points_on_every_test():
    made = json.loads(to_prairielearn([of("pass", "fail", "blocked")]))
    assert made["gradable"] is True
    assert made["score"] == pytest.approx(1 / 3)
    assert all({"points", "max_points", "name"} <= one.keys() for one in made["tests"])


def test_prairielearn_does_not_count_what_is_ours():
    made = json.loads(to_prairielearn([of("infra", "pass")]))
    assert made["gradable"] is False
    assert "score" not in made
    assert "tests" not in made


def test_prairielearn_has_less_than_a_megabyte():
    long = check("fail", message="x" * 4000, output="y" * 4000, evidence=DEADLOCK)
    text = to_prairielearn([report(*[long] * 300)])
    assert len(text.encode()) < 1_000_000
    assert len(json.loads(text)["tests"]) == 300


@pytest.mark.parametrize("name", ["gradescope", "classroom50"])
def test_no_score_is_never_written_as_zero(name, tmp_path):
    with pytest.raises(EnvironmentFault, match=f"infra: .*{name} has no word for that"):
        write_report(f"{name}={tmp_path / 'r.json'}", [of("infra", "pass")])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["gradescope", "classroom50", "prairielearn"])
def test_a_format_of_one_submission_refuses_a_class(name):
    with pytest.raises(UsageError, match="holds one submission, and here are 2"):
        FORMATS[name]([of("pass"), of("pass")])


@pytest.mark.parametrize("name", ["gradescope", "classroom50", "prairielearn"])
@given(texts)
def test_any_text_is_json(name, text):
    made = json.loads(FORMATS[name]([hostile_report(text)]), parse_constant=pytest.fail)
    assert len(made["tests"]) == 3


# -- JUnit by another's parser ---------------------------------------------------------------


@given(texts, texts)
def test_junit_is_read_by_junitparser(text, name):
    made = to_junit([hostile_report(text, name), of(*VERDICTS)])
    ElementTree.fromstring(made)
    suites = junitparser.JUnitXml.fromstring(made.encode())
    first, second = suites
    assert [len(list(suite)) for suite in suites] == [3, len(VERDICTS)]
    assert (first.failures, first.errors, first.skipped) == (2, 0, 0)
    assert (second.failures, second.errors, second.skipped) == (6, 1, 1)
    results = [type(result).__name__ for case in second for result in case.result]
    assert results.count("Failure") == 6
    assert results.count("Error") == 1
    assert results.count("Skipped") == 1


# -- the option ------------------------------------------------------------------------------


def test_minus_is_stdout(capsys):
    write_report("junit=-", [of("pass")])
    assert capsys.readouterr().out.startswith("<?xml")


def test_an_unknown_format_is_a_usage_error_that_lists_them():
    with pytest.raises(UsageError, match="json, junit, text, markdown, html, github, gradescope"):
        parse_report_option("html5=x")
