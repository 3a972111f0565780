"""Reports as text, JSON and JUnit XML: pure functions. hosts/ has the formats of others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

import msgspec

from aisys_cli.report.records import CheckResult, Evidence, Report
from aisys_cli.report.text import render_report

__all__ = ["evidence_text", "to_json", "to_junit", "to_text"]


def to_json(reports: Sequence[Report], *, many: bool = False) -> str:
    """One report as itself; several, or a list of one, as {"schema": ..., "reports": [...]}."""
    value: object
    if len(reports) == 1 and not many:
        value = reports[0]
    else:
        value = {"schema": "aisys/reports/1", "reports": list(reports)}
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
    return text.replace("##[", "#\\u0023[")  # to a runner of GitHub that is a command, anywhere


def to_text(reports: Sequence[Report]) -> str:
    parts = []
    for report in reports:
        parts.append(f"{report.submission}  {report.lab}\n{render_report(report).plain}")
    return "\n".join(parts)


# XML 1.0 has no way to write these, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    return _NOT_XML.sub("?", text)


def to_junit(reports: Sequence[Report]) -> str:
    """JUnit XML: a suite for each submission, a case for each check.

    fail, error, timeout, deadlock, crash, forbidden -> failure with that type;
    infra -> error; blocked -> skipped.
    """
    root = ElementTree.Element("testsuites")
    for report in reports:
        suite = ElementTree.SubElement(
            root,
            "testsuite",
            name=_xml(report.submission),
            tests=str(len(report.checks)),
            failures=str(sum(_is_failure(check) for check in report.checks)),
            errors=str(sum(check.verdict == "infra" for check in report.checks)),
            skipped=str(sum(check.verdict == "blocked" for check in report.checks)),
            time=f"{report.duration:.3f}",
        )
        for check in report.checks:
            _junit_case(suite, report, check)
    ElementTree.indent(root)
    body = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _is_failure(check: CheckResult) -> bool:
    return check.verdict not in ("pass", "infra", "blocked")


def _junit_case(suite: ElementTree.Element, report: Report, check: CheckResult) -> None:
    case = ElementTree.SubElement(
        suite,
        "testcase",
        classname=_xml(f"{report.submission}.{report.lab}"),
        name=_xml(f"{check.id} {check.title_en}"),
        time=f"{check.duration:.3f}",
    )
    where = check.evidence.where if check.evidence else None
    if where is not None:
        case.set("file", _xml(where.file))
        case.set("line", str(where.line))
    if check.verdict == "blocked":
        ElementTree.SubElement(case, "skipped", message=_xml(check.message))
    elif check.verdict != "pass":
        kind = "error" if check.verdict == "infra" else "failure"
        child = ElementTree.SubElement(case, kind, message=_xml(check.message), type=check.verdict)
        child.text = _xml(evidence_text(check.evidence))
    if check.output:
        ElementTree.SubElement(case, "system-out").text = _xml(check.output)


def evidence_text(evidence: Evidence | None) -> str:
    """A line for each thing there is to say; "" for None."""
    if evidence is None:
        return ""
    pairs = (
        ("input", evidence.input),
        ("world", evidence.world),
        ("ranks", "; ".join(map(str, evidence.ranks))),
        ("your value", evidence.got),
        (evidence.oracle or "expected", evidence.expected),
        ("first difference", f"{evidence.index} {evidence.difference}".strip()),
        ("tolerance", evidence.tolerance),
        ("look at", str(evidence.where or "")),
    )
    return "\n".join(f"{name}: {value}" for name, value in pairs if value)
