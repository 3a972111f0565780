"""Everything by levels: a node's level is one more than the highest among what it needs."""

import heapq
from collections import deque
from functools import reduce

import numpy as np
from graph_ir import ELEMENTWISE, FLOATS, Graph, GraphError, check_node, evaluate, nbytes, same_bits


def _levels(graph):
    """{id: node} and {id: level}; GraphError for what is no graph."""
    nodes = {}
    for node in graph.nodes:
        if node.id in nodes:
            raise GraphError(f"%{node.id} is there twice")
        nodes[node.id] = node
    for node in graph.nodes:
        for arg in node.args:
            if arg not in nodes:
                raise GraphError(f"%{node.id} takes %{arg}, which is not there")
        check_node(node, [nodes[arg] for arg in node.args])
    for id in graph.outputs:
        if id not in nodes:
            raise GraphError(f"output %{id} is not there")
    for id in graph.inputs:
        if id not in nodes or nodes[id].op != "input":
            raise GraphError(f"input %{id} is no input")
    if sum(node.op == "input" for node in graph.nodes) != len(set(graph.inputs)):
        raise GraphError("an input is not named")
    needs = {id: list(node.args) for id, node in nodes.items()}
    before = None
    for node in graph.nodes:
        if node.effect:
            if before is not None:
                needs[node.id].append(before)
            before = node.id
    open_ends = {id: len(what) for id, what in needs.items()}
    users = {id: [] for id in nodes}
    for id, what in needs.items():
        for one in what:
            users[one].append(id)
    level = {}
    queue = deque(id for id, count in open_ends.items() if count == 0)
    while queue:
        id = queue.popleft()
        level[id] = 1 + max((level[one] for one in needs[id]), default=-1)
        for user in users[id]:
            open_ends[user] -= 1
            if open_ends[user] == 0:
                queue.append(user)
    if len(level) != len(nodes):
        raise GraphError("a cycle: " + ", ".join(f"%{id}" for id in list(nodes.keys() - level)[:5]))
    return nodes, level


def topological_order(graph):
    nodes, level = _levels(graph)
    return sorted(nodes, key=lambda id: (level[id], -id))


def _ordered(graph):
    nodes, level = _levels(graph)
    return dict(sorted(nodes.items(), key=lambda item: level[item[0]]))


def eliminate_dead_code(graph):
    nodes = _ordered(graph)
    wanted = dict.fromkeys(nodes, False)
    for id, node in reversed(nodes.items()):
        if node.effect or node.op == "input":
            wanted[id] = True
    for id in graph.outputs:
        wanted[id] = True
    for id, node in reversed(nodes.items()):
        if wanted[id]:
            for arg in node.args:
                wanted[arg] = True
    if all(wanted.values()):
        return graph, False
    return graph._replace(nodes=tuple(node for node in graph.nodes if wanted[node.id])), True


def fold_constants(graph):
    known = {}
    for id, node in _ordered(graph).items():
        if node.op == "const":
            known[id] = node.attrs["value"]
        elif node.args and not node.effect and all(arg in known for arg in node.args):
            known[id] = evaluate(node, [known[arg] for arg in node.args])
    folded = {node.id for node in graph.nodes if node.id in known and node.op != "const"}
    if not folded:
        return graph, False
    return graph._replace(
        nodes=[
            node._replace(op="const", args=(), attrs={"value": known[node.id]})
            if node.id in folded
            else node
            for node in graph.nodes
        ]
    ), True


def eliminate_common_subexpressions(graph):
    nodes = _ordered(graph)
    same = {}

    def class_of(node):
        if node.effect or node.op == "input":
            return "only", node.id
        args = [same[arg] for arg in node.args]
        if node.op in ("mul", "add") and args[0] > args[1]:
            args = args[::-1]
        facts = []
        for name in sorted(node.attrs):
            fact = node.attrs[name]
            facts.append(fact.tobytes() if hasattr(fact, "tobytes") else fact)
        return node.op, node.dtype, tuple(node.shape), tuple(args), tuple(facts)

    table = {}
    for id, node in nodes.items():
        same[id] = table.setdefault(class_of(node), id)
    if all(id == other for id, other in same.items()):
        return graph, False
    kept = [
        node._replace(args=tuple(same[arg] for arg in node.args))
        for node in graph.nodes
        if same[node.id] == node.id
    ]
    return Graph(kept, graph.inputs, [same[id] for id in graph.outputs]), True


def simplify(graph, fast_math=False):
    """Every rule is a function of (node, nodes); the first that gives something is taken."""
    nodes = _ordered(graph)
    now = dict(nodes)
    instead = {}
    fresh = [max(nodes, default=-1) + 1]

    def splat(id, number):
        value = now[id].attrs.get("value")
        return (
            now[id].op == "const"
            and value is not None
            and same_bits(value, np.full_like(value, number))
        )

    def twice(node):
        if node.op in ("neg", "not") and now[node.args[0]].op == node.op:
            return now[node.args[0]].args[0]
        return node.args[0] if node.op == "abs" == now[node.args[0]].op else None

    def nothing(node):
        x = now[node.args[0]]
        same = (x.dtype, tuple(x.shape)) == (node.dtype, tuple(node.shape))
        return x.id if node.op in ("cast", "broadcast") and same else None

    def alike(node):
        if node.op in ("maximum", "select") and node.args[-1] == node.args[-2]:
            return node.args[-1]
        if node.op == "select":
            return next(
                (node.args[k] for k, b in ((1, True), (2, False)) if splat(node.args[0], b)), None
            )
        return None

    def neutral(node):
        if len(node.args) != 2:
            return None
        x, y = node.args
        floats = node.dtype in FLOATS
        right = {"mul": 1, "div": 1, "sub": 0, "add": -0.0 if floats else None}.get(node.op)
        if right is not None and splat(y, right):
            return x
        if right is not None and node.op in ("mul", "add") and splat(x, right):
            return y
        return None

    def free(node):
        if len(node.args) != 2 or not (fast_math or node.dtype == "int64"):
            return None
        x, y = node.args
        if node.op == "sub" and x == y:
            zeros = np.zeros(node.shape, node.dtype)
            now[node.id] = node._replace(op="const", args=(), attrs={"value": zeros})
            return node.id
        for a, b in ((x, y), (y, x)):
            if node.op in ("add", "mul") and splat(b, 0.0):
                return a if node.op == "add" else b
        return None

    def grouped(node):
        if node.op not in ("add", "mul") or not (fast_math or node.dtype == "int64"):
            return None
        leaves = [[arg] if now[arg].op != node.op else list(now[arg].args) for arg in node.args]
        for (mine, other), arg in zip((leaves, leaves[::-1]), node.args):
            kinds = [now[leaf].op == "const" for leaf in mine]
            if (
                len(mine) == 2
                and sum(kinds) == 1
                and now[other[0]].op == "const"
                and len(other) == 1
            ):
                c, x = mine if kinds[0] else mine[::-1]
                numbers = [now[c].attrs["value"], now[other[0]].attrs["value"]]
                value = evaluate(node, numbers)
                new = fresh[0]
                fresh[0] += 1
                now[new] = node._replace(id=new, op="const", args=(), attrs={"value": value})
                now[node.id] = node._replace(args=(new, x))
                return "again"
        return None

    for id, node in nodes.items():
        args = tuple(instead.get(arg, arg) for arg in node.args)
        if args != tuple(node.args):
            now[id] = node._replace(args=args)
        answer = "again"
        while answer == "again" and now[id].args and not node.effect:
            rules = (twice, nothing, alike, neutral, free, grouped)
            answer = reduce(lambda a, rule: rule(now[id]) if a is None else a, rules, None)
            if answer not in ("again", None, id):
                instead[id] = answer
    outputs = tuple(instead.get(id, id) for id in graph.outputs)
    if outputs == tuple(graph.outputs) and all(now.get(id) is nodes.get(id) for id in now):
        return graph, False
    listed = [now[node.id] for node in graph.nodes]
    listed += [node for id, node in now.items() if id not in nodes]
    return Graph(listed, graph.inputs, outputs), True


def fuse_elementwise(graph):
    nodes = _ordered(graph)
    targets = {id: set() for id in nodes}  # the kernels that a value goes to; None is elsewhere
    for id in graph.outputs:
        targets[id].add(None)
    kernel = {}
    for id, node in reversed(nodes.items()):
        soft = node.op in ELEMENTWISE
        if soft:
            (single,) = targets[id] if len(targets[id]) == 1 else (None,)
            kernel[id] = id if single is None else single
        for arg in node.args:
            targets[arg].add(kernel[id] if soft else None)
    bodies = {}
    for id in nodes:
        if id in kernel:
            bodies.setdefault(kernel[id], []).append(nodes[id])
    if all(len(body) == 1 for body in bodies.values()):
        return graph, False
    listed = []
    for node in graph.nodes:
        body = bodies.get(node.id, [])
        if len(body) > 1:
            inside = [one.id for one in body]
            outside = set().union(*(one.args for one in body)).difference(inside)
            node = node._replace(op="fused", args=tuple(outside), attrs={"body": tuple(body)})
        elif kernel.get(node.id, node.id) != node.id:
            continue
        listed.append(node)
    return graph._replace(nodes=tuple(listed)), True


def plan_memory(graph, order):
    nodes, _ = _levels(graph)
    when = dict(zip(order, range(len(order))))
    death = dict(when)
    for node in graph.nodes:
        for arg in node.args:
            death[arg] = max(death[arg], when[node.id])
    for id in graph.outputs:
        death[id] = float("inf")
    number, spans = {}, []
    for id in order:
        node = nodes[id]
        if node.op in ("input", "const"):
            continue
        heirs = [
            arg
            for arg in node.args
            if node.op in ELEMENTWISE
            and arg in number
            and death[arg] == when[id]
            and nbytes(nodes[arg]) == nbytes(node)
        ]
        if not heirs:
            number[id] = len(spans)
            spans.append((when[id], death[id], nbytes(node)))
        else:
            number[id] = number[heirs[0]]
            spans[number[id]] = (spans[number[id]][0], death[id], nbytes(node))
    offsets = _place(spans)
    if 1 <= len(spans) <= 12:
        offsets = _best_first(spans, offsets)
    return {id: (k, offsets[k]) for id, k in number.items()}


def _place(spans):
    """Best-fit over a list of holes, the last of which has no end."""
    offsets, busy = [], []
    for start, stop, size in spans:
        busy = [one for one in busy if one[2] >= start]
        holes, at = [], 0
        for low, high, _ in sorted(busy):
            holes.append((at, low))
            at = max(at, high)
        fitting = [(high - low, low) for low, high in holes if high - low >= size]
        offset = min(fitting, default=(0, at))[1]
        offsets.append(offset)
        busy.append((offset, offset + size, stop))
    return offsets


def _best_first(spans, offsets):
    """A heap of half-made plans, the one with the lowest bound first: the first whole one is best."""
    steps = [start for start, _, _ in spans]
    live = [[i for i, (a, b, _) in enumerate(spans) if a <= t <= b] for t in steps]
    upper = max(o + s for o, (_, _, s) in zip(offsets, spans))

    def bound(placed, floor):
        worst = 0
        for here in live:
            top = max((placed[i] + spans[i][2] for i in here if i in placed), default=0)
            rest = sum(spans[i][2] for i in here if i not in placed)
            worst = max(worst, (max(top, floor) if rest else top) + rest)
        return worst

    heap = [(bound({}, 0), 0, 0, (0, -1), {})]
    count = 0
    while heap:
        cost, depth, _, low, placed = heapq.heappop(heap)
        if cost >= upper:
            return offsets
        if len(placed) == len(spans):
            return [placed[i] for i in range(len(spans))]
        for i in range(len(spans)):
            if i in placed:
                continue
            clash = {j for here in live if i in here for j in here}
            offset = max((placed[j] + spans[j][2] for j in clash if j in placed), default=0)
            if (offset, i) > low:
                more = {**placed, i: offset}
                count += 1
                heapq.heappush(heap, (bound(more, offset), depth - 1, count, (offset, i), more))
    return offsets


def optimize(graph, fast_math=False):
    original = graph
    dirty = True
    while dirty:
        steps = (
            simplify(graph, fast_math),
            fold_constants(graph),
            eliminate_common_subexpressions(graph),
        )
        # The first that has something to do decides; then all dead nodes go.
        graph, dirty = next(((g, c) for g, c in steps if c), (graph, False))
        graph, dropped = eliminate_dead_code(graph)
        dirty = dirty or dropped
    return graph, graph is not original
