"""Values that JSON, SQLite or a browser could not hold are found, wherever they stand."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.graph.fields import MAX_DEPTH, MAX_INT, unfit

SOUND = [
    None,
    True,
    0,
    MAX_INT,
    -MAX_INT,
    1.5,
    "",
    "日本",
    "\u202e",
    [],
    {},
    [[]],
    {"a": [1, {"b": None}]},
]
UNSOUND = [
    (math.nan, "number_not_finite"), (math.inf, "number_not_finite"),
    (MAX_INT + 1, "number_too_large"), (-MAX_INT - 1, "number_too_large"),
    (2**64, "number_too_large"),
    ("a\0b", "bad_text"), ("\ud800", "bad_text"), (b"bytes", "not_json"), ({1}, "not_json"),
]  # fmt: skip


def nested(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = [value] if level % 2 else {"a": value}
    return value


@pytest.mark.parametrize("value", SOUND, ids=repr)
def test_what_can_be_held_is_let_through_at_any_depth(value: Any) -> None:
    for depth in (0, 1, 5, MAX_DEPTH - 5):
        assert list(unfit(nested(value, depth))) == []


@pytest.mark.parametrize(("value", "code"), UNSOUND, ids=lambda one: repr(one)[:20])
def test_what_cannot_is_named_at_its_place(value: Any, code: str) -> None:
    assert [(one.code, one.path) for one in unfit(value)] == [(code, "")]
    (found,) = unfit({"a": [1, "x", {"b": value}]})
    assert (found.code, found.path) == (code, ".a[2].b")
    assert [one.code for one in unfit([{"a\0": 1}])] == ["bad_text"]


@pytest.mark.parametrize("inner", [[], {}, [1], {"a": 1}], ids=repr)
def test_the_depth_ends_where_it_is_said_to(inner: Any) -> None:
    assert list(unfit(nested(inner, MAX_DEPTH - 1))) == []
    assert [one.code for one in unfit(nested(inner, MAX_DEPTH))] == ["too_deep"]
    assert [one.code for one in unfit(nested(inner, 500))] == ["too_deep"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=20,
)


@given(JSON)
def test_something_is_found_exactly_where_a_part_does_not_fit(value: Any) -> None:
    def parts(one: Any) -> list[Any]:
        if isinstance(one, dict):
            return [part for pair in one.items() for each in pair for part in parts(each)]
        return [part for each in one for part in parts(each)] if isinstance(one, list) else [one]

    whole = all(list(unfit(part)) == [] for part in parts(value))
    assert (list(unfit(value)) == []) is whole
