"""Passes over computational graphs. The contract is in the handout."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from graph_ir import (
    COMMUTATIVE,
    ELEMENTWISE,
    FLOATS,
    Graph,
    GraphError,
    Node,
    check_node,
    evaluate,
    nbytes,
    same_bits,
)

# -- task 1 --------------------------------------------------------------------


def topological_order(graph: Graph) -> list[int]:
    nodes = {node.id: node for node in graph.nodes}
    if len(nodes) < len(graph.nodes):
        raise GraphError("two nodes have the same id")
    for id in [*graph.outputs, *(arg for node in graph.nodes for arg in node.args)]:
        if id not in nodes:
            raise GraphError(f"%{id} is no node of the graph")
    if sorted(graph.inputs) != sorted(n.id for n in graph.nodes if n.op == "input"):
        raise GraphError("graph.inputs and the input nodes are not the same")
    for node in graph.nodes:
        check_node(node, [nodes[arg] for arg in node.args])
    effects = [node.id for node in graph.nodes if node.effect]
    edges = [(arg, node.id) for node in graph.nodes for arg in node.args]
    edges += pairwise(effects)
    users: dict[int, list[int]] = {id: [] for id in nodes}
    waits = dict.fromkeys(nodes, 0)
    for before, after in edges:
        users[before].append(after)
        waits[after] += 1
    order = [id for id in nodes if waits[id] == 0]
    for id in order:  # it grows while we walk along it
        for user in users[id]:
            waits[user] -= 1
            if waits[user] == 0:
                order.append(user)
    if len(order) < len(nodes):
        raise GraphError("the graph has a cycle")
    return order


# -- task 2 --------------------------------------------------------------------


def eliminate_dead_code(graph: Graph) -> tuple[Graph, bool]:
    topological_order(graph)
    nodes = {node.id: node for node in graph.nodes}
    todo = [*graph.inputs, *graph.outputs, *(n.id for n in graph.nodes if n.effect)]
    live = set(todo)
    while todo:
        for arg in nodes[todo.pop()].args:
            if arg not in live:
                live.add(arg)
                todo.append(arg)
    kept = tuple(node for node in graph.nodes if node.id in live)
    return graph._replace(nodes=kept), len(kept) < len(graph.nodes)


# -- task 3 --------------------------------------------------------------------


def _const(node: Node, value: np.ndarray) -> Node:
    return node._replace(op="const", args=(), attrs={"value": value})


def fold_constants(graph: Graph) -> tuple[Graph, bool]:
    nodes = {node.id: node for node in graph.nodes}
    changed = False
    for id in topological_order(graph):
        node = nodes[id]
        args = [nodes[arg] for arg in node.args]
        if args and not node.effect and all(arg.op == "const" for arg in args):
            nodes[id] = _const(node, evaluate(node, [arg.attrs["value"] for arg in args]))
            changed = True
    return graph._replace(nodes=tuple(nodes.values())), changed


# -- task 4 --------------------------------------------------------------------


def _key(node: Node) -> tuple:
    if node.effect or node.op == "input":
        return (node.id,)
    attrs = tuple(
        (name, value.tobytes() if isinstance(value, np.ndarray) else value)
        for name, value in sorted(node.attrs.items())
    )
    args = tuple(sorted(node.args)) if node.op in COMMUTATIVE else node.args
    return node.op, args, attrs, node.dtype, node.shape


def eliminate_common_subexpressions(graph: Graph) -> tuple[Graph, bool]:
    nodes = {node.id: node for node in graph.nodes}
    first: dict[tuple, int] = {}  # the node that stands for each class
    stands: dict[int, int] = {}  # and which it is, for every node
    for id in topological_order(graph):
        node = nodes[id]
        args = tuple(stands[arg] for arg in node.args)
        if args != node.args:
            nodes[id] = node = node._replace(args=args)
        stands[id] = first.setdefault(_key(node), id)
    kept = tuple(node for id, node in nodes.items() if stands[id] == id)
    outputs = tuple(stands[id] for id in graph.outputs)
    return Graph(kept, graph.inputs, outputs), len(kept) < len(graph.nodes)


# -- task 5 --------------------------------------------------------------------


def _all(node: Node, number: float) -> bool:
    """A constant with this number, sign of zero included, in every entry."""
    if node.op != "const":
        return False
    value = node.attrs["value"]
    return same_bits(value, np.full(value.shape, number, value.dtype))


def _simpler(node: Node, args: list[Node], *, loose: bool) -> Node | None:
    """A node whose value this node has, by a rule without arithmetic; None if no rule fits."""
    op, x, y = node.op, args[0], args[-1]
    if op in ("neg", "not") and x.op == op:
        return x  # the caller takes its argument
    if (op == "abs" and x.op == "abs") or (op == "cast" and x.dtype == node.dtype):
        return x
    if (op == "broadcast" and x.shape == node.shape) or (op == "maximum" and x.id == y.id):
        return x
    if op == "select" and (args[1].id == y.id or _all(x, True)):
        return args[1]
    if op == "select" and _all(x, False):
        return y
    if (op in ("mul", "div") and _all(y, 1)) or (op == "sub" and _all(y, 0.0)):
        return x
    for a, b in ((x, y), (y, x)):
        if op == "mul" and (_all(b, 1) or (loose and _all(b, 0.0))):
            return a if _all(b, 1) else b
        if op == "add" and ((b.dtype in FLOATS and _all(b, -0.0)) or (loose and _all(b, 0.0))):
            return a
    return None


def _joined(node: Node, nodes: dict[int, Node]) -> tuple[int, Node] | None:
    """x and c + d, for a node (x + c) + d; the same for mul; None for any other."""
    inner, d = (nodes[arg] for arg in node.args)
    if inner.op == "const":
        inner, d = d, inner
    if inner.op != node.op or d.op != "const":
        return None
    x, c = (nodes[arg] for arg in inner.args)
    if x.op == "const":
        x, c = c, x
    if x.op == "const" or c.op != "const":
        return None
    return x.id, _const(node, evaluate(node, [c.attrs["value"], d.attrs["value"]]))


def simplify(graph: Graph, fast_math: bool = False) -> tuple[Graph, bool]:
    order = topological_order(graph)
    nodes = {node.id: node for node in graph.nodes}
    fresh = max(nodes, default=0) + 1
    stands = {}
    for id in order:
        node = nodes[id]
        node = nodes[id] = node._replace(args=tuple(stands[arg] for arg in node.args))
        loose = fast_math or node.dtype == "int64"
        stands[id] = id
        if node.effect or not node.args:
            continue
        if loose and node.op in ("add", "mul") and (found := _joined(node, nodes)):
            x, const = found
            nodes[fresh] = const._replace(id=fresh)
            node = nodes[id] = node._replace(args=(x, fresh))
            fresh += 1
        args = [nodes[arg] for arg in node.args]
        if loose and node.op == "sub" and node.args[0] == node.args[1]:
            nodes[id] = _const(node, np.zeros(node.shape, node.dtype))
        elif other := _simpler(node, args, loose=loose):
            stands[id] = other.args[0] if node.op in ("neg", "not") else other.id
    outputs = tuple(stands[id] for id in graph.outputs)
    changed = outputs != graph.outputs or tuple(nodes.values()) != graph.nodes
    return Graph(tuple(nodes.values()), graph.inputs, outputs), changed


# -- task 6 --------------------------------------------------------------------


def fuse_elementwise(graph: Graph) -> tuple[Graph, bool]:
    order = topological_order(graph)
    nodes = {node.id: node for node in graph.nodes}
    users: dict[int, set[int]] = {id: set() for id in nodes}
    root: dict[int, int] = {}  # of every node: the one whose value leaves its group
    bodies: dict[int, list[Node]] = {}
    for id in reversed(order):
        node = nodes[id]
        groups = {root[user] for user in users[id]}
        fits = node.op in ELEMENTWISE and len(groups) == 1 and id not in graph.outputs
        (only,) = groups if fits else (id,)
        root[id] = only if fits and nodes[only].op in ELEMENTWISE else id
        bodies.setdefault(root[id], []).append(node)
        for arg in node.args:
            users[arg].add(id)
    kept = []
    for node in graph.nodes:
        body = tuple(reversed(bodies.get(node.id, [])))
        if len(body) > 1:
            inner = {one.id for one in body}
            args = dict.fromkeys(arg for one in body for arg in one.args if arg not in inner)
            node = node._replace(op="fused", args=tuple(args), attrs={"body": body})
        if root[node.id] == node.id:
            kept.append(node)
    return graph._replace(nodes=tuple(kept)), len(kept) < len(nodes)


# -- task 7 --------------------------------------------------------------------

Buffer = tuple[int, int, int]  # first step, last step, bytes


def assign_buffers(graph: Graph, order: list[int]) -> tuple[dict[int, int], list[Buffer]]:
    nodes = {node.id: node for node in graph.nodes}
    last = {id: step for step, id in enumerate(order)}
    for step, id in enumerate(order):
        last.update(dict.fromkeys(nodes[id].args, step))
    last.update(dict.fromkeys(graph.outputs, len(order)))
    buffer_of: dict[int, int] = {}
    buffers: list[Buffer] = []
    for step, id in enumerate(order):
        node = nodes[id]
        if node.op in ("input", "const"):
            continue
        for arg in node.args if node.op in ELEMENTWISE else ():
            if arg in buffer_of and last[arg] == step and nbytes(nodes[arg]) == nbytes(node):
                buffer_of[id] = buffer_of[arg]
                first, _, size = buffers[buffer_of[arg]]
                buffers[buffer_of[arg]] = first, last[id], size
                break
        else:
            buffer_of[id] = len(buffers)
            buffers.append((step, last[id], nbytes(node)))
    return buffer_of, buffers


def best_fit(buffers: list[Buffer]) -> list[int]:
    offsets: list[int] = []
    live: list[tuple[int, int, int]] = []  # offset, end, last step; by offset
    for first, last, size in buffers:
        live = sorted(one for one in live if one[2] >= first)
        choice, top = (float("inf"), 0), 0
        for offset, end, _ in live:
            if size <= offset - top:
                choice = min(choice, (offset - top, top))
            top = max(top, end)
        offset = choice[1] if choice[0] < float("inf") else top
        offsets.append(offset)
        live.append((offset, offset + size, last))
    return offsets


def _peak(buffers: list[Buffer], offsets: list[int]) -> int:
    return max((o + size for (_, _, size), o in zip(buffers, offsets, strict=True)), default=0)


def smallest(buffers: list[Buffer], offsets: list[int]) -> list[int]:
    steps = {first for first, _, _ in buffers}
    at = {step: [i for i, b in enumerate(buffers) if b[0] <= step <= b[1]] for step in steps}
    least = max(sum(buffers[i][2] for i in ids) for ids in at.values())
    best, peak = offsets, _peak(buffers, offsets)

    def place(placed: dict[int, int], floor: int, number: int) -> None:
        nonlocal best, peak
        if peak == least or len(placed) == len(buffers):
            if len(placed) == len(buffers):
                best = [placed[i] for i in range(len(buffers))]
                peak = _peak(buffers, best)
            return
        tops, need = {}, 0
        for step, ids in at.items():
            tops[step] = max((placed[i] + buffers[i][2] for i in ids if i in placed), default=0)
            rest = sum(buffers[i][2] for i in ids if i not in placed)
            need = max(need, max(tops[step], floor) + rest if rest else tops[step])
        if need >= peak:
            return
        for i, (first, last, _) in enumerate(buffers):
            offset = max(tops[step] for step in at if first <= step <= last)
            if i not in placed and (offset, i) > (floor, number):
                place({**placed, i: offset}, offset, i)

    place({}, 0, -1)
    return best


def plan_memory(graph: Graph, order: list[int]) -> dict[int, tuple[int, int]]:
    topological_order(graph)
    buffer_of, buffers = assign_buffers(graph, order)
    offsets = best_fit(buffers)
    if 0 < len(buffers) <= 12:
        offsets = smallest(buffers, offsets)
    return {id: (buffer, offsets[buffer]) for id, buffer in buffer_of.items()}


# -- task 8 --------------------------------------------------------------------


def optimize(graph: Graph, fast_math: bool = False) -> tuple[Graph, bool]:
    changed, again = False, True
    while again:
        graph, folded = fold_constants(graph)
        graph, simpler = simplify(graph, fast_math)
        graph, merged = eliminate_common_subexpressions(graph)
        graph, dropped = eliminate_dead_code(graph)
        again = folded or simpler or merged or dropped
        changed = changed or again
    return graph, changed
