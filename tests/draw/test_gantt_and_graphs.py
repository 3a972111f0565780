"""Pictures of time and of graphs: what stands in them, in each form."""

import json
from xml.etree import ElementTree

import pytest

from aisys_cli.draw import Bar, Gantt, Graph, Graphs, Node, is_empty, to_svg, to_text, to_trace

SVG = "{http://www.w3.org/2000/svg}"
GANTT = Gantt(
    "two ranks",
    ["rank 0", "rank 1"],
    [
        Bar(0, 0, 1, "F0"),
        Bar(1, 1, 2, "F0"),
        Bar(1, 2, 4, "B0", 1, "backward of 0"),
        Bar(0, 4, 5, "B0", 1),
    ],
    ["forward", "backward"],
    ["idle 4 of 10"],
)
BEFORE = Graph(
    "before",
    [
        Node("a", "input"),
        Node("c", "a * a", ["a"]),
        Node("d", "a * a", ["a"], ["= c"], "merged"),
        Node("e", "c + d", ["c", "d"]),
        Node("z", "exp(a)", ["a"], [], "removed"),
    ],
)
AFTER = Graph("after", [Node("a", "input"), Node("e", "a + a", ["a"])], ["smaller"])
BOTH = Graphs("a pass", [BEFORE, AFTER], ["3 nodes fewer"])
HOSTILE = Graph("<b>&", [Node("<i>", '"</text>', [], ["]]>"], "removed")], ["<script>"])


def test_a_gantt_in_the_terminal_has_a_column_for_each_tick():
    lines = to_text(GANTT).plain.splitlines()
    assert lines[2].split() == ["tick", "0", "1", "2", "3", "4"]
    assert lines[3].split() == ["rank", "0", "F0", ".", ".", ".", "B0"]
    assert lines[4].split() == ["rank", "1", ".", "F0", "B0", "--", "."]
    assert lines[-1] == "idle 4 of 10"


def test_a_long_gantt_is_folded_into_80_columns():
    bars = [Bar(0, t, t + 1, f"F{t}") for t in range(60)]
    lines = to_text(Gantt("long", ["rank 0"], bars)).plain.splitlines()
    assert max(map(len, lines)) <= 80
    shown = [word for line in lines if line.startswith("rank 0") for word in line.split()[2:]]
    assert shown == [f"F{t}" for t in range(60)]


def test_a_gantt_as_svg_has_every_bar_and_names_the_kinds():
    root = ElementTree.fromstring(to_svg(GANTT))
    bars = [one for one in root.findall(f"{SVG}rect") if one.get("class") == "bar"]
    assert len(bars) == len(GANTT.bars)
    assert {float(one.get("width")) for one in bars} == {34.0, 68.0}
    assert {"forward", "backward", "idle 4 of 10"} <= {t.text for t in root.findall(f"{SVG}text")}
    assert bars[2].find(f"{SVG}title").text == "backward of 0"


def test_a_gantt_as_a_trace_has_a_slice_for_each_bar():
    events = json.loads(to_trace(GANTT))["traceEvents"]
    slices = [one for one in events if one["ph"] == "X"]
    assert [(one["tid"], one["ts"], one["dur"], one["cat"]) for one in slices] == [
        (0, 0, 1000, "forward"),
        (1, 1000, 1000, "forward"),
        (1, 2000, 2000, "backward"),
        (0, 4000, 1000, "backward"),
    ]


def test_a_graph_has_no_time():
    assert to_trace(BEFORE) is None
    assert to_trace(BOTH) is None


def test_layers_put_a_node_below_all_that_it_is_made_of():
    layers = [[node.id for node in layer] for layer in BEFORE.layers()]
    assert layers == [["a"], ["c", "d", "z"], ["e"]]


def test_graphs_in_the_terminal_are_a_line_a_node():
    lines = to_text(BOTH).plain.splitlines()
    assert "  d = a * a   merged; = c" in lines
    assert "  z = exp(a)  removed" in lines
    assert lines.index("before") < lines.index("after")
    assert lines[-1] == "3 nodes fewer"


@pytest.mark.parametrize("picture", [BEFORE, BOTH, HOSTILE], ids=["one", "two", "hostile"])
def test_graphs_as_svg_have_a_box_a_node_and_a_line_an_input(picture):
    root = ElementTree.fromstring(to_svg(picture))
    graphs = getattr(picture, "graphs", [picture])
    boxes = [one for one in root.findall(f"{SVG}rect") if one.get("class") == "box"]
    assert len(boxes) == sum(len(one.nodes) for one in graphs)
    edges = root.findall(f"{SVG}path")
    assert len(edges) == sum(len(node.inputs) for one in graphs for node in one.nodes)
    width, height = float(root.get("width")), float(root.get("height"))
    for box in boxes:
        assert 0 <= float(box.get("x")) <= float(box.get("x")) + float(box.get("width")) <= width
        assert 0 <= float(box.get("y")) <= float(box.get("y")) + float(box.get("height")) <= height
    assert not root.findall(f".//{SVG}script")


def test_boxes_do_not_overlap():
    many = [
        Node("a", "input"),
        *(Node(f"n{i}", f"f{i}(a)", ["a"], ["known"] * i) for i in range(6)),
    ]
    root = ElementTree.fromstring(to_svg(Graph("wide", many)))
    spans = [
        tuple(float(one.get(k)) for k in ("x", "y", "width", "height"))
        for one in root.findall(f"{SVG}rect")
        if one.get("class") == "box"
    ]
    for i, (x1, y1, w1, h1) in enumerate(spans):
        for x2, y2, w2, h2 in spans[:i]:
            assert x1 + w1 <= x2 or x2 + w2 <= x1 or y1 + h1 <= y2 or y2 + h2 <= y1


def test_what_is_empty_is_said_to_be():
    assert is_empty(Gantt("", [], []))
    assert is_empty(Graphs("", [Graph("", [])]))
    assert not is_empty(BOTH)
    assert not is_empty(GANTT)
