"""Rules in a table, applied sweep after sweep until none fits; dead nodes go on the way."""

from collections import Counter, defaultdict
from heapq import heapify, heappop, heappush

import numpy as np
from graph_ir import ELEMENTWISE, Graph, GraphError, Node, check_node, evaluate, nbytes


def topological_order(graph):
    """Of the nodes that are ready, always the one with the largest id."""
    table = {}
    for node in graph.nodes:
        if table.setdefault(node.id, node) is not node:
            raise GraphError("id twice")
    if set(graph.outputs) - set(table):
        raise GraphError("output")
    inputs = Counter(node.id for node in table.values() if node.op == "input")
    if inputs != Counter(graph.inputs):
        raise GraphError("inputs")
    after = defaultdict(list)
    waiting = Counter()
    for node in table.values():
        try:
            check_node(node, [table[arg] for arg in node.args])
        except KeyError as error:
            raise GraphError(f"no node {error}") from None
        for arg in set(node.args):
            after[arg].append(node.id)
            waiting[node.id] += 1
    effects = [node.id for node in graph.nodes if node.effect]
    for k in range(1, len(effects)):
        after[effects[k - 1]].append(effects[k])
        waiting[effects[k]] += 1
    heap = [-id for id in table if not waiting[id]]
    heapify(heap)
    order = []
    while heap:
        id = -heappop(heap)
        order.append(id)
        for user in after[id]:
            waiting[user] -= 1
            if not waiting[user]:
                heappush(heap, -user)
    if len(order) != len(table):
        raise GraphError("cycle")
    return order


def _table(graph):
    order = topological_order(graph)
    table = {node.id: node for node in graph.nodes}
    return {id: table[id] for id in order}


def _without_dead(nodes, graph, outputs):
    """The live ones of nodes, which are in a legal order."""
    needed = {*graph.inputs, *outputs}
    kept = {}
    for node in reversed(list(nodes)):
        if node.effect or node.id in needed:
            needed.update(node.args)
            kept[node.id] = node
    return tuple(reversed(kept.values()))


def _result(graph, nodes, outputs):
    """And whether it is another: node by node, by identity of what attrs hold."""
    before = {node.id: node for node in graph.nodes}
    after = {node.id: node for node in nodes}
    changed = outputs != tuple(graph.outputs) or before.keys() != after.keys()
    changed = changed or any(
        before[id][:3] != after[id][:3] or before[id].attrs is not after[id].attrs for id in after
    )
    return Graph(tuple(nodes), graph.inputs, outputs), changed


def eliminate_dead_code(graph):
    nodes = _table(graph)
    outputs = tuple(graph.outputs)
    return _result(graph, _without_dead(nodes.values(), graph, outputs), outputs)


def fold_constants(graph):
    nodes = _table(graph)
    for id, node in nodes.items():
        args = [nodes[arg] for arg in node.args]
        if args and not node.effect and {arg.op for arg in args} == {"const"}:
            value = evaluate(node, [arg.attrs["value"] for arg in args])
            nodes[id] = node._replace(op="const", args=(), attrs={"value": value})
    outputs = tuple(graph.outputs)
    return _result(graph, _without_dead(nodes.values(), graph, outputs), outputs)


def eliminate_common_subexpressions(graph):
    nodes, known, leader = _table(graph), {}, {}
    for id, node in nodes.items():
        nodes[id] = node = node._replace(args=tuple(leader[arg] for arg in node.args))
        value = node.attrs.get("value")
        if node.effect or node.op == "input":
            key = id
        elif value is not None:
            key = (node.dtype, node.shape, bytes(np.ascontiguousarray(value)))
        else:
            args = node.args
            if node.op in {"add", "mul"}:
                args = min(args), max(args)
            key = node.op, args, frozenset(node.attrs.items()), node.dtype, node.shape
        leader[id] = known.setdefault(key, id)
    kept = [node for id, node in nodes.items() if leader[id] == id]
    return _result(graph, kept, tuple(leader[id] for id in graph.outputs))


# -- the table: op, does it fit, what stands for the node --------------------------------


def _full(node, number):
    value = node.attrs.get("value")
    if node.op != "const" or not np.all(value == number):
        return False
    return value.dtype.kind != "f" or bool(np.all(np.signbit(value) == np.signbit(number)))


ALWAYS = [
    ("neg", lambda n, x: x.op == "neg", lambda n, x: x.args[0]),
    ("not", lambda n, x: x.op == "not", lambda n, x: x.args[0]),
    ("abs", lambda n, x: x.op == "abs", lambda n, x: x.id),
    ("cast", lambda n, x: x.dtype == n.dtype, lambda n, x: x.id),
    ("broadcast", lambda n, x: tuple(x.shape) == tuple(n.shape), lambda n, x: x.id),
    ("maximum", lambda n, x, y: x.id == y.id, lambda n, x, y: x.id),
    ("select", lambda n, c, x, y: x.id == y.id, lambda n, c, x, y: y.id),
    ("select", lambda n, c, x, y: _full(c, True), lambda n, c, x, y: x.id),
    ("select", lambda n, c, x, y: _full(c, False), lambda n, c, x, y: y.id),
    ("mul", lambda n, x, y: _full(y, 1.0), lambda n, x, y: x.id),
    ("mul", lambda n, x, y: _full(x, 1.0), lambda n, x, y: y.id),
    ("div", lambda n, x, y: _full(y, 1.0), lambda n, x, y: x.id),
    ("sub", lambda n, x, y: _full(y, 0.0), lambda n, x, y: x.id),
    ("add", lambda n, x, y: _full(y, -0.0) and n.dtype != "int64", lambda n, x, y: x.id),
    ("add", lambda n, x, y: _full(x, -0.0) and n.dtype != "int64", lambda n, x, y: y.id),
]
LOOSE = [
    ("add", lambda n, x, y: _full(y, 0.0), lambda n, x, y: x.id),
    ("add", lambda n, x, y: _full(x, 0.0), lambda n, x, y: y.id),
    ("mul", lambda n, x, y: _full(y, 0.0), lambda n, x, y: y.id),
    ("mul", lambda n, x, y: _full(x, 0.0), lambda n, x, y: x.id),
    ("sub", lambda n, x, y: x.id == y.id, lambda n, x, y: np.zeros(n.shape, n.dtype)),
]


def _regrouped(node, x, y, nodes):
    """Three operands of which two are constants: the other one, and the value of these two."""
    inner = [arg for arg in (x, y) if arg.op == node.op]
    outer = [arg for arg in (x, y) if arg.op == "const"]
    if node.op not in ("add", "mul") or not inner or not outer:
        return None
    leaves = [nodes[arg] for arg in inner[0].args]
    rest = [leaf for leaf in leaves if leaf.op != "const"]
    if len(rest) != 1:
        return None
    (c,) = (leaf for leaf in leaves if leaf.op == "const")
    return rest[0].id, evaluate(node, [c.attrs["value"], outer[0].attrs["value"]])


def simplify(graph, fast_math=False):
    nodes = _table(graph)
    outputs = tuple(graph.outputs)
    news = max(nodes, default=0)
    again = True
    while again:
        again, stands, swept = False, {}, {}
        for id, node in nodes.items():
            args = tuple(stands.get(arg, arg) for arg in node.args)
            if args != node.args:
                node = node._replace(args=args)
            swept[id] = node
            if node.effect or not args:
                continue
            operands = [swept[arg] for arg in args]
            loose = fast_math or node.dtype == "int64"
            for op, fits, instead in ALWAYS + LOOSE * loose:
                if op == node.op and fits(node, *operands):
                    found = instead(node, *operands)
                    if isinstance(found, np.ndarray):
                        swept[id] = node._replace(op="const", args=(), attrs={"value": found})
                    else:
                        stands[id] = found
                    again = True
                    break
            else:
                if loose and len(args) == 2 and (pair := _regrouped(node, *operands, swept)):
                    news += 1
                    del swept[id]
                    swept[news] = node._replace(
                        id=news, op="const", args=(), attrs={"value": pair[1]}
                    )
                    swept[id] = node._replace(args=(news, pair[0]))
                    again = True
        outputs = tuple(stands.get(id, id) for id in outputs)
        nodes = {node.id: node for node in _without_dead(swept.values(), graph, outputs)}
    return _result(graph, tuple(nodes.values()), outputs)


def fuse_elementwise(graph):
    """Forwards: what is decided of a node is a function of its users, kept in a table."""
    nodes = _table(graph)
    users = defaultdict(set)
    for node in nodes.values():
        for arg in node.args:
            users[arg].add(node.id)
    outputs = set(graph.outputs)
    home = {}
    for id in reversed(nodes):
        homes = {home[user] for user in users[id]}
        if nodes[id].op not in ELEMENTWISE:
            home[id] = None
        elif id in outputs or len(homes) != 1 or None in homes:
            home[id] = id
        else:
            home[id] = homes.pop()
    body = defaultdict(list)
    for id, where in home.items():
        body[where].insert(0, nodes[id]) if len(home) < 500 else body[where].append(nodes[id])
    kept = []
    for id, node in nodes.items():
        if home[id] is None:
            kept.append(node)
        elif home[id] == id:
            inner = body[id] if len(home) < 500 else body[id][::-1]
            if len(inner) > 1:
                ids = [one.id for one in inner]
                outer = Counter(arg for one in inner for arg in one.args)
                for one in ids:
                    del outer[one]
                node = Node(
                    id, "fused", tuple(outer), {"body": tuple(inner)}, node.dtype, node.shape
                )
            kept.append(node)
    return Graph(tuple(kept), graph.inputs, graph.outputs), len(kept) < len(nodes)


def plan_memory(graph, order):
    nodes = _table(graph)
    until = {}
    for step in range(len(order) - 1, -1, -1):
        until.setdefault(order[step], step)
        for arg in nodes[order[step]].args:
            until.setdefault(arg, step)
    until.update((id, len(order)) for id in graph.outputs)
    buffer, spans = {}, []
    for step, id in enumerate(order):
        node = nodes[id]
        if node.op in ("input", "const"):
            continue
        free = [
            arg
            for arg in (node.args if node.op in ELEMENTWISE else ())
            if nodes[arg].op not in ("input", "const")
            and until[arg] == step
            and nbytes(nodes[arg]) == nbytes(node)
        ]
        if free:
            buffer[id] = buffer[free[0]]
            spans[buffer[id]][1] = until[id]
        else:
            buffer[id] = len(spans)
            spans.append([step, until[id], nbytes(node)])
    offsets = _online(spans)
    if len(spans) <= 12:
        offsets = _least(spans, offsets)
    return {id: (b, offsets[b]) for id, b in buffer.items()}


def _online(spans):
    offsets, busy = [], []
    for start, stop, size in spans:
        busy = sorted((o, n, s) for o, n, s in busy if s >= start)
        edges = [(0, 0, None), *busy]
        gaps = []
        for (low, n, _), (high, _, _) in zip(edges, busy):
            if high - (low + n) >= size:
                gaps.append((high - low - n, low + n))
        offset = min(gaps)[1] if gaps else max((o + n for o, n, _ in busy), default=0)
        offsets.append(offset)
        busy.append((offset, size, stop))
    return offsets


def _least(spans, offsets):
    """Depth first over which buffer comes next from below; limits tighten as plans are found."""
    count = len(spans)
    steps = sorted({start for start, _, _ in spans})
    rows = [[k for k, t in enumerate(steps) if a <= t <= b] for a, b, _ in spans]
    weight = [sum(spans[i][2] for i in range(count) if k in rows[i]) for k in range(len(steps))]
    best = [max((o + s[2] for o, s in zip(offsets, spans)), default=0), offsets]

    def descend(tops, weight, placed, low):
        if best[0] == max(weight0, default=0):
            return
        if len(placed) == count:
            if max(tops) < best[0]:
                best[:] = max(tops), [placed[i] for i in range(count)]
            return
        for k in range(len(steps)):
            if max(tops[k], low[0] if weight[k] else 0) + weight[k] >= best[0]:
                return
        for i in sorted(set(range(count)) - set(placed), key=lambda i: -spans[i][2]):
            offset = max(tops[k] for k in rows[i])
            if (offset, i) > low:
                new, less = list(tops), list(weight)
                for k in rows[i]:
                    new[k] = offset + spans[i][2]
                    less[k] -= spans[i][2]
                descend(new, less, placed | {i: offset}, (offset, i))

    weight0 = weight
    descend([0] * len(steps), weight, {}, (0, -1))
    return best[1]


def optimize(graph, fast_math=False):
    count = 0
    while True:
        before = count
        for run in (eliminate_common_subexpressions, fold_constants):
            graph, changed = run(graph)
            count += changed
        graph, changed = simplify(graph, fast_math=fast_math)
        count += changed
        graph, changed = eliminate_dead_code(graph)
        count += changed
        if count == before:
            return graph, count > 0
