"""Is it right what a pass made of a graph? Asks the submission, and judges its answer.

Wrong answers carry the graph that went in, the one that came out, and the first node where
the two part.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from typing import Any

import numpy as np
from graphs import (
    COMMUTATIVE,
    ELEMENTWISE,
    FLOATS,
    Graph,
    Node,
    attrs_key,
    canonical,
    columns,
    graph_of,
    in_order,
    key_of,
    kind_of,
    live_ids,
    misfit,
    nbytes,
    node_key,
    node_text,
    results,
    same_value,
    show,
    value_text,
)
from growing import input_sets

from aisys_cli.grader import Mismatch, agree
from aisys_cli.grader.compare import Difference

__all__ = [
    "CSE",
    "DCE",
    "FOLD",
    "FUSE",
    "all_merged",
    "all_simple",
    "asked",
    "at_fixed_point",
    "dead_gone",
    "fully_fused",
    "nothing_constant",
    "order_is_legal",
    "plan_of",
    "refused",
    "transformed",
    "wrong",
]

DCE, FOLD = "eliminate_dead_code", "fold_constants"
CSE, FUSE = "eliminate_common_subexpressions", "fuse_elementwise"
MAX_BYTES = 1 << 14  # of a value in a graph that is evaluated


def wrong(
    why: str, of: Any, got: Any, expected: Any, *, at: str = "", values: Any = ()
) -> Mismatch:
    """A wrong answer: theirs and what is right, as graphs or texts. `at` is where they part,
    and `values` what is there in both, if these are values."""
    theirs, right = show(got), show(expected)
    found = Difference(why, at if values else "", *(map(show, values or (got, expected))))
    return Mismatch(found, theirs, right, of=str(of), tolerance="exact", oracle="The handout")


def _call(name: str, options: dict[str, Any]) -> str:
    return f"{name}(graph{''.join(f', {k}={v}' for k, v in options.items())}) of"


# -- what holds for every pass -----------------------------------------------------


def asked(student: Any, name: str, graph: Graph, **options: Any) -> Graph:
    """What the pass returns for a large graph, without a look at the values."""
    shown = show(_call(name, options), graph)
    reply = student.transform(name, columns_once(graph), options, of=shown)
    return _decoded(reply, shown)


_SENT: dict[int, tuple[Graph, Any]] = {}


def columns_once(graph: Graph) -> Any:
    """The columns of a graph that is asked for again and again; it lives as long as we do."""
    if id(graph) not in _SENT:
        _SENT[id(graph)] = graph, columns(graph)
    return _SENT[id(graph)][1]


def _decoded(reply: Any, shown: Any) -> Graph:
    try:
        after = graph_of(reply["graph"])
        if type(reply["changed"]) is not bool:
            kind = type(reply["changed"]).__name__
            raise wrong("the second value returned is no bool", shown, kind, "True or False")
    except (KeyError, TypeError, ValueError) as error:
        raise wrong("no graph came back", shown, error, "a Graph and a bool") from None
    return after


def transformed(
    student: Any, name: str, graph: Graph, *, exact: bool = False, **options: Any
) -> Graph:
    """What the pass returns, after all that a check of any pass looks at. `exact`: compare on
    small whole numbers."""
    shown = show(_call(name, options), graph)
    reply = student.twice(name, columns(graph), options, of=shown)
    after = _decoded(reply, shown)
    same_meaning(graph, after, shown, exact=exact, stages=name == "optimize")
    second = reply.get("again")
    if isinstance(second, dict) and "raised" in second:
        why = "a second call, on the result of the first, raises an exception"
        raise wrong(why, shown, second["raised"], show("the same graph", after))
    again = _decoded(second, shown)
    try:
        given = canonical(graph_of(reply["given"]))
    except (KeyError, ValueError):
        given = None
    if given != canonical(graph):
        raise wrong("the graph that was given was changed", shown, "changed", "as it was")
    truth = canonical(after) != canonical(graph)
    if reply["changed"] is not truth:
        why = f"changed is {reply['changed']}"
        theirs = show(f"changed = {reply['changed']} and", after)
        right = "True: the graph is another" if truth else "False: the graph is the same"
        raise wrong(why, shown, theirs, right)
    if canonical(again) != canonical(after):
        theirs = show("the second call returns", again)
        why = "a second call changes the result once more"
        raise wrong(why, shown, theirs, show("what the first call returned", after))
    if reply["again"]["changed"] is not False:
        why = "a second call says changed = True"
        raise wrong(why, shown, "True", "False: the graph is the same")
    return after


def same_meaning(
    graph: Graph, after: Graph, shown: Any, *, exact: bool, stages: bool = False
) -> None:
    """`after` fits, takes the same inputs, has the same effects, computes the same. `stages`: it
    comes of several passes, of which a later one may use an id that an earlier one removed."""
    if len(after.nodes) > 2 * len(graph.nodes) + 8:
        raise wrong("the graph has grown", shown, f"{len(after.nodes)} nodes", "not more nodes")
    problem = misfit(after)
    if not problem and any(nbytes(node) > MAX_BYTES for node in after.nodes):
        problem = "a value is larger than all there was"
    if problem:
        raise wrong(f"the graph returned does not fit: {problem}", shown, after, "a legal graph")
    of = {node.id: node for node in graph.nodes}
    for id in after.inputs:
        if after.inputs != graph.inputs or next(n for n in after.nodes if n.id == id) != of[id]:
            right = show("inputs " + ", ".join(f"%{i}" for i in graph.inputs))
            theirs = show("inputs " + ", ".join(f"%{i}" for i in after.inputs))
            raise wrong("the inputs are not the same, in order", shown, theirs, right)
    if after.inputs != graph.inputs or len(after.outputs) != len(graph.outputs):
        theirs = f"{len(after.inputs)} inputs, {len(after.outputs)} outputs"
        right = f"{len(graph.inputs)} inputs, {len(graph.outputs)} outputs"
        raise wrong("inputs or outputs are missing", shown, theirs, right)
    ours, theirs = (_effects(one) for one in (graph, after))
    if [key for key, _ in ours] != [key for key, _ in theirs]:
        raise wrong(
            "the effects are not the same, in order",
            shown,
            show(*(text for _, text in theirs)) if theirs else "none",
            show(*(text for _, text in ours)) if ours else "none",
        )
    kept = {node.id for node in graph.nodes if node.effect or not stages}
    for inputs in input_sets(graph, exact=exact):
        same_values(graph, after, inputs, shown, equal if exact else same_value, kept=kept)


def equal(a: Any, b: Any) -> bool:
    """Equal numbers of the same dtype; 0.0 is -0.0, and NaN is NaN."""
    return a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f")


def _effects(graph: Graph) -> list[Any]:
    nodes = [node for node in graph.nodes if node.effect]
    return [((n.id, n.op, attrs_key(n.attrs), kind_of(n)), node_text(n)) for n in nodes]


def same_values(
    graph: Graph, after: Graph, inputs: Any, shown: Any, same: Any, *, kept: set[int]
) -> None:
    """Node for node where they have an id of `kept` in common, then the outputs."""
    right, log = results(graph, inputs)
    theirs, their_log = results(after, inputs)
    given = [f"%{id} is {value_text(value)}" for id, value in inputs.items()]
    of = show(shown, *given)
    for node in in_order(after) or []:
        if node.id in kept and not same(theirs[node.id], right[node.id]):
            raise wrong(
                "a node has another value than before",
                of,
                show(f"%{node.id} is {value_text(theirs[node.id])} in", after),
                f"%{node.id} is {value_text(right[node.id])}",
                at=f"%{node.id}",
                values=(value_text(theirs[node.id]), value_text(right[node.id])),
            )
    for k, (mine, yours) in enumerate(zip(graph.outputs, after.outputs, strict=True)):
        if not same(theirs[yours], right[mine]):
            raise wrong(
                "an output has another value",
                of,
                show(f"%{yours} is {value_text(theirs[yours])} in", after),
                f"%{mine} is {value_text(right[mine])}",
                at=f"output {k}",
                values=(value_text(theirs[yours]), value_text(right[mine])),
            )
    for entry, their in zip(log, their_log, strict=True):
        for mine, yours in zip(entry[4], their[4], strict=True):
            if not same(yours, mine):
                why = f"{entry[0]} gets another value"
                raise wrong(why, of, value_text(yours), value_text(mine))


# -- the contract of each pass --------------------------------------------------------


def dead_gone(graph: Graph, after: Graph, shown: Any) -> None:
    """Exactly the live nodes are left, as they were."""
    live = live_ids(graph)
    kept = {node.id for node in after.nodes}
    if kept != live:
        id = min(kept ^ live)
        why = f"%{id} is {'live and gone' if id in live else 'dead and still there'}"
        expected = graph._replace(nodes=tuple(n for n in graph.nodes if n.id in live))
        raise wrong(why, shown, after, expected, at=f"%{id}")
    before = {node.id: node for node in graph.nodes}
    for node in after.nodes:
        if node_key(node) != node_key(before[node.id]):
            at = f"%{node.id}"
            raise wrong(f"{at} was rewritten", shown, after, node_text(before[node.id]), at=at)


def nothing_constant(after: Graph, shown: Any) -> None:
    """No operation on constants only is left."""
    nodes = {node.id: node for node in after.nodes}
    for node in in_order(after) or []:
        if node.args and not node.effect and all(nodes[a].op == "const" for a in node.args):
            why = f"%{node.id} can be folded"
            raise wrong(why, shown, after, f"%{node.id} = const()", at=f"%{node.id}")


def classes_of(graph: Graph) -> dict[int, int]:
    """The number of the class of every node."""
    numbers: dict[Any, int] = {}
    classes: dict[int, int] = {}
    for node in in_order(graph) or []:
        classes[node.id] = numbers.setdefault(key_of(node, classes), len(numbers))
    return classes


def all_merged(after: Graph, shown: Any) -> None:
    """No two nodes that are left compute the same."""
    first: dict[int, int] = {}
    for id, number in classes_of(after).items():
        if (other := first.setdefault(number, id)) != id:
            why = f"%{other} and %{id} are the same expression"
            raise wrong(why, shown, after, f"one of %{other} and %{id} is gone", at=f"%{id}")


def _is(node: Node, number: float) -> bool:
    if node.op != "const":
        return False
    value = node.attrs["value"]
    return value.tobytes() == np.full(value.shape, number, value.dtype).tobytes()


def rule_for(node: Node, nodes: dict[int, Node], *, fast_math: bool) -> str:
    """A rule of the handout's table that applies to the node, or ""."""
    if not node.args or node.effect or node.op == "fused":
        return ""
    op, args = node.op, [nodes[arg] for arg in node.args]
    x, y = args[0], args[-1]
    loose = fast_math or node.dtype == "int64"
    sides = ((x, y), (y, x))
    inner = [(a, b) for a, b in sides if op in COMMUTATIVE and b.op == "const" and a.op == op]
    rules = {
        f"{op}({op}(x))": op in ("neg", "not", "abs") and x.op == op,
        "cast to its own dtype": op == "cast" and x.dtype == node.dtype,
        "broadcast to its own shape": op == "broadcast" and x.shape == node.shape,
        "maximum(x, x)": op == "maximum" and x.id == y.id,
        "select(c, x, x)": op == "select" and args[1].id == y.id,
        "select(True or False, x, y)": op == "select" and (_is(x, True) or _is(x, False)),
        "x * 1": op == "mul" and any(_is(b, 1) for _, b in sides),
        "x / 1": op == "div" and _is(y, 1),
        "x - 0": op == "sub" and _is(y, 0.0),
        "x + -0.0": op == "add" and y.dtype in FLOATS and any(_is(b, -0.0) for _, b in sides),
        "x + 0": op == "add" and loose and any(_is(b, 0.0) for _, b in sides),
        "x * 0": op == "mul" and loose and any(_is(b, 0.0) for _, b in sides),
        "x - x": op == "sub" and loose and x.id == y.id,
        f"({op} x, c), d": loose
        and any([nodes[i].op for i in a.args].count("const") == 1 for a, _ in inner),
    }
    return next((rule for rule, applies in rules.items() if applies), "")


def all_simple(after: Graph, shown: Any, *, fast_math: bool) -> None:
    """No rule applies to a live node that is left."""
    nodes = {node.id: node for node in after.nodes}
    live = live_ids(after)
    for node in in_order(after) or []:
        if node.id in live and (rule := rule_for(node, nodes, fast_math=fast_math)):
            why = f"the rule for {rule} still applies to %{node.id}"
            raise wrong(why, shown, after, f"%{node.id} is rewritten", at=f"%{node.id}")


def groups_of(graph: Graph) -> dict[int, frozenset[int]]:
    """The kernels that fusion gives: ids by the id of the one whose value leaves."""
    nodes = {node.id: node for node in graph.nodes}
    users: dict[int, set[int]] = {id: set() for id in nodes}
    for node in graph.nodes:
        for arg in node.args:
            users[arg].add(node.id)
    outputs = set(graph.outputs)
    roots: dict[int, int] = {}
    for node in reversed(in_order(graph) or []):
        into = {roots[user] for user in users[node.id]}
        alone = node.op not in ELEMENTWISE or node.id in outputs or len(into) != 1
        root = node.id if alone else into.pop()
        roots[node.id] = root if nodes[root].op in ELEMENTWISE else node.id
    found: dict[int, set[int]] = {}
    for id, root in roots.items():
        found.setdefault(root, set()).add(id)
    return {root: frozenset(ids) for root, ids in found.items()}


def fully_fused(graph: Graph, after: Graph, shown: Any) -> None:
    """The groups are the largest there are; their nodes and all others are as they were."""
    of = {node.id: node for node in graph.nodes}
    right = groups_of(graph)
    theirs = {n.id: frozenset(b.id for b in n.attrs.get("body", (n,))) for n in after.nodes}
    if theirs != right:
        at = min(r for r in right.keys() | theirs.keys() if right.get(r) != theirs.get(r))
        raise wrong(
            f"{len(theirs)} kernels and other nodes; {len(right)} is right",
            shown,
            after,
            show(*(_group_text(right[root]) for root in sorted(right))),
            at=f"%{at}",
        )
    for node in after.nodes:
        for one in node.attrs.get("body", (node,)):
            mine = of[one.id]
            if one._replace(attrs={}) != mine._replace(attrs={}) or attrs_key(
                one.attrs
            ) != attrs_key(mine.attrs):
                why = f"%{one.id} is another node than before"
                raise wrong(why, shown, node_text(one), node_text(mine), at=f"%{one.id}")


def _group_text(ids: Iterable[int]) -> str:
    names = ", ".join(f"%{i}" for i in sorted(ids))
    return f"{{{names}}}"


def at_fixed_point(student: Any, graph: Graph, *, fast_math: bool) -> None:
    """optimize leaves nothing to do for any pass of the grader's."""
    options = {"fast_math": True} if fast_math else {}
    shown = show(_call("optimize", options), graph)
    after = transformed(student, "optimize", graph, exact=fast_math, **options)
    dead_gone(after, after, shown)
    nothing_constant(after, shown)
    all_merged(after, shown)
    all_simple(after, shown, fast_math=fast_math)
    if len(after.nodes) > len(graph.nodes):
        raise wrong("the graph has grown", shown, after, f"at most {len(graph.nodes)} nodes")


# -- orders, refusals ---------------------------------------------------------------


def order_is_legal(student: Any, graph: Graph) -> None:
    """Every node once, after its arguments; effects in the order in which they stand."""
    shown = show("topological_order(graph) of", graph)
    sent = columns(graph)
    got = student.order(sent, of=shown)
    ids = sent["ids"]
    is_column = isinstance(got, np.ndarray) and got.dtype == np.int64 and got.ndim == 1
    if not is_column or not np.array_equal(np.sort(got), np.sort(ids)):
        right = show("each once of ", ids.tolist()[:20])
        raise wrong("not every id once", shown, _order_text(got), right)
    step = dict(zip(got.tolist(), range(len(got)), strict=True))
    effects = [node.id for node in graph.nodes if node.effect]
    pairs = [(arg, node.id) for node in graph.nodes for arg in node.args]
    for before, after in [*pairs, *itertools.pairwise(effects)]:
        if step[before] >= step[after]:
            why = f"%{before} must stand before %{after}"
            raise wrong(why, shown, _order_text(got), why, at=f"%{after}")


def _order_text(got: Any) -> str:
    return str(got.tolist()[:20]) if isinstance(got, np.ndarray) else str(got)[:200]


def refused(student: Any, name: str, graph: Graph, why: str, order: Any = None) -> None:
    shown = show(f"{name}(graph) of a graph with {why}", graph)
    got = student.refusal(name, columns(graph), order, of=shown)
    agree(got, "GraphError", of=shown, oracle="The handout")


# -- memory -------------------------------------------------------------------------


Plan = dict[int, tuple[int, int]]  # id: (buffer, offset)


def plan_of(student: Any, graph: Graph, order: list[int]) -> tuple[Plan, Any]:
    """A plan in which nothing overlaps that is live, and how its call is shown."""
    shown = show("plan_memory(graph, order) of", graph, f"order {order[:40]}")
    got = student.plan(columns(graph), np.array(order, dtype=np.int64), of=shown)
    plan = _plan_of(got, graph, shown)
    _no_overlap(graph, order, plan, last_steps(graph, order), shown)
    return plan, shown


def _plan_of(got: Any, graph: Graph, shown: Any) -> Plan:
    wanted = {node.id for node in graph.nodes if node.op not in ("input", "const")}
    try:
        rows = [got[name].tolist() for name in ("ids", "buffers", "offsets")]
        plan = {int(id): (int(b), int(o)) for id, b, o in zip(*rows, strict=True)}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise wrong("no plan came back", shown, error, "a dict of pairs") from None
    if plan.keys() != wanted:
        right = ", ".join(f"%{i}" for i in sorted(wanted)[:20])
        theirs = ", ".join(f"%{i}" for i in sorted(plan)[:20])
        raise wrong("not a place for every value", shown, theirs, right)
    negative = [id for id, (_, offset) in plan.items() if offset < 0]
    if negative:
        raise wrong("an offset is negative", shown, f"%{negative[0]}: {plan[negative[0]]}", ">= 0")
    return plan


def last_steps(graph: Graph, order: list[int]) -> dict[int, int]:
    """The last step of every value: its last use, its own step if there is none, or the end."""
    nodes = {node.id: node for node in graph.nodes}
    last = {id: step for step, id in enumerate(order)}
    for step, id in enumerate(order):
        for arg in nodes[id].args:
            last[arg] = step
    return last | dict.fromkeys(graph.outputs, len(order))


def takes_over(node: Node, arg: Node, step: int, last: dict[int, int]) -> bool:
    fits = node.op in ELEMENTWISE and nbytes(arg) == nbytes(node)
    return fits and arg.id in node.args and last[arg.id] == step


def _no_overlap(graph: Graph, order: list[int], plan: Any, last: Any, shown: Any) -> None:
    nodes = {node.id: node for node in graph.nodes}
    holder: dict[int, int] = {}  # of each buffer: the value in it
    live: list[int] = []
    for step, id in enumerate(order):
        if id not in plan:
            continue
        buffer, offset = plan[id]
        at = f"step {step}, %{id}"
        before = holder.get(buffer)
        live = [other for other in live if last[other] >= step and other != id]
        if before is not None:
            if not takes_over(nodes[id], nodes[before], step, last):
                why = f"%{id} cannot take over the buffer of %{before}"
                raise wrong(why, shown, _places(plan, before, id), "a buffer of its own", at=at)
            if plan[before][1] != offset:
                why = f"%{before} and %{id} share a buffer at two offsets"
                raise wrong(why, shown, _places(plan, before, id), "the same offset", at=at)
            live.remove(before)
        holder[buffer] = id
        end = offset + nbytes(nodes[id])
        for other in live:
            start = plan[other][1]
            if offset < start + nbytes(nodes[other]) and start < end:
                why = f"%{other} and %{id} are both live and overlap"
                theirs = _places(plan, other, id)
                raise wrong(why, shown, theirs, f"disjoint: {at} has both", at=at)
        live.append(id)


def _places(plan: Any, *ids: int) -> Any:
    return show(*(f"%{id}: buffer {plan[id][0]}, offset {plan[id][1]}" for id in ids))
