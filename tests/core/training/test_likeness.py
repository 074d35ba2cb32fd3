"""Distances between likenesses."""

from hypothesis import given
from hypothesis import strategies as st

from core.training import likeness


@given(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-(1 << 63), (1 << 63) - 1))
def test_a_distance_is_that_of_64_bits(one: int, other: int) -> None:
    assert likeness.distance(one, one) == 0
    assert likeness.distance(one, other) == likeness.distance(other, one) <= 64
    assert likeness.distance(one, ~one) == 64
