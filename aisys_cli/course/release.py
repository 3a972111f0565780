"""What leaves the teacher's machine: a student edition of a course, an autograder's archive.

A student edition is made of what students may see, file by file, and of nothing else. Before it is
written it is searched for what they may not: a row of lines of a solution or of a hidden check
that has got into a handout, a hint, a driver or a public check.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from aisys_cli.course.records import Course, Lab
from aisys_cli.errors import CourseError, UsageError
from aisys_cli.language import N_
from aisys_cli.report.writing import write_whole

__all__ = ["autograder_archive", "leaks", "student_edition", "write_edition"]

_TEMPLATES = Path(__file__).parent / "edition"
_CI = {"github": ".github/workflows/labs.yml", "gitlab": ".gitlab-ci.yml"}
_TEXTS = (".py", ".toml", ".md")
_ROW = 4  # lines that are the same, one after another, are no coincidence
_THEN = (1980, 1, 1, 0, 0, 0)  # the same archive from the same files


def student_edition(
    course: Course, labs: list[Lab], *, ci: str, install: str, language: str
) -> dict[str, bytes]:
    """{path: content} of the whole edition. CourseError if something in it would leak."""
    files = {"course.toml": _course_toml(course, labs)}
    for lab in labs:
        files.update(_public(course, lab))
    found = leaks(labs, files)
    if found:
        raise CourseError(
            f"the student edition would show what is hidden: {found[0]}",
            remedy="\n".join([N_("Take it out of labs/, then try again."), *found[1:10]]),
        )
    words = _words(course, labs, install, language)
    files["README.md"] = _filled("README.md", words)
    if ci:
        files[_CI[ci]] = _filled(f"{ci}.yml", words)
    return files


def write_edition(files: dict[str, bytes], target: Path) -> None:
    """Write an edition into a new or empty folder. UsageError if there is something in it."""
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UsageError(
            f"{target} is not empty", remedy="Name a new folder; what is old is not mixed with new."
        )
    for name, content in files.items():
        write_whole(target / name, content)


def autograder_archive(course: Course, lab: Lab, *, install: str) -> bytes:
    """A zip for Gradescope: setup.sh, run_autograder and the lab with its hidden checks."""
    words = _words(course, [lab], install, "en")
    files = {name: _filled(name, words) for name in ("setup.sh", "run_autograder")}
    files["course/course.toml"] = _course_toml(course, [lab])
    for name, content in {**_public(course, lab), **_tree(course.root, lab.hidden_folder)}.items():
        files[f"course/{name}"] = content
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _THEN)
            runs = name in ("setup.sh", "run_autograder")
            entry.external_attr = (0o100755 if runs else 0o100644) << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


# -- what is in it ---------------------------------------------------------------------


def _public(course: Course, lab: Lab) -> dict[str, bytes]:
    return _tree(course.root, lab.folder)


def _tree(root: Path, folder: Path) -> dict[str, bytes]:
    """The texts in a folder, by their path in the course; no link, no cache."""
    found = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if any(part.startswith((".", "__")) for part in parts):
            continue
        if path.is_file() and not path.is_symlink() and path.suffix in _TEXTS:
            found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


def _course_toml(course: Course, labs: list[Lab]) -> bytes:
    """course.toml with these labs only. Its other lines are the author's and stay."""
    from aisys_cli.course.new_lab import LABS

    text = (course.root / "course.toml").read_text(encoding="utf-8")
    listed = ", ".join(f'"{lab.id}"' for lab in labs)
    return LABS.sub(f"labs = [{listed}]", text, count=1).encode()


def _words(course: Course, labs: list[Lab], install: str, language: str) -> dict[str, str]:
    return {
        "@INSTALL@": install,
        "@LABS@": " ".join(lab.id for lab in labs),
        "@LANG@": language,
        "@TITLE@": course.facts.title.in_(language),
        "@FIRST@": labs[0].id,
    }


def _filled(name: str, words: dict[str, str]) -> bytes:
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    for word, value in words.items():
        text = text.replace(word, value)
    return text.encode()


# -- what must not be in it --------------------------------------------------------------


def leaks(labs: list[Lab], files: dict[str, bytes]) -> list[str]:
    """Hidden lines in files that students will have, a sentence each: a row of a solution's,
    or a third of a file of hidden checks, which may have the odd row of a public one."""
    shown = {name: list(_rows(content.decode(errors="replace"))) for name, content in files.items()}
    found = []
    for lab in labs:
        given = {row for path in lab.starter.rglob("*.py") for _, row in _rows(path.read_text())}
        for folder, share in ((lab.solutions, 0.0), (lab.hidden_folder, 1 / 3)):
            for path in sorted(folder.rglob("*.py")):
                hidden = {row: line for line, row in _rows(path.read_text()) if row not in given}
                for name, rows in shown.items():
                    same = [(line, hidden[row]) for line, row in rows if row in hidden]
                    if same and len(same) > share * len(hidden):
                        found.append(f"{name}:{same[0][0]} is {path}:{same[0][1]}")
    return found


def _rows(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """(line number, that many lines from there on); blank lines, imports and what says
    little by itself are left out."""
    lines = [(n, line.strip()) for n, line in enumerate(text.splitlines(), 1)]
    telling = [(n, line) for n, line in lines if len(line) > 3 and not _is_import(line)]
    for i in range(len(telling) - _ROW + 1):
        row = telling[i : i + _ROW]
        if sum(len(line) for _, line in row) >= 20 * _ROW:
            yield row[0][0], tuple(line for _, line in row)


def _is_import(line: str) -> bool:
    return line.startswith(("import ", "from ", '"""', "#"))
