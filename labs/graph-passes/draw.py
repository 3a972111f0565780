"""Pictures of this lab, for `aisys lab draw`: a graph before and after one of your passes."""

from __future__ import annotations

from typing import Any

from graphs import columns, graph_of, in_order, key_of, node_text
from growing import Maker

from aisys_cli.draw import Graph, Graphs, Node


def dead_code(student: Any) -> Graphs:
    """eliminate_dead_code: what no output and no effect needs."""
    m = Maker()
    x, y = m.input(), m.input()
    unused = m.add("exp", m.add("mul", x, y))
    m.add("neg", unused)
    return _both(student, "eliminate_dead_code", m.graph(m.add("tanh", m.add("add", x, y))))


def constants(student: Any) -> Graphs:
    """fold_constants: what needs no input."""
    m = Maker()
    x, a, b = m.input(), m.const(2.0), m.const(0.5)
    return _both(
        student, "fold_constants", m.graph(m.add("mul", x, m.add("exp", m.add("add", a, b))))
    )


def common(student: Any) -> Graphs:
    """eliminate_common_subexpressions: what is computed twice."""
    m = Maker()
    x, y = m.input(), m.input()
    first, second = m.add("add", x, y), m.add("add", y, x)
    graph = m.graph(m.add("sub", m.add("exp", first), m.add("exp", second)))
    return _both(student, "eliminate_common_subexpressions", graph)


def fusion(student: Any) -> Graphs:
    """fuse_elementwise: chains that can be one kernel."""
    m = Maker()
    x, y = m.input(), m.input()
    chain = m.add("tanh", m.add("add", m.add("mul", x, y), x))
    return _both(student, "fuse_elementwise", m.graph(m.add("exp", chain)))


def optimized(student: Any) -> Graphs:
    """optimize: all of them, until nothing changes."""
    m = Maker()
    x, a, b = m.input(), m.const(1.0), m.const(3.0)
    c = m.add("mul", a, b)
    first, second = m.add("mul", x, c), m.add("mul", c, x)
    m.add("exp", first)
    return _both(
        student, "optimize", m.graph(m.add("sub", m.add("tanh", first), m.add("abs", second)))
    )


PICTURES = {
    "optimize": optimized,
    "dead-code": dead_code,
    "constants": constants,
    "common": common,
    "fusion": fusion,
}


def _both(student: Any, name: str, graph: Any) -> Graphs:
    answer = student.transform(name, columns(graph), {})
    after = graph_of(answer["graph"])
    ops = {node.id: node.op for node in after.nodes}
    fused = {one.id for node in after.nodes for one in node.attrs.get("body", ())}
    classes: dict[int, Any] = {}  # what each node computes
    constant: set[int] = set()
    marks: dict[int, str] = {}
    for node in graph.nodes:
        key = key_of(node, classes)
        if node.op == "const" or (node.args and constant.issuperset(node.args) and not node.effect):
            constant.add(node.id)
        if ops.get(node.id) != node.op:
            gone = "merged" if key in classes.values() else "removed"
            marks[node.id] = "folded" if node.id in constant and node.op != "const" else gone
        if node.id in fused:
            marks[node.id] = "fused"
        classes[node.id] = key
    known = {node.id: node.op for node in graph.nodes}
    new = {node.id: "new" for node in after.nodes if known.get(node.id) != node.op}
    less = len(graph.nodes) - len(after.nodes)
    return Graphs(
        f"{name}: {len(graph.nodes)} nodes before, {len(after.nodes)} after",
        [_picture("before", graph, marks), _picture("after", after, new)],
        [f"{less} nodes fewer, changed = {bool(answer['changed'])}"],
    )


def _picture(title: str, graph: Any, marks: dict[int, str]) -> Graph:
    nodes = []
    for node in in_order(graph) or graph.nodes:
        name, _, rest = node_text(node).partition(" = ")
        label = rest.rpartition(": ")[0] or rest
        body = [node_text(one).rpartition(": ")[0] for one in node.attrs.get("body", ())]
        inputs = [f"%{arg}" for arg in dict.fromkeys(node.args)]
        nodes.append(Node(name, label, inputs, body, marks.get(node.id, "")))
    return Graph(title, nodes, ["outputs " + ", ".join(f"%{id}" for id in graph.outputs)])
