"""Pictures as files: PNG, and pages that need nothing else."""

import html
import re
import struct
from html.parser import HTMLParser
from xml.etree import ElementTree

import msgspec
import pytest
from test_exchange import HOSTILE as HOSTILE_EXCHANGE
from test_gantt_and_graphs import BOTH, GANTT, HOSTILE

from aisys_cli.draw import files, to_html, to_png, to_svg, to_text
from aisys_cli.errors import EnvironmentFault

ALL = [GANTT, BOTH, HOSTILE, HOSTILE_EXCHANGE]


@pytest.mark.parametrize("picture", ALL, ids=lambda one: type(one).__name__)
def test_a_png_has_the_size_of_the_svg_and_its_letters(picture):
    svg = to_svg(picture)
    data = to_png(picture)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    root = ElementTree.fromstring(svg)
    wanted = float(root.get("width")), float(root.get("height"))
    assert (width / 2, height / 2) == pytest.approx(wanted, abs=1)
    bare = re.sub(r"<text.*?</text>", "", svg, flags=re.DOTALL)
    assert files.svg_png(bare) != data


def test_a_png_has_the_light_colours_in_the_place_of_variables():
    light = files._in_light(to_svg(GANTT))
    assert "var(" not in light
    assert "@media" not in light
    assert "#1b1f24" in light


def test_without_a_font_there_is_no_png_but_a_remedy(monkeypatch):
    monkeypatch.setattr(files, "_has_a_font", lambda: False)
    with pytest.raises(EnvironmentFault, match="no font on this machine") as raised:
        to_png(GANTT)
    assert "-o FILE.svg" in raised.value.remedy


@pytest.mark.parametrize("picture", ALL, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_page_is_whole_by_itself_and_has_the_text_too(picture, language):
    page = to_html(picture, language=language)
    tags = []

    class Parser(HTMLParser):
        def handle_starttag(self, tag, attrs):
            tags.append((tag, dict(attrs)))

    Parser().feed(page)
    names = [tag for tag, _ in tags]
    assert {"html", "h1", "main", "svg", "pre"} <= set(names)
    assert not {"script", "link", "img", "iframe", "object"} & set(names)
    assert dict(tags[0][1]) == {"lang": language}
    links = [value for _, attrs in tags for key, value in attrs.items() if key in ("src", "href")]
    assert all(link.startswith("#") for link in links)
    assert html.escape(to_text(picture).plain) in page


def test_what_a_student_names_is_escaped_in_a_page():
    picture = msgspec.structs.replace(GANTT, title="<script>alert(1)</script>")
    page = to_html(picture, language="en")
    assert "<script" not in page
