"""Depth first, with a stack; every pass lists its nodes in the order found."""

import itertools

import numpy as np
import graph_ir as ir
from graph_ir import Graph, GraphError


def topological_order(graph):
    known = {}
    for node in graph.nodes:
        if node.id in known:
            raise GraphError(f"%{node.id} twice")
        known[node.id] = node
    declared = [node.id for node in graph.nodes if node.op == "input"]
    if len(graph.inputs) != len(declared) or set(graph.inputs) != set(declared):
        raise GraphError("inputs")
    if not all(out in known for out in graph.outputs):
        raise GraphError("outputs")
    previous, last = {}, None
    for node in graph.nodes:
        if node.effect:
            previous[node.id], last = last, node.id
    WHITE, GREY, BLACK = range(3)
    color = dict.fromkeys(known, WHITE)
    order = []

    def needs(node):
        for arg in node.args:
            if arg not in known:
                raise GraphError(f"%{arg} unknown")
            yield arg
        if previous.get(node.id) is not None:
            yield previous[node.id]

    for start in reversed(list(known)):
        if color[start] != WHITE:
            continue
        color[start] = GREY
        stack = [(start, needs(known[start]))]
        while stack:
            id, rest = stack[-1]
            for arg in rest:
                if color[arg] == GREY:
                    raise GraphError("cycle")
                if color[arg] == WHITE:
                    color[arg] = GREY
                    stack.append((arg, needs(known[arg])))
                    break
            else:
                stack.pop()
                color[id] = BLACK
                ir.check_node(known[id], [known[a] for a in known[id].args])
                order.append(id)
    return order


def _sorted_nodes(graph):
    known = {node.id: node for node in graph.nodes}
    return [known[id] for id in topological_order(graph)]


def eliminate_dead_code(graph):
    nodes = _sorted_nodes(graph)
    live = set(graph.outputs) | set(graph.inputs)
    kept = []
    for node in reversed(nodes):
        if node.id in live or node.effect:
            live.add(node.id)
            live.update(node.args)
            kept.append(node)
    return Graph(kept[::-1], graph.inputs, graph.outputs), len(kept) != len(nodes)


def fold_constants(graph):
    values, kept, changed = {}, [], False
    for node in _sorted_nodes(graph):
        if node.op == "const":
            values[node.id] = node.attrs["value"]
        elif node.args and not node.effect and values.keys() >= set(node.args):
            values[node.id] = ir.evaluate(node, [values[a] for a in node.args])
            node = ir.Node(node.id, "const", (), {"value": values[node.id]}, node.dtype, node.shape)
            changed = True
        kept.append(node)
    return Graph(kept, graph.inputs, graph.outputs), changed


def eliminate_common_subexpressions(graph):
    """The class with the smallest id in it keeps that one."""
    nodes = _sorted_nodes(graph)
    numbers, of, members = {}, {}, {}
    for node in nodes:
        args = [of[a] for a in node.args]
        if node.op == "add" or node.op == "mul":
            args = sorted(args)
        extra = []
        for name in sorted(node.attrs):
            value = node.attrs[name]
            if name == "value":
                value = value.tobytes().hex()
            extra.append(f"{name}={value!r}")
        words = [node.op, str(args), *extra, node.dtype, str(tuple(node.shape))]
        if node.effect or node.op == "input":
            words.append(str(node.id))
        of[node.id] = numbers.setdefault(" ".join(words), len(numbers))
        members.setdefault(of[node.id], []).append(node.id)
    chief = {number: min(ids) for number, ids in members.items()}
    kept = [
        node._replace(args=tuple(chief[of[a]] for a in node.args))
        for node in nodes
        if chief[of[node.id]] == node.id
    ]
    outputs = tuple(chief[of[id]] for id in graph.outputs)
    return Graph(kept, graph.inputs, outputs), len(kept) != len(nodes)


def _number(node):
    """A number and its sign, if the node is a constant that has it everywhere."""
    if node.op != "const" or node.attrs["value"].size == 0:
        return None
    value = np.asarray(node.attrs["value"]).reshape(-1)
    one = value[0].item()
    if any(repr(v.item()) != repr(one) for v in value):
        return None
    return repr(one)


def simplify(graph, fast_math=False):
    nodes, alias, changed = {}, {}, False
    free = itertools.count(1 + max((node.id for node in graph.nodes), default=0))

    def const(node, value, id=None):
        id = next(free) if id is None else id
        nodes[id] = ir.Node(id, "const", (), {"value": value}, node.dtype, node.shape)
        return id

    def rewrite(node):
        """The id of something simpler, or a node with other args, or None."""
        args = [nodes[a] for a in node.args]
        op, numbers = node.op, [_number(a) for a in args]
        loose = fast_math or node.dtype == "int64"
        match op, args, numbers:
            case (("neg" | "not"), [x], _) if x.op == op:
                return x.args[0]
            case "abs", [x], _ if x.op == "abs":
                return x.id
            case "cast", [x], _ if x.dtype == node.dtype:
                return x.id
            case "broadcast", [x], _ if tuple(x.shape) == tuple(node.shape):
                return x.id
            case "maximum", [x, y], _ if x.id == y.id:
                return x.id
            case "select", [_, x, y], [c, _, _] if x.id == y.id or c == "True":
                return x.id
            case "select", [_, _, y], ["False", _, _]:
                return y.id
            case (("mul" | "div"), [x, _], [_, "1" | "1.0"]):
                return x.id
            case "mul", [_, x], ["1" | "1.0", _]:
                return x.id
            case "sub", [x, _], [_, "0" | "0.0"]:
                return x.id
            case "add", [x, _], [_, "-0.0"]:
                return x.id
            case "add", [_, x], ["-0.0", _]:
                return x.id
        if not loose:
            return None
        match op, args, numbers:
            case "sub", [x, y], _ if x.id == y.id:
                return const(node, np.zeros(node.shape, node.dtype), node.id)
            case "add", [x, _], [_, "0" | "0.0"]:
                return x.id
            case "add", [_, x], ["0" | "0.0", _]:
                return x.id
            case "mul", [_, zero], [_, "0" | "0.0"]:
                return zero.id
            case "mul", [zero, _], ["0" | "0.0", _]:
                return zero.id
        if op in ("add", "mul"):
            outer = [a for a in args if a.op == "const"]
            inner = [a for a in args if a.op == op]
            if len(outer) == 1 and inner:
                below = [nodes[a] for a in inner[0].args]
                c = [a for a in below if a.op == "const"]
                x = [a for a in below if a.op != "const"]
                if len(c) == 1:
                    value = ir.evaluate(node, [c[0].attrs["value"], outer[0].attrs["value"]])
                    return node._replace(args=(x[0].id, const(node, value)))
        return None

    for node in _sorted_nodes(graph):
        old = node
        node = node._replace(args=tuple(alias[a] for a in node.args))
        alias[node.id] = node.id
        nodes[node.id] = node
        while node.args and not node.effect:
            simpler = rewrite(node)
            if isinstance(simpler, ir.Node):
                nodes[node.id] = node = simpler
                changed = True
                continue
            if simpler is not None:
                alias[node.id] = simpler
                if simpler == node.id:
                    changed = True
            break
        changed = changed or old.args != node.args
    outputs = tuple(alias[id] for id in graph.outputs)
    after = Graph(list(nodes.values()), graph.inputs, outputs)
    return after, changed or outputs != tuple(graph.outputs)


def fuse_elementwise(graph):
    nodes = _sorted_nodes(graph)
    of = {node.id: node for node in nodes}
    leaves = {id: "leaves" for id in graph.outputs}
    sink = {}

    for node in reversed(nodes):
        if node.op not in ir.ELEMENTWISE or leaves.get(node.id, "leaves") == "leaves":
            sink[node.id] = node.id
        else:
            sink[node.id] = leaves[node.id]
        to = sink[node.id] if node.op in ir.ELEMENTWISE else "leaves"
        for a in node.args:
            leaves[a] = to if leaves.get(a, to) == to else "leaves"
    bodies = {}
    for node in nodes:
        bodies.setdefault(sink[node.id], []).append(node)
    kept = []
    for node in nodes:
        if sink[node.id] != node.id:
            continue
        body = bodies[node.id]
        if len(body) == 1:
            kept.append(node)
            continue
        inside = {one.id for one in body}
        args = sorted({a for one in body for a in one.args} - inside)
        kept.append(
            ir.Node(node.id, "fused", tuple(args), {"body": tuple(body)}, node.dtype, node.shape)
        )
    return Graph(kept, graph.inputs, graph.outputs), len(kept) != len(of)


def plan_memory(graph, order):
    """All the search there is: from the top of the list of free places, with a stack."""
    topological_order(graph)
    of = {node.id: node for node in graph.nodes}
    end = {}
    for step, id in enumerate(order):
        end.setdefault(id, step)
        for a in of[id].args:
            end[a] = step
    for id in graph.outputs:
        end[id] = len(order) + 1
    chains = []
    chain_of = {}
    for step, id in enumerate(order):
        node = of[id]
        if node.op == "input" or node.op == "const":
            continue
        over = None
        if node.op in ir.ELEMENTWISE:
            for a in node.args:
                if a in chain_of and end[a] == step and ir.nbytes(of[a]) == ir.nbytes(node):
                    over = chain_of[a]
                    break
        if over is None:
            over = {"from": step, "bytes": ir.nbytes(node), "number": len(chains) + 100}
            chains.append(over)
        over["to"] = end[id]
        chain_of[id] = over
    live, peak = [], 0
    for chain in chains:
        live = [c for c in live if c["to"] >= chain["from"]]
        live.sort(key=lambda c: c["at"])
        bottom, holes = 0, []
        for c in live:
            if c["at"] - bottom >= chain["bytes"]:
                holes.append((c["at"] - bottom, bottom))
            bottom = max(bottom, c["at"] + c["bytes"])
        chain["at"] = min(holes)[1] if holes else bottom
        peak = max(peak, chain["at"] + chain["bytes"])
        live.append(chain)
    if len(chains) <= 12:
        _shrink(chains, peak)
    return {id: (chain["number"], chain["at"]) for id, chain in chain_of.items()}


def _shrink(chains, peak):
    """Place in the order of the first steps at sums of sizes; deepen the arena byte by byte."""
    if not chains:
        return
    load = max(
        sum(c["bytes"] for c in chains if c["from"] <= t <= c["to"])
        for t in {c["from"] for c in chains}
    )
    clash = [
        [
            j
            for j, d in enumerate(chains)
            if j != i and c["from"] <= d["to"] and d["from"] <= c["to"]
        ]
        for i, c in enumerate(chains)
    ]
    sizes = {0}
    for c in chains:
        sizes |= {s + c["bytes"] for s in sizes}
    for arena in sorted(s for s in sizes if load <= s < peak):
        found = _fits(chains, clash, arena)
        if found:
            for c, at in zip(chains, found):
                c["at"] = at
            return


def _fits(chains, clash, arena):
    """Offsets within the arena, or None: always the lowest possible place comes next."""
    n = len(chains)
    todo = [((None,) * n, (0, -1))]
    seen = set()
    while todo:
        at, (floor, last) = todo.pop()
        if None not in at:
            return at
        for i in range(n):
            if at[i] is not None:
                continue
            low = max(
                (at[j] + chains[j]["bytes"] for j in clash[i] if at[j] is not None), default=0
            )
            if (low, i) <= (floor, last) or low + chains[i]["bytes"] > arena:
                continue
            new = at[:i] + (low,) + at[i + 1 :]
            if new in seen or not _room(chains, clash, new, low, arena):
                continue
            seen.add(new)
            todo.append((new, (low, i)))
    return None


def _room(chains, clash, at, floor, arena):
    for t in {c["from"] for c in chains}:
        here = [i for i, c in enumerate(chains) if c["from"] <= t <= c["to"]]
        rest = sum(chains[i]["bytes"] for i in here if at[i] is None)
        top = max((at[i] + chains[i]["bytes"] for i in here if at[i] is not None), default=0)
        if rest and max(top, floor) + rest > arena:
            return False
    return True


def optimize(graph, fast_math=False):
    passes = [
        eliminate_dead_code,
        eliminate_common_subexpressions,
        lambda g: simplify(g, fast_math),
        fold_constants,
    ]
    ever, idle = False, 0
    for run in itertools.cycle(passes):
        graph, changed = run(graph)
        ever |= changed
        idle = 0 if changed else idle + 1
        if idle == len(passes):
            return graph, ever
