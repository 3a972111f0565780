"""A report as people read it, in 80 columns: `render_report`, `render_failure`.

Pure: records in, rich Text out. Marks are ASCII and never colour alone; titles may be
Chinese, so columns are measured in terminal cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from rich.cells import cell_len
from rich.text import Text

from aisys_cli.language import phrases, translate
from aisys_cli.report.columns import cut, fitted, folded
from aisys_cli.report.records import CheckResult, Evidence, Report, Whole

__all__ = [
    "MARKS",
    "hidden_later",
    "mark",
    "render_evidence",
    "render_failure",
    "render_report",
    "render_row",
    "render_rows",
    "render_summary",
    "render_whole",
    "style",
]

MARKS = {"pass": "ok", "blocked": "blocked", "infra": "INFRA"}
_STYLES = {"pass": "green", "blocked": "dim", "infra": "magenta"}
_WIDTH = 80
_TITLE_CELLS = 38
_MAX_DETAILS = 3
_MAX_CALLERS = 3
# Lines of an input or a message, and of what was printed.
_MOST, _MOST_PRINTED = 20, 12
_NO_LIMIT = 1_000_000


def mark(verdict: str) -> str:
    return MARKS.get(verdict, verdict.upper())


def style(verdict: str) -> str:
    return _STYLES.get(verdict, "red")


def render_report(
    report: Report,
    *,
    language: str = "en",
    details: int | None = _MAX_DETAILS,
    student: bool = False,
    files: Mapping[str, str] | None = None,
) -> Text:
    """Rows, the first `details` failures explained (None: all of them), and the summary.

    `student`: with the next commands of somebody who works on the lab. `files`: where the
    failure of a check stands in full.
    """
    _ = phrases(language)
    text = render_rows(report, language=language)
    groups = _by_cause(report.checks)
    for first, *others in groups[:details]:
        text.append("\n")
        file = (files or {}).get(first.id, "")
        text.append_text(render_failure(first, language=language, student=student, file=file))
        if others:
            ids = ", ".join(check.id for check in others)
            text.append(_indented(_("For the same reason: {}").format(ids), "      "))
    if details is not None and len(groups) > details:
        ids = ", ".join(check.id for group in groups[details:] for check in group)
        how = "   " + _("Each explained:") + " aisys lab test --all" if student else ""
        text.append("\n" + _indented(_("Also not passed: {}").format(ids) + how, "  "))
    text.append("\n")
    text.append_text(render_summary(report, language=language))
    if student and report.passed and report.hidden_not_run:
        text.append("  " + _("Hand it in:") + " aisys lab submit\n")
    return text


def _by_cause(checks: Sequence[CheckResult]) -> list[list[CheckResult]]:
    """The failures worth telling; those of one cause, such as a file that does not parse,
    are told once."""
    groups: dict[object, list[CheckResult]] = {}
    for check in checks:
        if _worth_telling(check):
            where = check.evidence.where if check.evidence is not None else None
            cause = check.id if _has_input(check) else (check.verdict, check.message, where)
            groups.setdefault(cause, []).append(check)
    return list(groups.values())


def _has_input(check: CheckResult) -> bool:
    """Whether it failed on an input, and not before there was one."""
    return check.evidence is not None and bool(check.evidence.input)


def _worth_telling(check: CheckResult) -> bool:
    unwritten = "NotImplementedError" in check.message
    return check.verdict not in ("pass", "blocked") and not unwritten


def render_rows(report: Report, *, language: str = "en") -> Text:
    """One line for each check."""
    text = Text()
    for check in report.checks:
        text.append_text(render_row(check, language=language))
    return text


def render_row(check: CheckResult, *, language: str = "en") -> Text:
    text = Text()
    text.append(f"  {mark(check.verdict):<9} ", style=style(check.verdict))
    text.append(fitted(f"{check.id} {check.title(language)}", _TITLE_CELLS))
    score = "-" if check.score is None or check.verdict == "blocked" else str(check.score)
    text.append(f" {score:>3}/{check.max_score:<3}")
    text.append(f" {check.duration:5.1f}s" if check.duration else "       ")
    room = _WIDTH - cell_len(text.plain)
    text.append(cut(f"  {_remark(check, language)}".rstrip(), room) + "\n", style="dim")
    return text


def _remark(check: CheckResult, language: str) -> str:
    _ = phrases(language)
    if check.verdict == "pass":
        return _("{} inputs").format(check.inputs) if check.inputs > 1 else ""
    if "NotImplementedError" in check.message:
        return _("not written")
    if check.evidence is not None and check.evidence.where is not None:
        return _("line {}").format(check.evidence.where.line)
    return translate(check.message, language) if check.verdict == "blocked" else ""


def render_failure(
    check: CheckResult,
    *,
    language: str = "en",
    student: bool = False,
    file: str = "",
    limited: bool = True,
) -> Text:
    """Why one check did not pass, as far as is known. `file` has it in full, and is named if
    something is left out here."""
    _ = phrases(language)
    most, printed = (_MOST, _MOST_PRINTED) if limited else (_NO_LIMIT, _NO_LIMIT)
    text = Text()
    text.append(f"  {mark(check.verdict)}", style=f"bold {style(check.verdict)}")
    name = f"  {check.id} {check.title(language)}"
    text.append(cut(name, _WIDTH - cell_len(text.plain)) + "\n", style="bold")
    text.append(_indented(translate(check.message, language), "      ", most=most))
    if check.evidence is not None:
        text.append_text(_evidence(check.evidence, language, most=most))
        text.append_text(_callers(check, language))
    if check.output:
        head = _("Traceback (ours)") if check.verdict == "infra" else _("Printed")
        text.append(f"      {head}\n")
        lines = check.output.rstrip()
        if check.verdict == "infra":
            lines = "\n".join(lines.splitlines()[-12:])
        text.append(_indented(lines, "          ", most=printed))
    if file and _is_shortened(text.plain):
        text.append_text(_line(_("In full"), file))
    if check.verdict == "infra":
        said = _("Nothing was scored; this is not the submission's fault.")
        text.append(f"      {said}\n")
    elif student and _has_input(check):
        text.append(f"      {fitted(_('Run it again'), 16)} aisys lab repro {check.id}")
        text.append(f"        {_('Stuck?')}  aisys lab hint {check.task}\n")
    return text


def _is_shortened(plain: str) -> bool:
    return "..." in plain or " more lines)" in plain


def render_whole(check: CheckResult, whole: Whole | None, *, language: str = "en") -> str:
    """The same for a file: nothing left out that was kept."""
    evidence = check.evidence
    if evidence is not None and whole is not None:
        evidence = msgspec.structs.replace(
            evidence,
            input=whole.input or evidence.input,
            got=whole.got or evidence.got,
            expected=whole.expected or evidence.expected,
        )
    check = msgspec.structs.replace(check, evidence=evidence)
    return render_failure(check, language=language, limited=False).plain


def render_evidence(message: str, evidence: Evidence | None, *, language: str = "en") -> Text:
    """A failure outside of any check."""
    text = Text(_indented(translate(message, language), "      "))
    if evidence is not None:
        text.append_text(_evidence(evidence, language))
    return text


def _line(label: str, value: str, *, style: str = "") -> Text:
    text = Text()
    first, *rest = folded(value, _WIDTH - 23) or [""]
    text.append(f"      {fitted(label, 16)} ")
    text.append(first + "\n", style=style)
    for more in rest:
        text.append(" " * 23 + more + "\n", style=style)
    return text


def _callers(check: CheckResult, language: str) -> Text:
    """Who called the line that raised, innermost first; only of an exception is that known."""
    text = Text()
    evidence = check.evidence
    if evidence is None or check.verdict == "fail" or evidence.where not in evidence.ran[-1:]:
        return text
    _ = phrases(language)
    callers = evidence.ran[-2::-1][:_MAX_CALLERS]
    for place in callers:
        name = f" in {place.function}" if place.function else ""
        text.append_text(_line(_("Called from") if place is callers[0] else "", f"{place}{name}"))
    return text


def _evidence(evidence: Evidence, language: str, *, most: int = _MOST) -> Text:
    _ = phrases(language)
    text = Text()
    if evidence.input:
        head = _("Smallest failing input")
        if evidence.tries > 1:
            head = _("Smallest failing input (after {} tries)").format(evidence.tries)
        text.append(f"      {head}\n")
        text.append(_indented(evidence.input, "          ", most=most), style="bold")
    if evidence.world:
        text.append_text(_line(_("World"), translate(evidence.world, language)))
    for state in evidence.ranks:
        said = translate(str(state), language)
        text.append_text(_line(_("Ranks") if state is evidence.ranks[0] else "", said))
    if evidence.got or evidence.expected:
        text.append_text(_values(evidence, language))
    if evidence.where is not None:
        name = f" in {evidence.where.function}" if evidence.where.function else ""
        text.append_text(_line(_("Look at"), f"{evidence.where}{name}"))
        if evidence.where.text:
            text.append_text(_line("", evidence.where.text, style="dim"))
    return text


def _values(evidence: Evidence, language: str) -> Text:
    _ = phrases(language)
    text = _line(_("Your value"), translate(evidence.got, language), style="red")
    if evidence.expected:
        oracle = translate(evidence.oracle or "Expected", language)
        expected = translate(evidence.expected, language)
        text.append_text(_line(oracle, expected, style="green"))
    if evidence.index:
        where = _("at {}: {}").format(evidence.index, translate(evidence.difference, language))
        text.append_text(_line(_("First difference"), where))
    if evidence.tolerance:
        text.append_text(_line(_("Tolerance"), evidence.tolerance, style="dim"))
    return text


def _indented(value: str, margin: str, *, most: int = _MOST) -> str:
    lines = folded(value, _WIDTH - len(margin))
    if len(lines) > most:
        lines = [*lines[:most], f"... ({len(lines) - most} more lines)"]
    return "".join(f"{margin}{line}\n" for line in lines)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def hidden_later(count: int, *, language: str) -> str:
    """That so many hidden checks have not run yet."""
    _ = phrases(language)
    one = _("{} hidden check runs when graded.")
    return (one if count == 1 else _("{} hidden checks run when graded.")).format(count)


def render_summary(report: Report, *, language: str = "en") -> Text:
    """The score, what was not run, and anything said about the whole submission."""
    _ = phrases(language)
    text = Text()
    passed = sum(check.verdict == "pass" for check in report.checks)
    count = len(report.checks)
    one = _("{} of {} check passed, ") if count == 1 else _("{} of {} checks passed, ")
    head = one.format(passed, count)
    if report.score is None:
        head += _("not graded")
    else:
        head += _("{}/{} points").format(report.score, report.max_score)
    text.append(f"  {head}", style="bold")
    text.append("   " + _("seed {}").format(report.seed) + "\n")
    if report.hidden_not_run:
        if passed == count > 1:
            said = _("All {} public checks passed").format(count)
        elif count == 1:
            said = _("{} of {} public check passed").format(passed, count)
        else:
            said = _("{} of {} public checks passed").format(passed, count)
        said += _("; ") + hidden_later(report.hidden_not_run, language=language)
        text.append(f"  {said}\n")
    if report.isolation == "process":
        said = _("Isolation: process. No sandbox: only for code you trust.")
        text.append(f"  {said}\n", style="yellow")
    for note in report.notes:
        said = _("Note: {}").format(translate(note, language))
        text.append(_indented(said, "  "), style="yellow")
    return text
