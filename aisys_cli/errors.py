"""Every error that aisys raises on purpose, and the exit code each one ends with.

    AisysError
     +-- UsageError          2   bad flag, unknown lab, missing file
     +-- CourseError         3   lab.toml malformed, a solution misbehaves, an oracle raised
     +-- EnvironmentFault    4   no sandbox, a package does not import, disk full
     +-- NothingToDo         5   no submissions, a filter that matches no check

A wrong answer is not an error: it is data in a report. See report/records.py.
"""

from __future__ import annotations

from enum import IntEnum

from aisys_cli.language import N_

__all__ = [
    "WSL",
    "AisysError",
    "CourseError",
    "EnvironmentFault",
    "ExitCode",
    "NothingToDo",
    "UsageError",
]


class ExitCode(IntEnum):
    """What a finished `aisys` process says to its caller."""

    OK = 0
    NOT_PASSED = 1
    USAGE = 2
    BUG = 3
    ENVIRONMENT = 4
    NOTHING_TO_DO = 5
    INTERRUPTED = 130

    @property
    def meaning(self) -> str:
        return _MEANINGS[self]


_MEANINGS = {
    ExitCode.OK: "every check passed, or the command did its work",
    ExitCode.NOT_PASSED: "ran to the end, and some check did not pass",
    ExitCode.USAGE: "usage: bad flag, unknown lab, missing file",
    ExitCode.BUG: "a bug in aisys or in a lab",
    ExitCode.ENVIRONMENT: "environment: no sandbox, a package missing, disk full",
    ExitCode.NOTHING_TO_DO: "nothing to do: no submissions, no check matched",
    ExitCode.INTERRUPTED: "interrupted; what was finished is kept",
}


WSL = N_(
    "Use Linux inside Windows. In a terminal, once:  wsl --install\n"
    "Then, in its terminal, install aisys there and run the same command."
)


class AisysError(Exception):
    """What happened, with the value that caused it, and what to do next.

    `remedy` holds the next commands or steps, one to a line.
    """

    exit_code = ExitCode.BUG

    def __init__(self, message: str, *, remedy: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class UsageError(AisysError):
    exit_code = ExitCode.USAGE


class CourseError(AisysError):
    exit_code = ExitCode.BUG


class EnvironmentFault(AisysError):
    exit_code = ExitCode.ENVIRONMENT


class NothingToDo(AisysError):
    exit_code = ExitCode.NOTHING_TO_DO
