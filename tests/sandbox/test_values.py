"""plain(): what a submission may return, and the words for what it may not."""

import enum
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aisys_cli.sandbox import wire
from aisys_cli.sandbox.cell import MAX_DEPTH, NotData, plain


class MyFloat(float):
    def __sub__(self, other):
        return 0.0


class MyInt(int):
    pass


class MyArray(np.ndarray):
    pass


class MyList(list):
    pass


class MyDict(dict):
    pass


class MyStr(str):
    __slots__ = ()


class Colour(enum.IntEnum):
    RED = 1


class AlwaysEqual:
    def __eq__(self, other):
        return True

    __hash__ = None


class Liar:
    """Says that it is a float."""

    __class__ = float


class HidesItsLength(list):
    def __len__(self):
        return 0


def generator():
    yield 1


def cyclic():
    value = []
    value.append(value)
    return value


def structured():
    return np.zeros(2, dtype=[("a", "f8")])


REFUSED = {
    "a subclass of float": (MyFloat(1.0), "MyFloat, a subclass of float"),
    "a subclass of int": (MyInt(1), "MyInt, a subclass of int"),
    "an enum": (Colour.RED, "Colour, a subclass of int"),
    "a subclass of ndarray": (np.zeros(2).view(MyArray), "MyArray, a subclass of ndarray"),
    "a masked array": (np.ma.masked_array([1.0], [True]), "subclass of ndarray"),
    "a matrix": (np.asmatrix([[1.0]]), "subclass of ndarray"),
    "a subclass of list": (MyList([1]), "MyList"),
    "a list that hides its length": (HidesItsLength([1]), "HidesItsLength"),
    "a subclass of dict": (MyDict(), "MyDict"),
    "a subclass of str": (MyStr("x"), "MyStr"),
    "__eq__ that is always true": (AlwaysEqual(), "AlwaysEqual"),
    "an object that says it is a float": (Liar(), "Liar"),
    "a generator": (generator(), "a generator"),
    "an iterator": (iter([1]), "a list_iterator"),
    "a function": (generator, "a function"),
    "a class": (float, "a type"),
    "a module": (math, "a module"),
    "a set": ({1}, "a set"),
    "a complex number": (1j, "a complex"),
    "a range": (range(3), "a range"),
    "a memoryview": (memoryview(b"x"), "a memoryview"),
    "bytes that can change": (bytearray(b"x"), "a bytearray"),
    "NotImplemented": (NotImplemented, "NotImplementedType"),
    "an int of 65 bits": (1 << 64, "an int of 65 bits"),
    "the int after the last": (1 << 63, "an int of 64 bits"),
    "a negative int of 64 bits and one": (-(1 << 63) - 1, "64 is the most"),
    "an object array": (np.array([object()]), "an array of dtype object"),
    "an array of strings": (np.array(["a"]), "an array of dtype <U1"),
    "an array of dates": (np.zeros(1, "datetime64[s]"), "an array of dtype datetime64[s]"),
    "a structured array": (structured(), "an array of dtype"),
    "a long double": (np.longdouble(1), "an array of dtype longdouble"),
    "a list in itself": (cyclic(), f"nested more than {MAX_DEPTH} deep"),
    "an int as key": ({1: 2}, "a dict"),
    "a subclass of str as key": ({MyStr("x"): 2}, "a dict"),
    "deep inside": ({"a": [1, (2, {3})]}, "a set at ['a'][1][1]"),
}


@pytest.mark.parametrize(("value", "words"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_data_is_named(value, words):
    with pytest.raises(NotData) as caught:
        plain(value)
    assert words in str(caught.value).replace("float128", "longdouble")


def test_an_array_larger_than_the_reply_is_refused_by_its_size():
    huge = np.lib.stride_tricks.as_strided(np.zeros(1), shape=(1 << 40,), strides=(0,))
    with pytest.raises(NotData, match=r"shape \(1099511627776,\), 8796093022208 bytes"):
        plain(huge, room=1 << 20)


def test_an_array_of_too_many_dimensions_is_refused():
    with pytest.raises(NotData, match="17 dimensions"):
        plain(np.zeros((1,) * 17))


TAKEN = (
    None,
    True,
    0,
    -(1 << 63),
    (1 << 63) - 1,
    1.5,
    math.inf,
    "text",
    b"bytes",
    np.float32(1),
    np.bool_(True),
)


@pytest.mark.parametrize("value", TAKEN, ids=repr)
def test_plain_values_are_taken_as_they_are(value):
    assert plain(value) is value


def test_nan_is_data():
    assert math.isnan(plain(math.nan))


def test_tuples_become_lists_all_the_way_down():
    assert plain((1, [2, (3,)], {"a": (4,)})) == [1, [2, [3]], {"a": [4]}]


leaves = st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text() | st.binary()
nested = st.recursive(
    leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20
)


@settings(max_examples=100, deadline=None)
@given(nested)
def test_whatever_is_plain_can_travel(value):
    body = wire.encode(wire.Returned(1, plain(value)))
    assert wire.decode(body, wire.Returned).id == 1


def test_text_with_a_lone_surrogate_is_refused():
    with pytest.raises(NotData):
        plain("\ud800")
