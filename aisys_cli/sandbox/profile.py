"""What a cell can see of Python: the packages of a profile, and nothing else.

A profile names distributions; their requirements come along. Only the top-level
packages of those distributions are bound into the sandbox, so that nothing else of the
environment (the grader, a course's hidden parts, another framework) is on its disk.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from pathlib import Path

from aisys_cli.errors import EnvironmentFault, UsageError

__all__ = ["PROFILES", "Profile", "profile", "site_entries"]


@dataclass(frozen=True)
class Profile:
    """`distributions` are on the cell's disk; `imports` are loaded in the warm host."""

    name: str
    distributions: tuple[str, ...]
    imports: tuple[str, ...]


PROFILES = {
    one.name: one
    for one in (
        Profile("numpy", ("numpy", "msgspec"), ("numpy", "msgspec")),
        Profile("torch", ("torch", "numpy", "msgspec"), ("numpy", "msgspec", "torch")),
    )
}


def profile(name: str) -> Profile:
    """The profile of that name; UsageError when there is none."""
    if name not in PROFILES:
        raise UsageError(f"no profile named {name!r}; there are {', '.join(PROFILES)}")
    return PROFILES[name]


def site_entries(wanted: Profile) -> list[Path]:
    """The top-level files and folders in site-packages that the profile needs."""
    import importlib.metadata  # late: 20 ms that `aisys lab list` need not pay

    found: dict[str, Path] = {}
    for name in _closure(wanted.distributions):
        distribution = importlib.metadata.distribution(name)
        for file in distribution.files or ():
            top = file.parts[0]
            if top not in ("..", "__pycache__") and top not in found:
                found[top] = Path(str(distribution.locate_file(top)))
    return sorted(path for path in found.values() if path.exists())


_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _closure(names: tuple[str, ...]) -> list[str]:
    """The distributions and what they require, as far as it is installed."""
    import importlib.metadata

    done: list[str] = []
    queue = list(names)
    while queue:
        name = queue.pop(0).lower().replace("_", "-")
        if name in done:
            continue
        try:
            requires = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            if name not in names:
                continue  # optional here, or for another platform
            raise EnvironmentFault(
                f"the package {name} is not installed, and this lab's profile needs it",
                remedy=f"{sys.executable} -m pip install {name}",
            ) from None
        done.append(name)
        for requirement in requires:
            match = _NAME.match(requirement)
            if match and "extra ==" not in requirement:
                queue.append(match.group())
    return done
