"""Beside your modules in the sandbox: turns a check's request into calls on your code.

A graph travels as columns (an array of ids, an array of operators, ...), so that one of 10^5
nodes is a few arrays. What your code returns is packed the same way and judged elsewhere.
"""

import sys

import numpy as np


def _graph(columns):
    """The Graph that the columns say."""
    ir = sys.modules["graph_ir"]
    attrs = [{k: _tuple(v) for k, v in one.items()} for one in columns["attrs"]]
    kinds = [(dtype, tuple(shape)) for dtype, shape in columns["kinds"]]
    flat, ends = columns["args"].tolist(), np.cumsum(columns["counts"]).tolist()
    nodes, bodies, start, ops = [], {}, 0, columns["ops"]
    rows = zip(
        columns["ids"].tolist(),
        columns["op"].tolist(),
        columns["attr"].tolist(),
        columns["kind"].tolist(),
        columns["effect"].tolist(),
        columns["kernel"].tolist(),
        ends,
        strict=True,
    )
    for id, op, attr, kind, effect, kernel, end in rows:
        args, start = tuple(flat[start:end]), end
        dtype, shape = kinds[kind]
        node = ir.Node(id, ops[op], args, attrs[attr], dtype, shape, effect)
        if kernel >= 0:
            bodies.setdefault(kernel, []).append(node)
        else:
            nodes.append(node)
    for place, body in bodies.items():
        nodes[place] = nodes[place]._replace(attrs={"body": tuple(body)})
    return ir.Graph(tuple(nodes), tuple(columns["inputs"]), tuple(columns["outputs"]))


def _tuple(value):
    return tuple(value) if type(value) is list else value


class _Table:
    """Numbers for the different values of a column."""

    def __init__(self):
        self.values, self.codes, self.known = [], [], {}

    def add(self, key, value):
        code = self.known.get(key)
        if code is None:
            code = self.known[key] = len(self.values)
            self.values.append(value)
        self.codes.append(code)


def _key(attrs):
    return tuple((k, _bits(v)) for k, v in attrs.items())


def _bits(value):
    if isinstance(value, np.ndarray | np.generic):
        return value.dtype.str, value.shape, value.tobytes()
    return type(value), repr(value)


def _columns(graph, what):
    """The columns of a Graph; TypeError in words if it is none."""
    try:
        nodes, inputs, outputs = graph.nodes, graph.inputs, graph.outputs
    except AttributeError:
        raise TypeError(f"{what} where a Graph was expected: {str(graph)[:100]}") from None
    rows, kernels = [], []
    for place, node in enumerate(nodes):
        rows.append(node)
        kernels.append(-1)
        if node.op == "fused":
            body = node.attrs["body"]
            rows += body
            kernels += [place] * len(body)
    ops, attrs, kinds = _Table(), _Table(), _Table()
    for node in rows:
        ops.add(node.op, node.op)
        own = node.attrs
        if node.op == "fused":
            own = {k: v for k, v in own.items() if k != "body"}
        attrs.add(_key(own) if own else (), own)
        kinds.add((node.dtype, tuple(node.shape)), [node.dtype, list(node.shape)])
    return {
        "ids": _ints([node.id for node in rows], "ids"),
        "ops": ops.values,
        "op": _ints(ops.codes),
        "args": _ints([arg for node in rows for arg in node.args], "args"),
        "counts": _ints([len(node.args) for node in rows]),
        "attrs": attrs.values,
        "attr": _ints(attrs.codes),
        "kinds": kinds.values,
        "kind": _ints(kinds.codes),
        "effect": np.array([bool(node.effect) for node in rows], dtype=bool),
        "kernel": _ints(kernels),
        "inputs": _ints(inputs, "inputs").tolist(),
        "outputs": _ints(outputs, "outputs").tolist(),
    }


def _ints(values, what="numbers"):
    values = list(values)
    for value in values:
        if type(value) is not int and not isinstance(value, np.integer):
            raise TypeError(f"{what} must be ints, but one is {str(value)[:100]}")
    return np.array(values, dtype=np.int64)


def _pair(answer, name):
    if type(answer) is not tuple or len(answer) != 2:
        raise TypeError(f"{name} returned {type(answer).__name__}; it returns (Graph, bool)")
    graph, changed = answer
    return {"graph": _columns(graph, name), "changed": changed}


def order(student, columns):
    """The ids that topological_order returns."""
    ids = student.topological_order(_graph(columns))
    return _ints(ids if isinstance(ids, list | tuple) else [ids], "topological_order's ids")


def transform(student, name, columns, options):
    """What a pass makes of the graph, and the graph that it was given afterwards."""
    given = _graph(columns)
    answer = _pair(getattr(student, name)(given, **options), name)
    return {**answer, "given": _columns(given, name)}


def twice(student, name, columns, options):
    """The same, and what the pass makes of its own result."""
    first = transform(student, name, columns, options)
    result = _graph(first["graph"])
    try:
        first["again"] = _pair(getattr(student, name)(result, **options), name)
    except Exception as error:  # what is wrong with the first result is said before
        first["again"] = {"raised": f"{type(error).__name__}: {error}"[:300]}
    return first


def refusal(student, name, columns, order):
    """The name of the exception that a function raises on the graph; "" if none."""
    graph = _graph(columns)
    args = [graph] if order is None else [graph, order]
    try:
        getattr(student, name)(*args)
    except NotImplementedError:
        raise
    except Exception as error:  # which one it is, is the answer
        return type(error).__name__
    return ""


def plan(student, columns, order):
    """Three arrays: ids, buffers and offsets."""
    found = student.plan_memory(_graph(columns), order.tolist())
    if type(found) is not dict:
        raise TypeError(f"plan_memory returned {type(found).__name__}; it returns a dict")
    buffers, offsets = [], []
    for id, place in found.items():
        if type(place) is not tuple or len(place) != 2:
            raise TypeError(f"the plan's place of %{id} is {place!r}; it is (buffer, offset)")
        buffers.append(place[0])
        offsets.append(place[1])
    return {
        "ids": _ints(found, "the plan's ids"),
        "buffers": _ints(buffers, "buffers"),
        "offsets": _ints(offsets, "offsets"),
    }
