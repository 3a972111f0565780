"""What the HTML report says, in English and Chinese."""

from __future__ import annotations

from dataclasses import dataclass

from aisys_cli.report.html.model import LabPage
from aisys_cli.report.records import Report

__all__ = ["WORDS", "Words", "verdict_in"]

_VERDICTS_ZH = {
    "pass": "通过",
    "partial": "部分通过",
    "fail": "答案错误",
    "error": "出错",
    "timeout": "超时",
    "deadlock": "死锁",
    "crash": "崩溃",
    "forbidden": "禁止",
    "blocked": "未运行",
    "infra": "未评分",
}


def verdict_in(verdict: str, language: str) -> str:
    return _VERDICTS_ZH.get(verdict, verdict) if language == "zh" else verdict


@dataclass(frozen=True)
class Words:
    """English; the other language replaces what differs."""

    language: str = "en"
    skip: str = "Skip to the report"
    contents: str = "Labs"
    nothing: str = "nothing handed in"
    no_score: str = "no score yet"
    checks: str = "Checks"
    check: str = "Check"
    verdict: str = "Verdict"
    score: str = "Score"
    distribution: str = "Scores"
    rates: str = "Pass rate of each check"
    passed: str = "Passed"
    blocked: str = "Blocked"
    misconceptions: str = "Misconceptions"
    about_groups: str = (
        "Submissions that fail the same check on the same smallest input, the biggest group first; "
        "below the input what they answered."
    )
    no_groups: str = "No two submissions fail on the same input."
    everybody: str = "Students"
    student: str = "Student"
    not_passed: str = "Not passed"

    def failed(self, count: int) -> str:
        if self.language == "zh":
            return f"{count} 项检查未通过"
        return f"{count} check{'' if count == 1 else 's'} did not pass"

    def students(self, count: int) -> str:
        return f"{count} 份提交" if self.language == "zh" else f"{count} submissions"

    def summary(self, lab: LabPage) -> str:
        scored, median = len(lab.scores), lab.median
        shown = "-" if median is None else f"{median:g}"
        if self.language == "zh":
            rest = f"，{lab.unscored} 人没有分数" if lab.unscored else ""
            return (
                f"{len(lab.students)} 名学生，{scored} 人有分数{rest}；中位数 {shown}，"
                f"满分 {lab.max_score}。"
            )
        rest = f", {lab.unscored} without" if lab.unscored else ""
        return (
            f"{len(lab.students)} students, {scored} with a score{rest}; median {shown} of "
            f"{lab.max_score}."
        )

    def bins(self, lab: LabPage) -> str:
        return "; ".join(f"{low}-{high}: {count}" for low, high, count in lab.bins)

    def made_with(self, report: Report) -> str:
        if self.language == "zh":
            return f"实验版本 {report.lab_version}，种子 {report.seed}，隔离方式 {report.isolation}"
        return f"lab {report.lab_version}, seed {report.seed}, isolation {report.isolation}"


WORDS = {
    "en": Words(),
    "zh": Words(
        language="zh",
        skip="跳到报告",
        contents="实验",
        nothing="未提交",
        no_score="尚无分数",
        checks="各项检查",
        check="检查",
        verdict="结果",
        score="得分",
        distribution="分数分布",
        rates="各项检查的通过率",
        passed="通过",
        blocked="未运行",
        misconceptions="常见错误",
        about_groups="在同一项检查、同一个最小输入上出错的提交归为一组，人数最多的在前；输入下面是他们的答案。",
        no_groups="没有两份提交在同一个输入上出错。",
        everybody="学生",
        student="学生",
        not_passed="未通过",
    ),
}
