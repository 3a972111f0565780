"""Reports as files: JSON and JUnit that other programs can read, whatever is in them."""

import json
import math
from xml.etree import ElementTree

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from samples import EVIDENCE, VERDICTS, check, failed, of, report

from aisys_cli.errors import EnvironmentFault, UsageError
from aisys_cli.report.files import to_json, to_junit, to_text
from aisys_cli.report.formats import FORMATS, parse_report_option
from aisys_cli.report.records import Report
from aisys_cli.report.writing import write_whole

some = settings(max_examples=100, deadline=None)

HOSTILE = {
    "markup": '</failure><failure type="x"/>&amp;<!--',
    "the end of a CDATA section": "a]]>b<![CDATA[c",
    "a declaration": '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "/etc/passwd">]>&e;',
    "quotes": "\"'`",
    "NUL": "a\0b",
    "control characters": "".join(map(chr, range(32))),
    "a lone surrogate": "a\ud800b\udfff",
    "no characters": "\ufffe\uffff",
    "Chinese and emoji": "求和 🙂",
    "GitLab's attachments": "[[ATTACHMENT|/etc/passwd]]",
}


def no_constant(name):
    raise AssertionError(f"{name} is no JSON")


def strict(text):
    return json.loads(text, parse_constant=no_constant)


def shown(text):
    """What is left of a text in XML: a ? for what XML cannot hold; line ends are newlines."""
    legal = "\t\n\r"
    kept = "".join(
        c
        if c in legal or "\x20" <= c <= "\ud7ff" or "\ue000" <= c <= "\ufffd" or c > "\uffff"
        else "?"
        for c in text
    )
    return kept.replace("\r\n", "\n").replace("\r", "\n")


# -- JSON ------------------------------------------------------------------------


def test_one_report_is_written_as_itself():
    made = of("pass", "fail")
    data = strict(to_json([made]))
    assert data["schema"] == "aisys/report/1"
    assert [one["verdict"] for one in data["checks"]] == ["pass", "fail"]
    assert msgspec.json.decode(to_json([made]), type=Report) == made


@pytest.mark.parametrize("count", [0, 2, 3])
def test_several_reports_are_a_list_in_their_order(count):
    data = strict(to_json([of("pass", submission=f"s{n}") for n in range(count)]))
    assert data["schema"] == "aisys/reports/1"
    assert [one["submission"] for one in data["reports"]] == [f"s{n}" for n in range(count)]
    assert all(one["schema"] == "aisys/report/1" for one in data["reports"])


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_json_has_no_bare_nan(number):
    data = strict(to_json([report(check(duration=number), duration=number)]))
    assert data["duration"] is None


def test_json_keeps_chinese_as_it_is_and_ends_with_a_newline():
    text = to_json([of("pass")])
    assert "add 求和" in text
    assert text.endswith("}\n")


def test_what_infra_did_not_score_is_null():
    data = strict(to_json([of("pass", "infra")]))
    assert data["score"] is None
    assert data["checks"][1]["score"] is None


# -- JUnit -----------------------------------------------------------------------


def cases(reports):
    root = ElementTree.fromstring(to_junit(reports).encode())
    assert root.tag == "testsuites"
    return [case for suite in root for case in suite]


@pytest.mark.parametrize(
    ("verdict", "children"),
    [
        ("pass", []),
        ("blocked", ["skipped"]),
        ("infra", ["error"]),
        *((v, ["failure"]) for v in VERDICTS if v not in ("pass", "blocked", "infra")),
    ],
)
def test_each_verdict_has_its_element(verdict, children):
    (case,) = cases([report(check(verdict, message="why"))])
    assert [child.tag for child in case] == children
    for child in case:
        assert child.get("message") == "why"
        assert child.get("type") == (None if verdict == "blocked" else verdict)


def test_a_suite_counts_its_cases():
    text = to_junit([of(*VERDICTS, submission="a"), of("pass", submission="b")])
    first, second = ElementTree.fromstring(text.encode())
    counts = ("name", "tests", "failures", "errors", "skipped", "time")
    assert [first.get(key) for key in counts] == ["a", "9", "6", "1", "1", "1.500"]
    assert [second.get(key) for key in counts] == ["b", "1", "0", "0", "0", "1.500"]


def test_names_of_cases_are_not_the_same_twice():
    reports = [of(*VERDICTS, submission=name) for name in ("a", "b")]
    names = [(case.get("classname"), case.get("name")) for case in cases(reports)]
    assert len(set(names)) == len(names) == 18


def test_evidence_line_and_output_are_in_the_case():
    (case,) = cases([report(check("fail", message="m", evidence=EVIDENCE, output="printed"))])
    assert (case.get("file"), case.get("line"), case.get("time")) == ("small.py", "16", "0.250")
    text = case.find("failure").text
    for part in (EVIDENCE.input, EVIDENCE.got, EVIDENCE.expected, "1.0 instead of -1.0"):
        assert part in text
    assert case.find("system-out").text == "printed"


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_text_in_junit(text):
    (case,) = cases([failed(text, submission=text)])
    assert [child.tag for child in case] == ["failure", "system-out"]
    assert case.find("system-out").text == shown(text)
    assert shown(text) in case.find("failure").text
    assert case.find("failure").get("type") == "fail"


@some
@given(st.text(st.characters(exclude_categories=[])))
def test_any_text_comes_back_from_junit(text):
    made = report(check("fail", message=text, output=f"<{text}>"), submission=text)
    (case,) = cases([made])
    assert case.find("system-out").text == shown(f"<{text}>")
    root = ElementTree.fromstring(to_junit([made]).encode())
    # A newline within an attribute may be read as a space; nothing else changes.
    assert root[0].get("name").split() == shown(text).split()


def test_no_report_is_an_empty_but_valid_file():
    assert cases([]) == []


# -- text and the option ------------------------------------------------------------


def test_text_names_each_submission():
    text = to_text([of("pass", submission="a"), of("fail", submission="b")])
    assert "a  small\n" in text
    assert "b  small\n" in text
    assert "\x1b" not in text


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize("name", FORMATS)
def test_a_report_on_hostile_text_can_be_written_in_every_format(tmp_path, name, text):
    from aisys_cli.report.records import clean

    path = tmp_path / "report"
    write_whole(path, FORMATS[name]([failed(clean(text))]))
    assert path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "meant"),
    [
        ("junit=out.xml", ("junit", "out.xml")),
        ("json=a=b.json", ("json", "a=b.json")),
        ("text=/tmp/x y", ("text", "/tmp/x y")),
    ],
)
def test_a_report_option_is_a_format_and_a_path(option, meant):
    assert parse_report_option(option) == meant


@pytest.mark.parametrize("option", ["junit", "junit=", "=x", "xml=out", "JUNIT=x", "", "out.xml"])
def test_another_report_option_is_a_usage_error_with_the_formats(option):
    with pytest.raises(UsageError, match="want FORMAT=PATH, with a format of json, junit, text"):
        parse_report_option(option)


# -- writing -----------------------------------------------------------------------


def test_a_file_is_written_whole_with_folders_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a/b/报告.json"
    write_whole(path, "first 求和")
    write_whole(path, "second\n")
    assert path.read_bytes() == b"second\n"
    assert list(path.parent.iterdir()) == [path]
    assert path.stat().st_mode & 0o777 == 0o666 & ~umask()


def umask():
    import os

    current = os.umask(0)
    os.umask(current)
    return current


def test_what_fails_half_way_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "out"
    write_whole(path, "old")

    def full(fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(EnvironmentFault, match=r"cannot write .*out: No space left on device"):
        write_whole(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("target", ["file/report.json", "folder", "/proc/report.json"])
def test_a_place_that_cannot_be_written_is_a_fault_of_the_environment(tmp_path, target):
    (tmp_path / "file").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(EnvironmentFault, match="cannot write"):
        write_whole(tmp_path / target, "text")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


def test_what_is_not_a_regular_file_is_written_into_and_not_replaced(tmp_path):
    """As root, --report json=/dev/null must not put a file in the place of the device."""
    import os
    import stat

    path = tmp_path / "pipe"
    os.mkfifo(path)
    fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        write_whole(path, "text")
        assert stat.S_ISFIFO(path.lstat().st_mode)
        assert os.read(fd, 100) == b"text"
    finally:
        os.close(fd)
