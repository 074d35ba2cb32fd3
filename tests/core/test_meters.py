"""Histograms: every value lands in one bucket, and tallies add up."""

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.meters import COUNTS, LONG_SECONDS, SECONDS, Histogram, Tally

VALUES = st.lists(st.floats(0, 1e5), max_size=30)


@given(values=VALUES)
def test_every_value_is_in_one_bucket_below_its_bound(values: list[float]) -> None:
    held = Histogram(SECONDS)
    for value in values:
        held.observe(value)
    assert sum(held.counts) == len(values)
    assert held.sum == pytest.approx(sum(values))
    for place, bound in enumerate(SECONDS):
        assert sum(held.counts[: place + 1]) == sum(value <= bound for value in values)


@given(first=VALUES, second=VALUES)
def test_tallies_of_two_lives_add_up_to_one(first: list[float], second: list[float]) -> None:
    one, other, both = Histogram(COUNTS), Histogram(COUNTS), Histogram(COUNTS)
    for value in first:
        one.observe(value)
    for value in second:
        other.observe(value)
    for value in (*first, *second):
        both.observe(value)
    added = one.tally() + other.tally()
    assert added.counts == both.counts
    assert added.sum == pytest.approx(both.sum)


def test_an_empty_tally_adds_nothing() -> None:
    held = Histogram()
    held.observe(0.2)
    assert held.tally() + Tally() == Tally() + held.tally() == held.tally()


def test_a_tally_is_a_copy() -> None:
    held = Histogram()
    before = held.tally()
    held.observe(1.0)
    assert sum(before.counts) == 0
    assert held.counts[bisect_left(SECONDS, 1.0)] == 1


@pytest.mark.parametrize("bounds", [SECONDS, LONG_SECONDS, COUNTS])
def test_bounds_ascend(bounds: tuple[float, ...]) -> None:
    assert sorted(set(bounds)) == list(bounds)
