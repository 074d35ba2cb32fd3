"""Trees without pickle: what goes in comes out, and nothing else is taken."""

import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.train.keep.structure import copied, join, split
from tests.engine.train.states import same

PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(max_size=5)
)  # fmt: skip
TENSORS = st.sampled_from(
    [torch.tensor(3.5), torch.arange(4, dtype=torch.uint8), torch.zeros(0, 2), torch.ones(2).half()]
)
TREES = st.recursive(
    PLAIN | TENSORS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.integers(0, 9) | st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.integers(0, 9).map(lambda key: f"k{key}"), TREES, max_size=3))
def test_a_tree_comes_back_as_it_was(tree: dict[str, Any]) -> None:
    try:
        tensors: dict[str, torch.Tensor] = {}
        told = json.loads(json.dumps(split(tree, tensors), allow_nan=False))
    except AssertionError:  # 1 and "1" as keys of one mapping name the same tensor
        return
    assert same(join(told, tensors), tree)


@pytest.mark.parametrize("value", [object(), {(1, 2): 3}, {1.5: 2}, {True: 1}, b"bytes", {1, 2}])
def test_what_json_cannot_hold_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        split({"a": value}, {})


@pytest.mark.parametrize(
    "told",
    [
        {}, {"map": 3}, {"map": [[1]]}, {"map": [[1.5, 2]]}, {"map": [[True, 2]]}, {"eval": ["x"]},
        {"tensor": "missing"}, {"tensor": 3}, {"float": "1"}, {"list": {}}, [1],
        {"list": [], "map": []},
    ],
)  # fmt: skip
def test_what_nobody_split_is_refused(told: Any) -> None:
    with pytest.raises(ValueError, match=r"mark|pair|key|missing"):
        join(told, {})


def test_a_tree_that_is_too_deep_is_refused() -> None:
    told: Any = None
    for _ in range(100):
        told = {"list": [told]}
    with pytest.raises(ValueError, match="deep"):
        join(told, {})


def test_numbers_that_are_not_finite_live_in_plain_json() -> None:
    told = split([math.nan, math.inf, -math.inf], {})
    back = join(json.loads(json.dumps(told, allow_nan=False)), {})
    assert math.isnan(back[0])
    assert back[1:] == [math.inf, -math.inf]


def test_a_copy_shares_nothing() -> None:
    tensor = torch.zeros(2)
    made = copied({"a": [tensor, 1]})
    tensor.add_(1)
    assert made["a"][0].tolist() == [0, 0]
