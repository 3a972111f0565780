"""A picture as a file by itself: PNG, and an HTML page that asks for nothing outside of it.

The SVG takes its colours from variables that follow the reader's light or dark theme. A PNG has
no reader yet: it has the light ones. resvg draws it, which needs no browser and no C library of
the system's; it does need a font.
"""

from __future__ import annotations

import functools
import html
import re

from aisys_cli.errors import EnvironmentFault

__all__ = ["svg_html", "svg_png"]

_VARIABLE = re.compile(r"--([a-z]+): *(#[0-9a-f]{6})")
# By name, because resvg takes the generic ones for fonts that Linux seldom has.
_SANS = "DejaVu Sans, Noto Sans, Liberation Sans, Ubuntu, Arial, Helvetica, Segoe UI, sans-serif"
_MONO = "DejaVu Sans Mono, Noto Sans Mono, Liberation Mono, Menlo, Consolas, monospace"
_PAGE = """<!DOCTYPE html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ margin: 2rem auto; padding: 0 1rem; max-width: 70rem; font: 16px/1.5 system-ui, sans-serif;
  color: #1b1f24; background: #ffffff }}
figure {{ margin: 0; overflow-x: auto }}
pre {{ overflow-x: auto; font: 13px/1.35 ui-monospace, monospace }}
@media (prefers-color-scheme: dark) {{ body {{ color: #e6edf3; background: #0d1117 }} }}
</style>
</head>
<body>
<main>
<h1>{title}</h1>
<figure>
{svg}
</figure>
<details><summary>{as_text}</summary><pre>{text}</pre></details>
</main>
</body>
</html>
"""
_AS_TEXT = {"en": "The same as text", "zh": "文字形式"}


def svg_html(svg: str, *, title: str, text: str, language: str) -> str:
    """A page with the picture, and the same as text for who cannot see it."""
    return _PAGE.format(
        language=language,
        title=html.escape(title),
        svg=svg.strip(),
        text=html.escape(text),
        as_text=_AS_TEXT[language],
    )


def svg_png(svg: str) -> bytes:
    """The picture in its light colours, two pixels a unit."""
    import resvg_py

    if not _has_a_font():
        raise EnvironmentFault(
            "no font on this machine, and a PNG without letters says nothing",
            remedy="sudo apt-get install fonts-dejavu-core    (or write SVG: -o FILE.svg)",
        )
    return bytes(resvg_py.svg_to_bytes(svg_string=_in_light(svg), zoom=2.0))


def _in_light(svg: str) -> str:
    """With the values of variables in their place, which resvg does not look up."""
    light = svg.partition("@media")[0]
    for name, value in _VARIABLE.findall(light):
        svg = svg.replace(f"var(--{name})", value)
    svg = re.sub(r"--[a-z]+: *#[0-9a-f]{6};", "", svg)  # a rule with one is left out as a whole
    svg = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", svg)
    return svg.replace("system-ui, sans-serif", _SANS).replace("ui-monospace, monospace", _MONO)


@functools.cache
def _has_a_font() -> bool:
    import resvg_py

    shell = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">{}</svg>'
    letter = shell.format(f'<text x="2" y="15" font-family="{_SANS}">W</text>')
    with_letter, without = (resvg_py.svg_to_bytes(svg_string=one) for one in (letter, shell))
    return bytes(with_letter) != bytes(without)
