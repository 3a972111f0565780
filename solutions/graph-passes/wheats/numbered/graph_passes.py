"""One builder, asked for less or more: it folds, simplifies and merges as nodes are added."""

import numpy as np

import graph_ir
from graph_ir import Graph, GraphError, evaluate, nbytes


class Builder:
    """Adds nodes in a legal order; `alias` says which id holds the value of an old id."""

    def __init__(self, graph, *, fold=False, merge=False, rules=False, fast=False):
        self.graph, self.fold, self.merge, self.rules, self.fast = graph, fold, merge, rules, fast
        self.nodes, self.alias, self.known = {}, {}, {}
        self.next = max([node.id for node in graph.nodes], default=0) + 1
        self.changed = False

    def run(self):
        old = {node.id: node for node in self.graph.nodes}
        for id in topological_order(self.graph):
            self.alias[id] = self.add(old[id])
        outputs = tuple(self.alias[id] for id in self.graph.outputs)
        after = Graph(tuple(self.nodes.values()), tuple(self.graph.inputs), outputs)
        same = after.outputs == tuple(self.graph.outputs) and len(old) == len(self.nodes)
        same = same and all(
            node is old.get(node.id) or self.equal(node, old.get(node.id)) for node in after.nodes
        )
        return after, not same

    @staticmethod
    def equal(a, b):
        return b is not None and a.op == b.op and a.args == b.args and a.attrs is b.attrs

    def add(self, node):
        args = tuple(self.alias.get(a, a) for a in node.args)
        if args != node.args:
            node = node._replace(args=args)
        if node.op in ("input", "fused") or node.effect:
            return self.put(node)
        given = [self.nodes[a] for a in args]
        if self.rules and given:
            found = self.rule(node, given)
            if isinstance(found, int):
                self.keep(node)
                return found
            if found is not None:
                return self.again(found)
        if self.fold and given and all(g.op == "const" for g in given):
            value = evaluate(node, [g.attrs["value"] for g in given])
            node = node._replace(op="const", args=(), attrs={"value": value})
        if self.merge:
            key = self.key(node)
            if key in self.known:
                return self.known[key]
            self.known[key] = node.id
        return self.put(node)

    def again(self, node):
        """The args are new ids already."""
        alias, self.alias = self.alias, {}
        try:
            return self.add(node)
        finally:
            self.alias = alias

    def keep(self, node):
        """A node that something else stands for now is dead, and stays."""
        self.put(node)

    def put(self, node):
        self.nodes[node.id] = node
        return node.id

    def key(self, node):
        args = node.args
        if node.op in graph_ir.COMMUTATIVE:
            args = frozenset(args), len(set(args))
        value = node.attrs.get("value")
        attrs = repr(sorted(node.attrs.items())) if value is None else value.tobytes()
        return node.op, args, attrs, node.dtype, node.shape

    # -- rules

    def is_number(self, node, text):
        return node.op == "const" and set(map(str, node.attrs["value"].ravel().tolist())) == {text}

    def is_zero(self, node):
        return self.is_number(node, "0") or self.is_number(node, "0.0")

    def is_one(self, node):
        return self.is_number(node, "1") or self.is_number(node, "1.0")

    def rule(self, node, given):
        handler = getattr(self, "rule_" + node.op, None)
        return handler(node, *given) if handler else None

    def rule_neg(self, node, x):
        return x.args[0] if x.op == node.op else None

    rule_not = rule_neg

    def rule_abs(self, node, x):
        return x.id if x.op == "abs" else None

    def rule_cast(self, node, x):
        return x.id if x.dtype == node.attrs["to"] else None

    def rule_broadcast(self, node, x):
        return x.id if tuple(x.shape) == tuple(node.attrs["shape"]) else None

    def rule_maximum(self, node, x, y):
        return x.id if x is y else None

    def rule_select(self, node, c, x, y):
        if x is y or self.is_number(c, "True"):
            return x.id
        return y.id if self.is_number(c, "False") else None

    def rule_div(self, node, x, y):
        return x.id if self.is_one(y) else None

    def loose(self, node):
        return self.fast or node.dtype == "int64"

    def rule_sub(self, node, x, y):
        if self.is_zero(y):
            return x.id
        if x is y and self.loose(node):
            zeros = np.zeros(node.shape, node.dtype)
            return node._replace(op="const", args=(), attrs={"value": zeros})
        return None

    def rule_mul(self, node, x, y):
        for a, b in ((x, y), (y, x)):
            if self.is_one(b):
                return a.id
            if self.is_zero(b) and self.loose(node):
                return b.id
        return self.join(node, x, y) if self.loose(node) else None

    def rule_add(self, node, x, y):
        for a, b in ((x, y), (y, x)):
            if self.is_number(b, "-0.0") or (self.is_zero(b) and self.loose(node)):
                return a.id
        return self.join(node, x, y) if self.loose(node) else None

    def join(self, node, x, y):
        for inner, d in ((x, y), (y, x)):
            if inner.op == node.op and d.op == "const":
                a, b = (self.nodes[i] for i in inner.args)
                if (a.op == "const") != (b.op == "const"):
                    rest, c = (b, a) if a.op == "const" else (a, b)
                    value = evaluate(node, [c.attrs["value"], d.attrs["value"]])
                    const = node._replace(id=self.next, op="const", args=(), attrs={"value": value})
                    self.next += 1
                    return node._replace(args=(rest.id, self.add(const)))
        return None


def topological_order(graph):
    """Round by round: all that is ready now, then all that is ready then."""
    if len({node.id for node in graph.nodes}) != len(graph.nodes):
        raise GraphError("id")
    nodes = {node.id: node for node in graph.nodes}
    if sorted(graph.inputs) != sorted(i for i, node in nodes.items() if node.op == "input"):
        raise GraphError("inputs")
    users, missing, last = {id: [] for id in nodes}, {}, None
    for id in graph.outputs:
        if id not in nodes:
            raise GraphError("output")
    for node in graph.nodes:
        before = set(node.args)
        if not before <= nodes.keys():
            raise GraphError("argument")
        graph_ir.check_node(node, [nodes[a] for a in node.args])
        if node.effect:
            before |= {last} - {None}
            last = node.id
        missing[node.id] = len(before)
        for b in before:
            users[b].append(node.id)
    layer = [id for id, count in missing.items() if count == 0]
    order = []
    while layer:
        order += layer
        following = []
        for id in layer:
            for user in users[id]:
                missing[user] -= 1
                if missing[user] == 0:
                    following.append(user)
        layer = following
    if len(order) < len(nodes):
        raise GraphError("cycle")
    return order


def eliminate_dead_code(graph):
    nodes = {id: None for id in topological_order(graph)}
    nodes.update((node.id, node) for node in graph.nodes)
    live = {*graph.inputs, *graph.outputs} | {node.id for node in graph.nodes if node.effect}
    for id in reversed(list(nodes)):
        if id in live:
            live.update(nodes[id].args)
    kept = [node for node in graph.nodes if node.id in live]
    return Graph(kept, list(graph.inputs), list(graph.outputs)), len(kept) < len(nodes)


def fold_constants(graph):
    return Builder(graph, fold=True).run()


def eliminate_common_subexpressions(graph):
    return Builder(graph, merge=True).run()


def simplify(graph, fast_math=False):
    return Builder(graph, rules=True, fast=fast_math).run()


def fuse_elementwise(graph):
    """Groups as sets that swallow the groups of those that only they use."""
    order = topological_order(graph)
    nodes = {node.id: node for node in graph.nodes}
    group = {}
    uses = {id: [] for id in order}
    for id in order:
        for a in nodes[id].args:
            uses[a].append(id)
    for id in graph.outputs:
        uses[id].append("outside")
    for id in reversed(order):
        group[id] = id
        if nodes[id].op in graph_ir.ELEMENTWISE and uses[id]:
            into = {group.get(user, "outside") for user in uses[id]}
            one = into.pop()
            if not into and one != "outside" and nodes[one].op in graph_ir.ELEMENTWISE:
                group[id] = one
    members = {}
    for id in order:
        members.setdefault(group[id], []).append(nodes[id])
    after = []
    for node in graph.nodes:
        body = members.get(node.id)
        if body is None:
            continue
        if len(body) > 1:
            inner = {b.id for b in body}
            outer = sorted({a for b in body for a in b.args if a not in inner}, reverse=True)
            node = node._replace(op="fused", args=tuple(outer), attrs={"body": list(body)})
        after.append(node)
    return Graph(after, graph.inputs, graph.outputs), len(after) < len(order)


def plan_memory(graph, order):
    topological_order(graph)
    nodes = {node.id: node for node in graph.nodes}
    step = {id: k for k, id in enumerate(order)}
    end = {id: max([step[id]]) for id in order}
    for node in graph.nodes:
        for a in node.args:
            end[a] = max(end[a], step[node.id])
    for id in graph.outputs:
        end[id] = 10**9
    own = [id for id in order if nodes[id].op not in ("input", "const")]
    first = {}
    for id in own:
        first[id] = id
        if nodes[id].op in graph_ir.ELEMENTWISE:
            for a in nodes[id].args:
                if a in first and end[a] == step[id] and nbytes(nodes[a]) == nbytes(nodes[id]):
                    first[id] = first[a]
                    break
    chains = {}
    for id in own:
        chains.setdefault(first[id], []).append(id)
    spans = {k: (step[ids[0]], end[ids[-1]], nbytes(nodes[k])) for k, ids in chains.items()}
    at = _best_fit(spans)
    if 0 < len(spans) <= 12:
        at = _search(spans, at)
    return {id: (first[id], at[first[id]]) for id in own}


def _best_fit(spans):
    at, alive = {}, []
    for k, (start, _, size) in spans.items():
        alive = [j for j in alive if spans[j][1] >= start]
        alive.sort(key=at.get)
        places, floor = [], 0
        for j in alive:
            places.append((at[j] - floor, floor))
            floor = max(floor, at[j] + spans[j][2])
        places.append((10**18, floor))
        at[k] = min(p for p in places if p[0] >= size)[1]
        alive.append(k)
    return at


def _height(spans, at):
    return max(at[k] + spans[k][2] for k in at)


def _search(spans, at):
    """Is there a plan of less than what the best one needs? Again until there is none."""
    times = {s for s, _, _ in spans.values()}
    here = {t: [k for k, (s, e, _) in spans.items() if s <= t <= e] for t in times}
    least = max(sum(spans[k][2] for k in ks) for ks in here.values())
    names = sorted(spans)

    def better(placed, low, limit):
        tops = {}
        for t, ks in here.items():
            tops[t] = max((placed[k] + spans[k][2] for k in ks if k in placed), default=0)
            rest = sum(spans[k][2] for k in ks if k not in placed)
            if (max(tops[t], low[0]) if rest else tops[t]) + rest >= limit:
                return None
        if len(placed) == len(spans):
            return dict(placed)
        for number, k in enumerate(names):
            if k in placed:
                continue
            offset = max(tops[t] for t in times if spans[k][0] <= t <= spans[k][1])
            if (offset, number) > low:
                placed[k] = offset
                found = better(placed, (offset, number), limit)
                del placed[k]
                if found:
                    return found
        return None

    while _height(spans, at) > least:
        found = better({}, (0, -1), _height(spans, at))
        if not found:
            break
        at = found
    return at


def optimize(graph, fast_math=False):
    changed = again = True
    changed = False
    while again:
        graph, again = Builder(graph, fold=True, merge=True, rules=True, fast=fast_math).run()
        graph, dropped = eliminate_dead_code(graph)
        again |= dropped
        changed |= again
    return graph, changed
