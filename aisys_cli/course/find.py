"""Where the course is. Imports nothing heavy: shell completion asks for it at every Tab."""

from __future__ import annotations

import os
from pathlib import Path

from aisys_cli.errors import UsageError

__all__ = ["find_course"]


def find_course(asked: Path | None = None) -> Path:
    """The course's folder: the one asked for, else AISYS_COURSE, else the bundled one."""
    named = asked or (Path(os.environ["AISYS_COURSE"]) if os.environ.get("AISYS_COURSE") else None)
    if named is not None:
        if not (named / "course.toml").is_file():
            raise UsageError(
                f"no course in {named}: it has no course.toml",
                remedy="Name the folder that holds course.toml: aisys --course DIR ...",
            )
        return named.resolve()
    package = Path(__file__).resolve().parent.parent
    for candidate in (package / "bundled", package.parent):
        if (candidate / "course.toml").is_file():
            return candidate
    raise UsageError(
        "this installation carries no course",
        remedy="Name one: aisys --course DIR ...    (or set AISYS_COURSE)",
    )
