"""The reference of all commands, made of the commands themselves."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["reference"]


def reference(root: Any, context: Any) -> str:
    """Markdown: a section for each command with its usage, options and arguments."""
    parts = ["# Commands\n", "Made by `aisys help commands`; a test compares.\n"]
    for path, command in _tree(root, ()):
        if getattr(command, "commands", None) and path:
            parts.append(f"## aisys {' '.join(path)}\n\n{_text(command.help)}")
            continue
        level = "##" if len(path) < 2 else "###"
        title = " ".join(("aisys", *path))
        inner = context.__class__(command, info_name=title)
        pieces = re.sub(r"\{(\w+)\}", _capitals, " ".join(command.collect_usage_pieces(inner)))
        parts.append(f"{level} {title}\n\n{_text(command.help)}")
        parts.append(f"    {title} {pieces}\n")
        rows = [_row(one, inner) for one in command.params if not getattr(one, "hidden", False)]
        if rows:
            parts.append("| | |\n|---|---|\n" + "\n".join(rows) + "\n")
    return "\n".join(parts)


def _tree(command: Any, path: tuple[str, ...]) -> Any:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _tree(child, (*path, name))


def _text(help: str | None) -> str:
    return f"{(help or '').strip()}\n"


def _row(parameter: Any, context: Any) -> str:
    """An option or argument with what it takes and its default."""
    if parameter.param_type_name == "argument":
        name = parameter.make_metavar(context).strip("[]{}")
        return f"| `{_cell(name)}` | {_cell(parameter.help or '')} |"
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    takes = "" if parameter.is_flag else f" {parameter.make_metavar(context)}"
    default = parameter.default
    plain = default not in (None, "", False, True) and not callable(default)
    shown = f" Default: {getattr(default, 'value', default)}." if plain else ""
    return f"| `{_cell(names + takes)}` | {_cell((parameter.help or '') + shown)} |"


def _capitals(match: re.Match[str]) -> str:
    return match[1].upper()


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
