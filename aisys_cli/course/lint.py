"""Is a lab whole? The part of `aisys course check` that runs nothing."""

from __future__ import annotations

import ast
from pathlib import Path

from aisys_cli.course.load import read_words
from aisys_cli.course.records import Lab
from aisys_cli.errors import CourseError
from aisys_cli.language import N_
from aisys_cli.workspace.hints import read_hints

__all__ = ["lint"]

HINT_STEPS = 3
_CACHES = ("__pycache__", ".ruff_cache", ".mypy_cache", ".DS_Store")


def lint(lab: Lab) -> list[str]:
    """What is missing, doubtful or stray, a sentence each."""
    problems = _missing(lab) + _texts(lab) + _hints(lab) + _words(lab) + _unparsable(lab)
    if not problems:
        problems += _strays(lab)
    return problems


def _missing(lab: Lab) -> list[str]:
    wanted = [lab.driver, lab.folder / "checks.py"]
    wanted += [lab.handout(language) for language in ("en", "zh")]
    wanted += [lab.hints(language) for language in ("en", "zh")]
    wanted += [lab.starter / name for name in lab.facts.files]
    if any(check.visibility == "hidden" for check in lab.facts.checks):
        wanted.append(lab.hidden_folder / "checks.py")
    wanted += [lab.solutions / "reference" / name for name in lab.facts.files]
    wanted += [lab.solutions / "wheats", lab.solutions / "chaffs"]
    return [N_(f"{path} is missing") for path in wanted if not path.exists()]


def _texts(lab: Lab) -> list[str]:
    problems = []
    named = [(N_("the lab"), lab.facts.title)]
    named += [(N_(f"task {task.id}"), task.title) for task in lab.facts.tasks]
    named += [(N_(f"check {check.id}"), check.title) for check in lab.facts.checks]
    for what, title in named:
        if not title.en.strip() or not title.zh.strip():
            problems.append(N_(f"{what} has no title in one of the languages"))
        elif title.en == title.zh:
            problems.append(N_(f"{what} has the same title in both languages: {title.en}"))
    for task in lab.facts.tasks:
        if not any(check.task == task.id for check in lab.facts.checks):
            problems.append(N_(f"task {task.id} has no check"))
    return problems


def _words(lab: Lab) -> list[str]:
    try:
        read_words(lab, "zh")
    except CourseError as error:
        return [error.message]
    return []


def _hints(lab: Lab) -> list[str]:
    problems = []
    for language in ("en", "zh"):
        path = lab.hints(language)
        if not path.is_file():
            continue  # _missing says so
        try:
            hints = read_hints(path)
        except CourseError as error:
            problems.append(error.message)
            continue
        tasks = [task.id for task in lab.facts.tasks]
        if list(hints) != tasks:
            problems.append(N_(f"{path} has tasks {list(hints)}; lab.toml has {tasks}"))
        for task, steps in hints.items():
            if len(steps) != HINT_STEPS:
                problems.append(N_(f"{path}: task {task} has {len(steps)} steps, not {HINT_STEPS}"))
            for number, text in enumerate(steps, 1):
                if not text:
                    problems.append(N_(f"{path}: step {number} of task {task} is empty"))
    return problems


def _unparsable(lab: Lab) -> list[str]:
    problems = []
    for folder in (lab.folder, lab.hidden_folder):
        for path in sorted(folder.glob("*.py")):
            try:
                _imports(path)
            except (SyntaxError, ValueError) as error:  # UnicodeDecodeError is a ValueError
                problems.append(N_(f"{path} does not parse: {error}"))
    return problems


def _strays(lab: Lab) -> list[str]:
    """Files that nothing uses: what is not named below and no check imports."""
    modules = {
        f"{name}.py"
        for folder in (lab.folder, lab.hidden_folder)
        for path in folder.glob("*.py")
        for name in _imports(path)
    }
    public = {"lab.toml", "driver.py", "checks.py", "draw.py", "starter", "figures"} | modules
    public |= {f"{kind}.{lang}.md" for kind in ("handout", "hints") for lang in ("en", "zh")}
    public.add("words.zh.toml")
    known = {
        lab.folder: public,
        lab.hidden_folder: {"checks.py"} | modules,
        lab.starter: set(lab.facts.files),
        lab.solutions: {"reference", "wheats", "chaffs", "equivalent.toml", "README.md"},
        lab.solutions / "reference": set(lab.facts.files),
    }
    problems = []
    for folder, names in known.items():
        for path in sorted(folder.iterdir()) if folder.is_dir() else []:
            if path.name not in names and path.name not in _CACHES:
                problems.append(N_(f"{path} is a stray file: nothing uses it"))
    chaffs = lab.solutions / "chaffs"
    for path in sorted(chaffs.iterdir()):
        if path.is_dir() and not path.with_suffix(".toml").is_file():
            problems.append(N_(f"{path} has no {path.name}.toml"))
    return problems


def _imports(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names
