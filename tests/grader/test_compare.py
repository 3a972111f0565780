"""agree() and difference(): what counts as the same answer, and what is said about another."""

import math

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisys_cli.grader import Mismatch, agree, describe, difference
from aisys_cli.sandbox import wire

many = settings(max_examples=200, deadline=None)
arrays = st.sampled_from(wire.DTYPES).flatmap(
    lambda name: hnp.arrays(name, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 63) - 1)
    | st.floats()
    | st.text(max_size=9)
    | st.binary(max_size=9)
)
values = st.recursive(
    scalars | arrays,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)
floats = st.floats(-1e6, 1e6)


def over_the_wire(value):
    return wire.decode(wire.encode(wire.Returned(1, value)), wire.Returned).value


@many
@given(values)
def test_every_value_agrees_with_itself_after_its_way_over_the_wire(value):
    assert difference(over_the_wire(value), value) is None


@many
@given(values, values)
def test_of_any_two_values_the_comparison_says_something(got, expected):
    found = difference(over_the_wire(got), expected)
    if found is not None:
        assert found.why
        assert describe(found.got)
        assert describe(found.expected)


@many
@given(hnp.arrays("float64", (2, 2), elements=floats), floats.filter(lambda x: abs(x) > 1e-3))
def test_a_change_past_the_tolerance_is_found_at_its_place(expected, change):
    got = expected.copy()
    got[1, 0] += 10 * change * max(1.0, np.abs(expected).max())
    found = difference(got, expected)
    assert found is not None
    assert found.index == "[1, 0]"


@many
@given(hnp.arrays("float64", 3, elements=floats))
def test_what_lies_within_the_tolerance_agrees(expected):
    assert difference(expected * (1 + 5e-8) + 5e-10, expected) is None


@many
@given(hnp.arrays("float64", 3), hnp.arrays("float64", 3))
def test_exact_comparison_is_symmetric(a, b):
    one = difference(a, b, rtol=0, atol=0)
    other = difference(b, a, rtol=0, atol=0)
    assert (one is None) == (other is None)


NAN, INF = math.nan, math.inf
AGREE = {
    "nan and nan": (NAN, NAN),
    "inf and inf": (INF, INF),
    "zero and minus zero": (0.0, -0.0),
    "nan in an array": (np.array([1.0, NAN]), np.array([1.0, NAN])),
    "inf in an array": (np.array([INF, 1.0]), np.array([INF, 1.0])),
    "a float and a 0-d array": (1.0, np.array(1.0)),
    "a 0-d array and a float": (np.array(1.0), 1.0),
    "a float64 scalar and a float": (np.float64(1.0), 1.0),
    "empty arrays": (np.zeros((0, 3)), np.zeros((0, 3))),
    "empty lists": ([], []),
    "a list where a tuple was expected": ([1.0, 2.0], (1.0, 2.0)),
    "within rtol": (1.0 + 9e-8, 1.0),
    "within atol": (9e-10, 0.0),
    "small beside a large one": (np.array([1e6, 5e-4]), np.array([1e6, 0.0])),
    "complex": (np.array([1 + 2j]), np.array([1 + 2j])),
    "complex nan": (np.array([complex(NAN, 0)]), np.array([complex(NAN, 0)])),
    "an int and an int64 scalar": (3, np.int64(3)),
    "a bool and a bool scalar": (True, np.bool_(True)),
    "dicts": ({"a": [1, "x"], "b": None}, {"a": (1, "x"), "b": None}),
    "bool arrays": (np.array([True]), np.array([True])),
}
DIFFER = {
    "nan and a number": (NAN, 1.0, "values differ; yours is NaN, not a number"),
    "a number and nan": (1.0, NAN, "values differ; NaN was expected"),
    "inf and -inf": (INF, -INF, "values differ; yours is infinite"),
    "inf and a number": (INF, 1e308, "values differ; yours is infinite"),
    "a number and inf": (1e308, INF, "values differ; infinity was expected"),
    "some of many": (np.array([1.0, NAN, 3.0]), np.ones(3), "in 2 of 3 elements; yours is NaN"),
    "None in a list": ([None], [1.0], "None where a float was expected"),
    "a number beside an expected inf": (
        np.array([INF, 2.0]),
        np.array([INF, 1.0]),
        "values differ",
    ),
    "past rtol": (1.0 + 2e-7, 1.0, "values differ"),
    "past atol": (3e-9, 0.0, "values differ"),
    "float32 for float64": (np.zeros(2, "f4"), np.zeros(2), "dtype float32, expected float64"),
    "an int for a float": (1, 1.0, "dtype int64, expected float64"),
    "a float for an int": (1.0, 1, "dtype float64, expected int64"),
    "a bool for a float": (True, 1.0, "dtype bool, expected float64"),
    "a bool for an int": (True, 1, "dtype bool, expected int64"),
    "an int for a bool": (1, True, "an int where a bool was expected"),
    "a shape": (np.zeros((2, 1)), np.zeros(2), "shape (2, 1), expected (2,)"),
    "an array of one for a number": (np.array([1.0]), 1.0, "shape (1,), expected ()"),
    "empty of another shape": (np.zeros((0, 2)), np.zeros((0, 3)), "shape (0, 2), expected (0, 3)"),
    "a list for an array": ([1.0], np.array([1.0]), "a sequence where an array of dtype float64"),
    "an array for a list": (np.array([1.0]), [1.0], "where a sequence of 1 was expected"),
    "a short list": ([1.0], [1.0, 2.0], "1 items, expected 2"),
    "a long list": ([1.0, 2.0], [1.0], "2 items, expected 1"),
    "None": (None, 1.0, "is a return statement missing?"),
    "None for a list": (None, [1.0], "None where a sequence of 1 was expected"),
    "None for a dict": (None, {"a": 1}, "None where a dict was expected; nothing was returned"),
    "something for None": (0, None, "an int where None was expected"),
    "text for a number": ("1.0", 1.0, "a str where a float was expected"),
    "a number for text": (1.0, "1.0", "a float where a str was expected"),
    "other text": ("a", "b", "values differ"),
    "other keys": ({"a": 1}, {"b": 1}, "a dict with other keys"),
    "more keys": ({"a": 1, "b": 2}, {"a": 1}, "a dict with other keys"),
    "bytes for text": (b"a", "a", "a bytes where a str was expected"),
    "large integers that a float cannot tell apart": ((1 << 53) + 1, 1 << 53, "values differ"),
    "a dict for a number": ({}, 1.0, "a dict where a float was expected"),
}


@pytest.mark.parametrize(("got", "expected"), AGREE.values(), ids=AGREE)
def test_these_agree(got, expected):
    assert difference(got, expected) is None
    agree(got, expected, of="x")


@pytest.mark.parametrize(("got", "expected", "why"), DIFFER.values(), ids=DIFFER)
def test_these_differ_and_the_reason_is_said(got, expected, why):
    found = difference(got, expected)
    assert found is not None
    assert why in found.why


PLACES = {
    "in a list": ([1.0, 2.0], [1.0, 3.0], "[1]"),
    "in an array": (np.array([[1.0, 2.0]]), np.array([[1.0, 3.0]]), "[0, 1]"),
    "in an array in a list": ([np.array([1.0, 2.0])], [np.array([1.0, 3.0])], "[0][1]"),
    "in a dict": ({"a": {"b": 1}}, {"a": {"b": 2}}, "a.b"),
    "in a list in a dict": ({"a": [1, 2]}, {"a": [1, 3]}, "a[1]"),
    "as a whole": (1.0, 2.0, ""),
    "the first of several": (np.zeros(3), np.array([0.0, 1.0, 1.0]), "[1]"),
}


@pytest.mark.parametrize(("got", "expected", "index"), PLACES.values(), ids=PLACES)
def test_the_place_of_the_first_difference(got, expected, index):
    assert difference(got, expected).index == index


def test_a_mismatch_carries_data():
    expected = np.array([1.0, 3.0])
    with pytest.raises(Mismatch) as caught:
        agree(np.array([1.0, 2.0]), expected, of="f(1)", rtol=1e-3, oracle="the lecture")
    error = caught.value
    assert (error.of, error.oracle, error.tolerance) == (
        "f(1)",
        "the lecture",
        "rtol 0.001, atol 1e-09",
    )
    assert (error.found.got, error.found.expected, error.found.index) == (2.0, 3.0, "[1]")
    assert error.expected is expected


def test_the_input_is_written_only_for_a_wrong_answer():
    written = []
    agree(1.0, 1.0, of=lambda: written.append("now"))
    assert written == []
    with pytest.raises(Mismatch) as caught:
        agree(1.0, 2.0, of=lambda: "f(3)")
    assert caught.value.of == "f(3)"


def test_integers_are_compared_exactly():
    with pytest.raises(Mismatch) as caught:
        agree(1, 2, of="x", rtol=10.0, atol=10.0)
    assert caught.value.tolerance == "exact"


def test_a_half_precision_answer_is_held_to_its_tolerance():
    right = np.array([1.0, 1e4], "float16")
    assert difference(right, right) is None
    assert difference(np.array([1.5, 1e4], "float16"), right, rtol=1e-3, atol=1e-5) is not None


@many
@given(values)
def test_a_description_is_bounded_text(value):
    text = describe(over_the_wire(value))
    assert isinstance(text, str)
    assert len(text) <= 403


def test_descriptions_have_type_and_shape():
    assert describe(np.zeros((2, 2), "float32")).endswith("float32, shape (2, 2)")
    assert describe(np.array(1.5)) == "1.5"
    assert describe(1.5) == "1.5"
    assert describe([1, "a", None]) == "[1, 'a', None]"
    assert describe({"a": 1}) == "{a: 1}"


def test_a_description_of_much_does_not_take_long():
    assert len(describe({f"key {n}": list(range(10)) for n in range(20_000)})) < 500
    assert len(describe(np.zeros((1000, 1000)))) < 500
    assert len(describe("x" * 10_000_000)) < 500
