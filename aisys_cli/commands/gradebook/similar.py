"""aisys gradebook similar"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aisys_cli.commands.context import Format, FormatOption, course_of
from aisys_cli.commands.gradebook.options import DbOption, OneLabOption
from aisys_cli.errors import NothingToDo, UsageError

__all__ = ["similar"]


def similar(
    context: typer.Context,
    lab: OneLabOption,
    most: Annotated[int, typer.Option(min=1, help="Pairs to show, the most alike first.")] = 20,
    given: Annotated[
        list[Path] | None,
        typer.Option(help="A file or folder that everybody had, such as a lecture's code."),
    ] = None,
    db: DbOption = Path("gradebook.db"),
    format: FormatOption = Format.text,
) -> None:
    """Pairs of submissions that are suspiciously alike.

    What the starter, handout, hints and public checks have is left out.
    It is for a person to look at; nothing here changes a grade.
    """
    import msgspec

    from aisys_cli.bulk.gradebook import Gradebook
    from aisys_cli.bulk.similar import given_code
    from aisys_cli.bulk.similar import similar as compare
    from aisys_cli.course.load import find_lab
    from aisys_cli.report.alike import render_pairs

    found = find_lab(course_of(context), lab)
    texts = [text for path in given or [] for text in _texts(path)]
    with Gradebook.read(db) as book:
        digests = {one.submission: one.submission_digest for one in book.latest(found.id)}
        sources = {id: book.sources(digest) for id, digest in digests.items()}
    sources = {id: files for id, files in sources.items() if files}
    if len(sources) < 2:
        raise NothingToDo(
            f"{db} has the files of {len(sources)} submissions of {found.id}; two make a pair",
            remedy=f"aisys grade-all SUBMISSIONS --lab {found.id} --db {db}",
        )
    pairs = compare(sources, given_code([*_texts(found.folder), *texts]), most=most)
    if format is Format.json:
        print(msgspec.json.format(msgspec.json.encode(pairs), indent=2).decode())
    else:
        print(render_pairs(found.id, pairs, sources, language=context.obj.language), end="")


def _texts(path: Path) -> list[str]:
    if not path.exists():
        raise UsageError(f"--given {path}: there is no such file or folder")
    files = [path] if path.is_file() else sorted(path.rglob("*"))
    return [
        one.read_text(encoding="utf-8", errors="replace")
        for one in files
        if one.suffix in (".py", ".md") and one.is_file()
    ]
