"""A lab's files in a student's folder: start, reset (whole or one task), archive."""

from __future__ import annotations

import ast
import shutil
import zipfile
from pathlib import Path

import msgspec

from aisys_cli import __version__
from aisys_cli.course.records import Lab
from aisys_cli.errors import UsageError
from aisys_cli.report.records import Report
from aisys_cli.report.writing import write_whole

__all__ = ["PUBLIC", "archive", "reset", "reset_task", "start"]

PUBLIC = "public"  # where the copies of handout, driver and public checks go, to be read


def start(lab: Lab, folder: Path, *, force: bool) -> list[str]:
    """Put the starter and what a student reads into `folder`; the names of the files that
    the student writes. Existing ones are kept, with `force` replaced after a .bak."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in sorted(lab.starter.iterdir()):
        target = folder / source.name
        if target.exists() and not force:
            continue
        if target.exists():
            shutil.copy2(target, target.with_name(target.name + ".bak"))
        shutil.copyfile(source, target)
    public = folder / PUBLIC
    public.mkdir(exist_ok=True)
    for source in [*lab.folder.glob("*.md"), *lab.folder.glob("*.py")]:
        if not source.name.startswith("hints."):
            shutil.copyfile(source, public / source.name)
    return list(lab.facts.files)


def reset(lab: Lab, folder: Path) -> list[Path]:
    """Every file of the starter as it was; the copies kept of what was there."""
    kept = []
    for source in sorted(lab.starter.iterdir()):
        target = folder / source.name
        if target.exists():
            backup = target.with_name(target.name + ".bak")
            shutil.copy2(target, backup)
            kept.append(backup)
        shutil.copyfile(source, target)
    return kept


def reset_task(lab: Lab, folder: Path, task: str) -> tuple[list[str], Path]:
    """Put back the starter's text of the definitions that belong to one task.

    A definition belongs to task 1 when the starter has `TODO: task 1` (or 1.2, ...) in
    it. Returns the names put back and the copy kept. UsageError when the student's file
    does not parse, or has none of them.
    """
    name = lab.facts.files[0]
    target = folder / name
    before = (lab.starter / name).read_text(encoding="utf-8")
    text = target.read_text(encoding="utf-8")
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise UsageError(
            f"{target}:{error.lineno} does not parse, so one task cannot be told from another",
            remedy="Put back the whole file: aisys lab reset",
        ) from None
    fresh = _definitions(before, ast.parse(before))
    mine = _definitions(text, tree)
    wanted = {
        key: source
        for key, (_, _, source) in fresh.items()
        if key in mine and _belongs(source, task) and not _has_inner(key, fresh)
    }
    if not wanted:
        raise UsageError(f"nothing in {name} belongs to task {task}, or it was renamed")
    backup = target.with_name(name + ".bak")
    shutil.copy2(target, backup)
    lines = text.splitlines(keepends=True)
    for key in sorted(wanted, key=lambda key: mine[key][0], reverse=True):
        first, last, _ = mine[key]
        lines[first - 1 : last] = [wanted[key]]
    write_whole(target, "".join(lines))
    return sorted(wanted), backup


def _belongs(source: str, task: str) -> bool:
    return f"TODO: task {task}." in source or f"TODO: task {task}\n" in source


def _has_inner(key: str, known: dict[str, tuple[int, int, str]]) -> bool:
    return any(other.startswith(f"{key}.") for other in known)


def _definitions(text: str, tree: ast.Module) -> dict[str, tuple[int, int, str]]:
    """Qualified name -> (first line, last line, text) of functions, classes and methods."""
    lines = text.splitlines(keepends=True)
    found: dict[str, tuple[int, int, str]] = {}

    def visit(body: list[ast.stmt], prefix: str) -> None:
        for node in body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
                last = node.end_lineno or node.lineno
                found[prefix + node.name] = (first, last, "".join(lines[first - 1 : last]))
                if isinstance(node, ast.ClassDef):
                    visit(node.body, f"{prefix}{node.name}.")

    visit(tree.body, "")
    return found


class Manifest(msgspec.Struct):
    """aisys.json in a submission archive: what it is, and what its author saw last."""

    lab: str
    lab_version: str
    aisys: str
    files: dict[str, str]
    public_score: str


def archive(files: dict[str, bytes], report: Report, target: Path) -> None:
    """A zip of the student's files with a manifest; the same bytes for the same content."""
    manifest = Manifest(
        lab=report.lab,
        lab_version=report.lab_version,
        aisys=__version__,
        files={name: f"{len(data)} bytes" for name, data in sorted(files.items())},
        public_score=f"{report.score}/{report.max_score}",
    )
    content = {"aisys.json": msgspec.json.format(msgspec.json.encode(manifest)), **files}
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.part")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as out:
        for name in sorted(content):
            out.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), content[name])
    partial.replace(target)
