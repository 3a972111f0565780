"""A report as people read it, in 80 columns: `render_report`, `render_failure`.

Pure: records in, rich Text out. Marks are ASCII and never colour alone; titles may be
Chinese, so columns are measured in terminal cells.
"""

from __future__ import annotations

from rich.cells import cell_len, chop_cells, set_cell_size
from rich.text import Text

from aisys_cli.report.records import CheckResult, Evidence, Report

__all__ = [
    "MARKS",
    "render_evidence",
    "render_failure",
    "render_report",
    "render_rows",
    "render_summary",
]

MARKS = {"pass": "ok", "blocked": "blocked", "infra": "INFRA"}
_STYLES = {"pass": "green", "blocked": "dim", "infra": "magenta"}
_WIDTH = 80
_TITLE_CELLS = 38
_MAX_DETAILS = 3


def _mark(verdict: str) -> str:
    return MARKS.get(verdict, verdict.upper())


def _style(verdict: str) -> str:
    return _STYLES.get(verdict, "red")


def render_report(
    report: Report, *, language: str = "en", details: int = _MAX_DETAILS, student: bool = False
) -> Text:
    """Rows, the first `details` failures explained, and the summary. `student`: with the
    next commands of somebody who works on the lab."""
    text = render_rows(report, language=language)
    explained = [check for check in report.checks if _worth_telling(check)]
    for check in explained[:details]:
        text.append("\n")
        text.append_text(render_failure(check, language=language, student=student))
    if len(explained) > details:
        ids = ", ".join(check.id for check in explained[details:])
        text.append("\n" + _indented(f"Also not passed: {ids}", "  "))
    text.append("\n")
    text.append_text(render_summary(report))
    return text


def _worth_telling(check: CheckResult) -> bool:
    unwritten = "NotImplementedError" in check.message
    return check.verdict not in ("pass", "blocked") and not unwritten


def render_rows(report: Report, *, language: str = "en") -> Text:
    """One line for each check."""
    text = Text()
    for check in report.checks:
        text.append(f"  {_mark(check.verdict):<9} ", style=_style(check.verdict))
        name = _cut(f"{check.id} {check.title(language)}", _TITLE_CELLS)
        text.append(set_cell_size(name, _TITLE_CELLS))
        score = "-" if check.score is None or check.verdict == "blocked" else str(check.score)
        text.append(f" {score:>3}/{check.max_score:<3}")
        text.append(f" {check.duration:5.1f}s" if check.duration else "       ")
        room = _WIDTH - cell_len(text.plain.rpartition("\n")[2])
        text.append(_cut(f"  {_remark(check)}".rstrip(), room) + "\n", style="dim")
    return text


def _cut(value: str, room: int) -> str:
    """At most `room` cells of it, with two dots where something is left out."""
    return value if cell_len(value) <= room else set_cell_size(value, room - 2) + ".."


def _remark(check: CheckResult) -> str:
    if check.verdict == "pass":
        return f"{check.inputs} inputs" if check.inputs > 1 else ""
    if "NotImplementedError" in check.message:
        return "not written"
    if check.evidence is not None and check.evidence.where is not None:
        return f"line {check.evidence.where.line}"
    return check.message if check.verdict == "blocked" else ""


def render_failure(check: CheckResult, *, language: str = "en", student: bool = False) -> Text:
    """Why one check did not pass, as far as is known."""
    text = Text()
    text.append(f"  {_mark(check.verdict)}", style=f"bold {_style(check.verdict)}")
    name = f"  {check.id} {check.title(language)}"
    text.append(_cut(name, _WIDTH - cell_len(text.plain)) + "\n", style="bold")
    text.append(_indented(check.message, "      "))
    if check.evidence is not None:
        text.append_text(_evidence(check.evidence))
    if check.output:
        text.append("      Traceback (ours)\n" if check.verdict == "infra" else "      Printed\n")
        lines = check.output.rstrip()
        if check.verdict == "infra":
            lines = "\n".join(lines.splitlines()[-12:])
        text.append(_indented(lines, "          ", most=12))
    if check.verdict == "infra":
        text.append("      Nothing was scored; this is not the submission's fault.\n")
    elif student:
        text.append(f"      Run it again     aisys lab repro {check.id}")
        text.append(f"        Stuck?  aisys lab hint {check.task}\n")
    return text


def render_evidence(message: str, evidence: Evidence | None) -> Text:
    """A failure outside of any check."""
    text = Text(_indented(message, "      "))
    if evidence is not None:
        text.append_text(_evidence(evidence))
    return text


def _evidence(evidence: Evidence) -> Text:
    text = Text()

    def line(label: str, value: str, *, style: str = "") -> None:
        first, *rest = _folded(value, _WIDTH - 23) or [""]
        text.append(f"      {label:<16} ")
        text.append(first + "\n", style=style)
        for more in rest:
            text.append(" " * 23 + more + "\n", style=style)

    if evidence.input:
        found = f" (after {evidence.tries} tries)" if evidence.tries > 1 else ""
        text.append(f"      Smallest failing input{found}\n")
        text.append(_indented(evidence.input, "          "), style="bold")
    if evidence.world:
        line("World", evidence.world)
    for state in evidence.ranks:
        line("Ranks" if state is evidence.ranks[0] else "", str(state))
    if evidence.got or evidence.expected:
        line("Your value", evidence.got, style="red")
        if evidence.expected:
            line(evidence.oracle or "Expected", evidence.expected, style="green")
        if evidence.index:
            line("First difference", f"at {evidence.index}: {evidence.difference}")
        if evidence.tolerance:
            line("Tolerance", evidence.tolerance, style="dim")
    if evidence.where is not None:
        name = f" in {evidence.where.function}" if evidence.where.function else ""
        line("Look at", f"{evidence.where}{name}")
        if evidence.where.text:
            line("", evidence.where.text, style="dim")
    return text


def _folded(value: str, room: int) -> list[str]:
    """Its lines; what is wider than `room` cells is folded, at a space if there is one."""
    lines = []
    for line in value.splitlines():
        rest = line
        while cell_len(rest) > room:
            head = chop_cells(rest[: room + 1], room)[0]
            space = head.rfind(" ") + 1
            head = head[:space] if space > room // 2 else head
            lines.append(head.rstrip())
            rest = rest[len(head) :]
        lines.append(rest)
    return lines


def _indented(value: str, margin: str, *, most: int = 20) -> str:
    lines = _folded(value, _WIDTH - len(margin))
    if len(lines) > most:
        lines = [*lines[:most], f"... ({len(lines) - most} more lines)"]
    return "".join(f"{margin}{line}\n" for line in lines)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def render_summary(report: Report) -> Text:
    """The score, what was not run, and anything said about the whole submission."""
    text = Text()
    passed = sum(check.verdict == "pass" for check in report.checks)
    score = "not graded" if report.score is None else f"{report.score}/{report.max_score}"
    points = "" if report.score is None else " points"
    count = _counted(len(report.checks), "check")
    text.append(f"  {passed} of {count} passed, {score}{points}", style="bold")
    text.append(f"   seed {report.seed}\n")
    if report.hidden_not_run:
        hidden = _counted(report.hidden_not_run, "hidden check")
        hidden += " runs" if report.hidden_not_run == 1 else " run"
        public = _counted(len(report.checks), "public check")
        which = f"All {public}" if passed == len(report.checks) > 1 else f"{passed} of {public}"
        text.append(f"  {which} passed; {hidden} when graded.\n")
    if report.isolation == "process":
        text.append("  Isolation: process. No sandbox: only for code you trust.\n", style="yellow")
    for note in report.notes:
        text.append(_indented(f"Note: {note}", "  "), style="yellow")
    return text
