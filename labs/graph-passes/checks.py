"""The checks that you can read and run: aisys lab test.

A check makes a graph, asks your code through driver.py, and judges what comes back with an
evaluator of its own (graphs.py, judging.py). The hidden checks are written the same way; they
grow their graphs, with NaN, infinities and zeros of both signs among the values.
"""

from __future__ import annotations

from graphs import in_order, show
from growing import MEMORY, Maker, always, grown, mixed
from hypothesis import given
from judging import (
    CSE,
    DCE,
    FOLD,
    FUSE,
    all_merged,
    all_simple,
    at_fixed_point,
    dead_gone,
    fully_fused,
    nothing_constant,
    order_is_legal,
    plan_of,
    transformed,
)

from aisys_cli.grader import check

# -- task 1 --------------------------------------------------------------------


def diamond():
    m = Maker()
    x = m.input()
    a, b = m.add("neg", x), m.add("exp", x)
    return m.graph(m.add("mul", m.add("add", a, b), a))


def two_prints():
    """The second needs nothing of the first, and still comes after it."""
    m = Maker()
    x = m.input()
    m.add("print", m.add("exp", m.add("neg", x)))
    return m.graph(m.add("print", x))


@check("1.1")
def arguments_come_first(student):
    """The nodes stand in any order; the ids say nothing."""
    for graph in (diamond(), two_prints()):
        for mix in range(5):
            order_is_legal(student, mixed(graph, mix))


# -- task 2 --------------------------------------------------------------------


def unused_chain():
    m = Maker()
    x, _unused_input = m.input(), m.input()
    m.add("exp", m.add("neg", x))
    return m.graph(m.add("abs", x))


def unused_effects():
    """Nobody uses the value of print or rand; both happen all the same."""
    m = Maker()
    x = m.input()
    m.add("print", m.add("neg", x))
    m.add("rand", kind=("float64", (2,)))
    return m.graph(x)


@check("2.1")
def what_no_output_needs_is_gone(student):
    for graph in (unused_chain(), unused_effects(), diamond()):
        for mix in range(3):
            given = mixed(graph, mix)
            dead_gone(given, transformed(student, DCE, given), show(f"{DCE}(graph) of", given))


# -- task 3 --------------------------------------------------------------------


def constants():
    m = Maker()
    x, a, b = m.input(), m.const(2.0), m.const([0.5, -1.0])
    inner = m.add("exp", m.add("add", a, b))
    return m.graph(m.add("mul", x, inner), m.add("sum", inner, axis=0))


def random_is_no_constant():
    m = Maker()
    drawn = m.add("rand", kind=("float64", (2,)))
    two = m.const(2.0)
    return m.graph(m.add("mul", m.add("print", two), drawn))


@check("3.1")
def constants_are_folded(student):
    for graph in (constants(), random_is_no_constant(), diamond()):
        for mix in range(3):
            given = mixed(graph, mix)
            nothing_constant(transformed(student, FOLD, given), show(f"{FOLD}(graph) of", given))


# -- task 4 --------------------------------------------------------------------


def twice():
    m = Maker()
    x, y = m.input(), m.input()
    first, second = m.add("add", x, y), m.add("add", y, x)  # x + y is y + x
    return m.graph(m.add("sub", m.add("exp", first), m.add("exp", second)))


def order_counts():
    m = Maker()
    x, y = m.input(), m.input()
    return m.graph(m.add("sub", x, y), m.add("sub", y, x))


def two_constants():
    m = Maker()
    a, b, c = m.const(1.0), m.const(1.0), m.const(1, "int64")
    return m.graph(m.add("neg", a), m.add("neg", b), m.add("neg", c))


def two_randoms():
    m = Maker()
    a, b = (m.add("rand", kind=("float64", (2,))) for _ in range(2))
    return m.graph(m.add("add", a, b))


@check("4.1")
def one_node_for_each_expression(student):
    for graph in (twice(), order_counts(), two_constants(), two_randoms()):
        for mix in range(3):
            given = mixed(graph, mix)
            all_merged(transformed(student, CSE, given), show(f"{CSE}(graph) of", given))


# -- task 5 --------------------------------------------------------------------


def rules():
    """One graph for each rule that holds for every dtype, and every bit."""
    for op, value, kind in (
        ("mul", 1.0, "float64"),
        ("div", 1.0, "float32"),
        ("mul", 1, "int64"),
        ("sub", 0.0, "float64"),
        ("add", -0.0, "float64"),
        ("add", 0, "int64"),
    ):
        m = Maker()
        x = m.add("abs", m.input(kind))
        yield m.graph(m.add(op, x, m.const(value, kind)))
    for op, kind in (("neg", "float64"), ("abs", "int64"), ("not", "bool")):
        m = Maker()
        yield m.graph(m.add(op, m.add(op, m.input(kind))))
    m = Maker()
    x = m.input()
    same = m.add("broadcast", m.add("cast", x, to="float64"), shape=(2,))
    yield m.graph(m.add("maximum", same, x))
    m = Maker()
    x, y, no = m.input(), m.input(), m.const(False, "bool")
    yield m.graph(m.add("select", no, x, y), m.add("select", m.add("less", x, y), y, y))


def stays():
    """x + 0.0 is not x where x is -0.0; x * 0.0 is not 0.0 where x is NaN."""
    m = Maker()
    x, zero = m.input(), m.const(0.0)
    yield m.graph(m.add("add", x, zero), m.add("mul", x, zero), m.add("sub", x, x))


@check("5.1")
def rules_apply(student):
    for graph in (*rules(), *stays()):
        shown = show("simplify(graph) of", graph)
        all_simple(transformed(student, "simplify", graph), shown, fast_math=False)


# -- task 6 --------------------------------------------------------------------


def chain():
    m = Maker()
    x, y = m.input(), m.input()
    return m.graph(m.add("tanh", m.add("add", m.add("mul", x, y), x)))


def used_twice_outside():
    """The value of exp leaves twice: into the sum, and into neg."""
    m = Maker()
    e = m.add("exp", m.add("abs", m.input()))
    return m.graph(m.add("sum", e, axis=0), m.add("neg", m.add("neg", e)))


@check("6.1")
def chains_are_fused(student):
    for graph in (chain(), diamond(), used_twice_outside(), two_prints()):
        for mix in range(3):
            given = mixed(graph, mix)
            after = transformed(student, FUSE, given)
            fully_fused(given, after, show(f"{FUSE}(graph) of", given))


# -- task 7 --------------------------------------------------------------------


def still_used():
    """exp may not be written over neg's value, which is used once more."""
    m = Maker()
    a = m.add("neg", m.input())
    return m.graph(m.add("add", m.add("exp", a), a))


def output_in_the_middle():
    m = Maker()
    a = m.add("neg", m.input())
    return m.graph(m.add("exp", m.add("exp", a)), a)


def a_sum_needs_its_argument():
    """A sum is not elementwise, and less has another size: neither takes over a buffer."""
    m = Maker()
    a = m.add("neg", m.input("float64", (1,)))
    b = m.add("broadcast", m.add("sum", a, axis=0), shape=(2,))
    return m.graph(m.add("less", b, b), m.add("rand", kind=("float64", (3,))))


@check("7.1")
@always([still_used(), output_in_the_middle(), a_sum_needs_its_argument()])
@given(grown(MEMORY, most=5))
def nothing_overlaps(student, graph):
    order = [node.id for node in in_order(graph)]
    plan_of(student, graph, order)


# -- task 8 --------------------------------------------------------------------


def one_enables_another():
    """select's condition folds, then its branch is taken, then the other one is dead."""
    m = Maker()
    x, two, three = m.input(), m.const(2.0), m.const(3.0)
    c = m.add("less", two, three)
    chosen = m.add("select", c, two, m.add("exp", x))
    return m.graph(m.add("mul", x, m.add("sub", chosen, m.const(1.0))), m.add("abs", x))


def merged_then_simpler():
    """x + y and y + x become one node, then their difference is 0, then z + 0 is z."""
    m = Maker()
    x, y, z = (m.input("int64") for _ in range(3))
    difference = m.add("sub", m.add("add", x, y), m.add("add", y, x))
    return m.graph(m.add("neg", m.add("add", difference, z)))


@check("8.1")
def passes_enable_each_other(student):
    for graph in (one_enables_another(), merged_then_simpler()):
        at_fixed_point(student, graph, fast_math=False)
