"""A handout for reading: in a terminal, and as a page by itself.

A handout is Markdown; a block that is fenced as `math` is LaTeX, which GitHub typesets too. In a
terminal it becomes a line of text, on a page MathML, which browsers draw without a script.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

__all__ = ["page", "readable"]

_MATH = re.compile(r"^```math\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #ffffff; --raised: #f3f5f7;
  --line: #d0d7de; --link: #0a58ca }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --raised: #161b22;
  --line: #30363d; --link: #79b8ff } }
body { margin: 0 auto; padding: 1rem; max-width: 50rem; font: 17px/1.6 system-ui, sans-serif;
  color: var(--ink); background: var(--paper) }
a { color: var(--link) } h1, h2, h3 { line-height: 1.25; margin-top: 2em }
pre, code { font: .85em/1.5 ui-monospace, monospace; background: var(--raised); border-radius: 4px }
code { padding: .1em .3em }
pre { padding: .75rem 1rem; overflow-x: auto; border: 1px solid var(--line) }
pre code { padding: 0; background: none } math { font-size: 1.15em; margin: 1em 0 }
table { border-collapse: collapse; display: block; overflow-x: auto }
th, td { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left }
figure { margin: 2em 0; overflow-x: auto }
"""
_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src {allowed}">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
{body}
</main>
</body>
</html>
"""


def readable(text: str) -> str:
    """The Markdown with its formulas as text."""
    return _MATH.sub(lambda match: f"```\n{_as_text(match[1])}\n```", text)


def _as_text(latex: str) -> str:
    from pylatexenc.latex2text import (
        LatexNodes2Text,
        MacroTextSpec,
        get_default_latex_context_db,
    )

    def fraction(node: Any, l2tobj: Any) -> str:
        parts = [l2tobj.nodelist_to_text([part]).strip() for part in node.nodeargd.argnlist]
        return " / ".join(f"({part})" if re.search(r"[ +-]", part) else part for part in parts)

    known = get_default_latex_context_db()
    known.add_context_category(
        "ours", prepend=True, macros=[MacroTextSpec("frac", simplify_repl=fraction)]
    )
    converter = LatexNodes2Text(latex_context=known, math_mode="text", keep_comments=True)
    lines = [line for line in latex.strip().splitlines() if line.strip()]
    return "\n".join(converter.latex_to_text(line).strip() for line in lines)


def page(text: str, *, title: str, language: str, pictures: list[tuple[str, str]]) -> str:
    """HTML by itself, with the pictures (name, SVG) at its end."""
    import html

    from markdown_it import MarkdownIt

    reader = MarkdownIt("commonmark", {"html": False}).enable("table")
    reader.add_render_rule("fence", _fence)
    body = reader.render(text)
    for name, svg in pictures:
        body += f"\n<figure><figcaption>{html.escape(name)}</figcaption>\n{svg}</figure>"
    styles = [_STYLE, *re.findall(r"<style>(.*?)</style>", body, re.DOTALL)]
    return _PAGE.format(
        language=language,
        title=html.escape(title),
        style=_STYLE,
        body=body,
        allowed=" ".join(dict.fromkeys(map(_hash, styles))),
    )


def _hash(style: str) -> str:
    digest = hashlib.sha256(style.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _fence(renderer: Any, tokens: Any, index: int, options: Any, environment: Any) -> str:
    token = tokens[index]
    if token.info.strip() != "math":
        return str(renderer.__class__.fence(renderer, tokens, index, options, environment))
    from latex2mathml.converter import convert

    lines = [line for line in token.content.strip().splitlines() if line.strip()]
    return "\n".join(convert(line, display="block") for line in lines) + "\n"
