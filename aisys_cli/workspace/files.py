"""A lab's files in a student's folder: start, reset (whole or one task), archive."""

from __future__ import annotations

import ast
import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from aisys_cli import __version__
from aisys_cli.course.records import Lab
from aisys_cli.errors import EnvironmentFault, UsageError
from aisys_cli.report.records import Report
from aisys_cli.report.writing import write_whole

__all__ = ["PUBLIC", "archive", "reset", "reset_task", "start"]

PUBLIC = "public"  # where the copies of handout, driver and public checks go, to be read


def start(lab: Lab, folder: Path, *, force: bool) -> list[str]:
    """Put the starter and what a student reads into `folder`; the names of the files that
    the student writes. Existing ones are kept, with `force` replaced after a .bak."""
    with _writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        public = folder / PUBLIC
        public.mkdir(exist_ok=True)
        for source in _starter(lab):
            if force or not (folder / source.name).exists():
                _put_back(source, folder / source.name)
        for source in [*lab.folder.glob("*.md"), *lab.folder.glob("*.py")]:
            if not source.name.startswith("hints."):
                shutil.copyfile(source, public / source.name)
    return list(lab.facts.files)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise EnvironmentFault(
            f"cannot write {error.filename2 or error.filename or path}: {error.strerror}"
        ) from None


def _starter(lab: Lab) -> list[Path]:
    return sorted(path for path in lab.starter.iterdir() if path.is_file())


def _put_back(source: Path, target: Path) -> Path | None:
    """The starter's file over the student's; the copy kept of what was there.

    None is kept of what is the starter's text already: it would cost the copy before it.
    """
    backup = None
    if target.exists() and target.read_bytes() != source.read_bytes():
        backup = _back_up(target)
    shutil.copyfile(source, target)
    return backup


def _back_up(target: Path) -> Path:
    return Path(shutil.copy2(target, target.with_name(target.name + ".bak")))


def reset(lab: Lab, folder: Path) -> list[Path]:
    """Every file of the starter as it was; the copies kept of what was there."""
    with _writing(folder):
        kept = [_put_back(source, folder / source.name) for source in _starter(lab)]
    return [path for path in kept if path is not None]


def reset_task(lab: Lab, folder: Path, task: str) -> tuple[list[str], Path | None]:
    """Put back the starter's text of the definitions that belong to one task.

    A definition belongs to task 1 when the starter has `TODO: task 1` (or 1.2, ...) in
    it. Returns the names put back and the copy kept, as _put_back does. UsageError when
    the student's file does not parse, or has none of them.
    """
    name = lab.facts.files[0]
    target = folder / name
    before = (lab.starter / name).read_text(encoding="utf-8")
    remedy = "Put back the whole file: aisys lab reset"
    try:
        text = target.read_text(encoding="utf-8")
        tree = ast.parse(text)
    except OSError as error:
        raise UsageError(f"{target}: {error.strerror}", remedy=remedy) from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{target} is not UTF-8 at byte {error.start}", remedy=remedy) from None
    except (SyntaxError, ValueError) as error:  # ValueError: a null byte, before Python 3.11.4
        line = getattr(error, "lineno", None) or 1
        raise UsageError(
            f"{target}:{line} does not parse, so one task cannot be told from another",
            remedy=remedy,
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
    if all(mine[key][2] == source for key, source in wanted.items()):
        return sorted(wanted), None
    with _writing(target):
        backup = _back_up(target)
    lines = _lines(text)
    for key in sorted(wanted, key=lambda key: mine[key][0], reverse=True):
        first, last, _ = mine[key]
        lines[first - 1 : last] = [wanted[key]]
    write_whole(target, "".join(lines))
    return sorted(wanted), backup


def _lines(text: str) -> list[str]:
    """Lines as Python counts them: str.splitlines also ends one at a form feed and others."""
    return io.StringIO(text).readlines()


def _belongs(source: str, task: str) -> bool:
    return f"TODO: task {task}." in source or f"TODO: task {task}\n" in source


def _has_inner(key: str, known: dict[str, tuple[int, int, str]]) -> bool:
    return any(other.startswith(f"{key}.") for other in known)


def _definitions(text: str, tree: ast.Module) -> dict[str, tuple[int, int, str]]:
    """Qualified name -> (first line, last line, text) of functions, classes and methods."""
    lines = _lines(text)
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
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as out:
        for name in sorted(content):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            out.writestr(info, content[name], zipfile.ZIP_DEFLATED)
    write_whole(target, data.getvalue())
