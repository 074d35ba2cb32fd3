"""Draws: pure functions of seed and place, and the order of diffusers' script."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.train.feed.draws import Counter, PeerOrder, Place
from core.training.seeds import derived

SEEDS = st.integers(0, 2**53 - 1)
PLACES = st.builds(Place, st.integers(0, 10**6), st.integers(0, 1023), st.integers(0, 63))


@settings(deadline=None, max_examples=50)
@given(SEEDS, PLACES, st.integers(0, 2**40))
def test_what_is_drawn_depends_on_nothing_that_was_drawn_before(
    seed: int, place: Place, item: int
) -> None:
    first = Counter(seed).normals("noise", place, (2, 3), [item, item + 1])
    used = Counter(seed)
    used.normal("noise", place, (5,))
    torch.rand(7)
    again = used.normals("noise", place, (2, 3), [item, item + 1])
    assert torch.equal(first, again)


@settings(deadline=None, max_examples=50)
@given(SEEDS, PLACES, PLACES, st.lists(st.integers(0, 2**40), min_size=1, max_size=5))
def test_an_item_is_drawn_alike_in_any_batch_and_step(
    seed: int, one: Place, other: Place, items: list[int]
) -> None:
    draws = Counter(seed)
    together = draws.normals("noise", one, (4,), items)
    alone = [draws.normal("noise", other, (4,), item) for item in items]
    assert torch.equal(together, torch.stack(alone))
    levels = draws.integers("timestep", one, len(items), 1000, items)
    assert levels.tolist() == [
        int(draws.integers("timestep", other, 1, 1000, [item])) for item in items
    ]
    assert ((levels >= 0) & (levels < 1000)).all()
    shares = draws.uniform("share", one, len(items), items)
    assert ((shares >= 0) & (shares < 1)).all()


def test_purposes_places_items_and_seeds_have_numbers_of_their_own() -> None:
    places = [
        Place(step, micro, rank) for step in range(3) for micro in range(3) for rank in (0, 1)
    ]
    drawn = [
        Counter(seed).normal(purpose, place, (4,)).tolist()
        for seed in (1, 2)
        for purpose in ("noise", "posterior")
        for place in places
    ]
    drawn += [Counter(1).normal("noise", Place(0), (4,), item).tolist() for item in range(9)]
    assert len({tuple(one) for one in drawn}) == len(drawn)


def test_the_global_stream_is_neither_read_nor_moved() -> None:
    before = torch.get_rng_state()
    Counter(3).normals("noise", Place(0), (4,), [1, 2])
    Counter(3).uniform("share", Place(0), 4)
    PeerOrder(3, 5).index(7)
    assert torch.equal(before, torch.get_rng_state())


@given(SEEDS, st.lists(st.text() | st.integers(), max_size=4))
def test_a_derived_seed_has_63_bits_and_names_do_not_run_together(
    seed: int, names: list[str | int]
) -> None:
    assert 0 <= derived(seed, *names) < 2**63
    assert derived(seed, *names) == derived(seed, *names)
    assert derived(seed, *names, "a", "b") != derived(seed, *names, "ab")
    assert derived(seed, *names, "1") != derived(seed, *names, 1)


def test_the_peers_order_is_that_of_a_loader_which_shuffles() -> None:
    loader = torch.utils.data.DataLoader(list(range(5)), batch_size=1, shuffle=True)
    with torch.random.fork_rng():
        torch.manual_seed(11)
        wanted = [int(one) for _ in range(2) for one in loader]
        after = torch.randn(3)
    peer = PeerOrder(11, 5)
    assert [peer.index(position) for position in range(10)] == wanted
    assert torch.equal(peer.normals("posterior", Place(0), (1,), [0, 1, 2]).flatten(), after)
