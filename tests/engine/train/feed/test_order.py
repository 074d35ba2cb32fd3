"""Order: permutations without end, and shares of them for forwards and devices."""

from collections import Counter as Counted

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.train.feed.order import Order, Shares, Weighted

COUNTS = st.integers(1, 40)
SEEDS = st.integers(0, 2**53 - 1)


@settings(deadline=None)
@given(SEEDS, COUNTS, st.integers(0, 10**6))
def test_every_epoch_is_a_permutation(seed: int, count: int, epoch: int) -> None:
    order = Order(seed, count, "instance")
    seen = [order.index(epoch * count + within) for within in range(count)]
    assert sorted(seen) == list(range(count))


@settings(deadline=None)
@given(SEEDS, COUNTS, st.lists(st.integers(0, 10**9), max_size=10))
def test_an_index_is_the_same_whatever_was_asked_before(
    seed: int, count: int, positions: list[int]
) -> None:
    used = Order(seed, count, "class")
    for position in positions:
        used.index(position)
    fresh = [Order(seed, count, "class").index(position) for position in positions]
    assert [used.index(position) for position in reversed(positions)] == fresh[::-1]


def test_epochs_streams_and_seeds_are_permuted_differently() -> None:
    orders = [Order(1, 40, "instance"), Order(1, 40, "class"), Order(2, 40, "instance")]
    seen = [
        tuple(order.index(p) for p in range(40 * e, 40 * e + 40))
        for order in orders
        for e in range(3)
    ]
    assert len(set(seen)) == len(seen)


def test_nothing_cannot_be_ordered() -> None:
    with pytest.raises(ValueError, match="nothing"):
        Order(1, 0, "instance")


@settings(deadline=None)
@given(SEEDS, st.lists(st.integers(0, 5), min_size=1, max_size=9).filter(any))
def test_repeats_are_met_in_every_epoch(seed: int, repeats: list[int]) -> None:
    order = Weighted(seed, repeats, "instance")
    count = sum(repeats)
    for epoch in range(2):
        seen = Counted(order.index(epoch * count + within) for within in range(count))
        assert [seen[thing] for thing in range(len(repeats))] == repeats


@given(
    st.integers(1, 8), st.sampled_from([0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 0.1]),
    st.integers(1, 4), st.integers(1, 30),
)  # fmt: skip
def test_every_position_is_given_once_and_in_order(
    batch: int, ratio: float, devices: int, forwards: int
) -> None:
    shares = Shares(batch, ratio, devices)
    instances: list[int] = []
    classes: list[int] = []
    for forward in range(forwards):
        each = [shares.at(forward, rank) for rank in range(devices)]
        assert len({len(share.classes) for share in each}) == 1
        for share in each:
            instances += share.instances
            classes += share.classes
    assert instances == list(range(forwards * batch * devices))
    assert classes == list(range(len(classes)))
    wanted = forwards * batch * ratio * devices
    assert wanted - devices < len(classes) <= wanted + 1e-6


def test_two_devices_are_given_what_one_is_given_alone() -> None:
    alone, shared = Shares(4, 1.5), Shares(2, 1.5, 2)
    for forward in range(10):
        two = [shared.at(forward, rank) for rank in range(2)]
        whole = alone.at(forward)
        assert [*two[0].instances, *two[1].instances] == [*whole.instances]
        assert [*two[0].classes, *two[1].classes] == [*whole.classes]
