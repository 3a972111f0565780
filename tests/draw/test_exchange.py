"""Pictures of an Exchange: what stands in them, and that they are what they claim to be."""

import itertools
import json
from xml.etree import ElementTree

import pytest

from aisys_cli.draw import Exchange, Transfer
from aisys_cli.draw.perfetto import exchange_json
from aisys_cli.draw.svg import exchange_svg
from aisys_cli.draw.terminal import exchange_text

SVG = "{http://www.w3.org/2000/svg}"


def ring(size):
    transfers = [
        Transfer(r, (r + 1) % size, step, step, f"{(r - step) % size}({step})", (r - step) % size)
        for step in range(1, size)
        for r in range(size)
    ]
    return Exchange(f"ring of {size}", size, transfers, ["a note", "another"])


EMPTY = Exchange("nothing is sent", 1, [])
HOSTILE = Exchange(
    '<script>alert("x")</script> & ]]>',
    2,
    [Transfer(0, 1, 1, 1, "</text><b>", 0, "<i> & \"'", call="</title>")],
    ["<script>"],
)


def test_terminal_has_a_row_for_each_step_and_a_column_for_each_rank():
    lines = exchange_text(ring(4)).plain.splitlines()
    assert lines[0] == "ring of 4"
    assert lines[2].split() == ["rank", "0", "rank", "1", "rank", "2", "rank", "3"]
    assert lines[3].split() == ["step", "1", "3(1)>1", "0(1)>2", "1(1)>3", "2(1)>0"]
    assert [line.split()[1] for line in lines[3:6]] == ["1", "2", "3"]
    assert lines[-2:] == ["a note", "another"]


@pytest.mark.parametrize("size", [2, 4, 8])
def test_terminal_fits_80_columns_and_leaves_no_blanks_at_the_end(size):
    for line in exchange_text(ring(size)).plain.splitlines():
        assert len(line) <= 80
        assert line == line.rstrip()


def test_terminal_stacks_what_a_rank_sends_in_one_step():
    both = Exchange("two", 3, [Transfer(1, 2, 1, 1, "a"), Transfer(1, 0, 1, 1, "b")])
    rows = [line.split() for line in exchange_text(both).plain.splitlines()[3:5]]
    assert rows == [["step", "1", ".", "a>2", "."], [".", "b>0", "."]]


@pytest.mark.parametrize("picture", [ring(2), ring(8), EMPTY, HOSTILE], ids=lambda one: one.size)
def test_svg_is_well_formed_and_has_every_message(picture):
    root = ElementTree.fromstring(exchange_svg(picture))
    arrows = root.findall(f"{SVG}path")
    labels = [text for text in root.findall(f"{SVG}text") if text.get("class") == "label"]
    assert len(arrows) == len(labels) == len(picture.transfers)
    assert [text.text for text in labels] == [one.label for one in picture.transfers]
    assert root.find(f"{SVG}title").text == picture.title
    assert not root.findall(f".//{SVG}script")
    names = {text.text for text in root.findall(f"{SVG}text")}
    assert {f"rank {r}" for r in range(picture.size)} <= names
    assert set(picture.notes) <= names


def test_svg_stays_within_its_own_edges():
    root = ElementTree.fromstring(exchange_svg(ring(8)))
    width, height = float(root.get("width")), float(root.get("height"))
    for text in root.findall(f"{SVG}text"):
        assert 0 <= float(text.get("x")) <= width
        assert 0 <= float(text.get("y")) <= height
    for arrow in root.findall(f"{SVG}path"):
        numbers = [float(part.lstrip("ML")) for part in arrow.get("d").split()]
        assert all(0 <= x <= width for x in numbers[::2])
        assert all(0 <= y <= height for y in numbers[1::2])


def test_svg_asks_for_nothing_outside_itself():
    text = exchange_svg(ring(4)).replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in text
    assert "@import" not in text


@pytest.mark.parametrize("picture", [ring(3), EMPTY, HOSTILE], ids=lambda one: one.size)
def test_trace_is_in_the_trace_event_format(picture):
    document = json.loads(exchange_json(picture))
    events = document["traceEvents"]
    assert [one["ts"] for one in events] == sorted(one["ts"] for one in events)
    named = {one["tid"]: one["args"]["name"] for one in events if one["name"] == "thread_name"}
    assert named == {r: f"rank {r}" for r in range(picture.size)}
    slices = [one for one in events if one["ph"] == "X"]
    assert len(slices) == 2 * len(picture.transfers)
    assert all(one["dur"] > 0 and one["tid"] in named and one["pid"] == 0 for one in slices)
    starts = {one["id"]: one for one in events if one["ph"] == "s"}
    ends = {one["id"]: one for one in events if one["ph"] == "f"}
    assert len(starts) == len(ends) == len(picture.transfers)
    for number, transfer in enumerate(picture.transfers, 1):
        assert (starts[number]["tid"], ends[number]["tid"]) == (transfer.src, transfer.dst)
        assert starts[number]["ts"] < ends[number]["ts"]


def test_slices_of_one_rank_do_not_overlap():
    # The format draws overlapping slices of a thread as if one had called the other.
    slices = [one for one in json.loads(exchange_json(ring(5)))["traceEvents"] if one["ph"] == "X"]
    for rank in range(5):
        spans = sorted((s["ts"], s["ts"] + s["dur"]) for s in slices if s["tid"] == rank)
        assert all(end <= start for (_, end), (start, _) in itertools.pairwise(spans))


def test_flows_start_and_end_inside_their_slices():
    events = json.loads(exchange_json(ring(3)))["traceEvents"]
    slices = [one for one in events if one["ph"] == "X"]
    for flow in (one for one in events if one["ph"] in "sf"):
        around = [
            one
            for one in slices
            if one["tid"] == flow["tid"] and one["ts"] <= flow["ts"] <= one["ts"] + one["dur"]
        ]
        assert len(around) == 1
