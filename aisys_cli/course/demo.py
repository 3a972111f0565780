"""The submissions that `aisys demo` grades: a lab's solutions, and some that misbehave."""

from __future__ import annotations

from pathlib import Path

from aisys_cli.course import solutions
from aisys_cli.course.records import Lab
from aisys_cli.report.records import CheckResult, Report
from aisys_cli.report.writing import write_whole

__all__ = ["explained", "write_submissions"]

# What is put in place of the lab's file; {source} is a working solution, or the starter.
_MISBEHAVING = {
    "crash": "import ctypes\nctypes.string_at(0)  # reads address 0: a segmentation fault\n",
    "empty": "",
    "endless-loop": "{source}\n\nwhile True:\n    pass\n",
    "syntax-error": "{source}\n\ndef broken(:\n    pass\n",
}


def write_submissions(lab: Lab, folder: Path) -> int:
    """Write a folder for each submission; how many there are.

    An installation without the solutions still has the starter and the misbehaving ones.
    """
    found: dict[str, dict[str, bytes]] = {"starter": solutions.starter(lab).files}
    if lab.solutions.is_dir():
        found["reference"] = solutions.reference(lab).files
        found |= {one.name: one.files for one in solutions.wheats(lab)}
        found |= {one.name: one.files for one in _a_chaff_for_each_check(lab)}
    name = lab.facts.files[0]
    source = found.get("reference", found["starter"])[name].decode()
    for id, text in _MISBEHAVING.items():
        found[id] = {name: text.replace("{source}", source).encode()}
    for id, files in found.items():
        for file, data in files.items():
            write_whole(folder / id / file, data.decode())
    return len(found)


def _a_chaff_for_each_check(lab: Lab) -> list[solutions.Chaff]:
    """The first chaff that names each check: all of them would take minutes."""
    first: dict[str, solutions.Chaff] = {}
    for chaff in solutions.chaffs(lab):
        first.setdefault(chaff.facts.rejected_by[0], chaff)
    return list(first.values())


def explained(reports: list[Report]) -> tuple[Report, CheckResult] | None:
    """A wrong answer worth showing: one with an input, two values and a line."""
    for report in reports:
        if not report.submission.startswith("chaff-"):
            continue
        for check in report.checks:
            evidence = check.evidence
            if check.verdict == "fail" and evidence and evidence.input and evidence.where:
                return report, check
    return None
