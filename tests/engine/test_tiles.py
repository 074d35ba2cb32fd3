"""Tiles cover a picture, overlap as asked for, and go together without a trace."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from core.engine import tiles

sides = st.integers(1, 90)
cuts = st.tuples(st.integers(2, 40), st.integers(0, 20)).filter(lambda cut: 2 * cut[1] <= cut[0])


@given(length=st.integers(1, 5000), cut=cuts)
def test_tiles_begin_and_end_with_the_side_and_overlap_as_asked_for(
    length: int, cut: tuple[int, int]
) -> None:
    tile, overlap = cut
    found = tiles.starts(length, tile, overlap)
    assert found[0] == 0
    assert found[-1] + min(tile, length) == length
    assert all(before + tile - after >= overlap for before, after in pairwise(found))
    assert all(before < after for before, after in pairwise(found))


@given(height=sides, width=sides, cut=cuts, scale=st.integers(1, 3))
def test_where_tiles_agree_nothing_is_blended(
    height: int, width: int, cut: tuple[int, int], scale: int
) -> None:
    picture = torch.rand((1, 3, height, width), generator=torch.Generator().manual_seed(height))

    def repeat(part: torch.Tensor) -> torch.Tensor:
        return part.repeat_interleave(scale, -1).repeat_interleave(scale, -2)

    assert torch.equal(tiles.joined(picture, *cut, scale, repeat), repeat(picture))


@pytest.mark.parametrize("size", [(97, 61), (64, 200), (33, 33)])
def test_a_network_that_sees_no_further_than_a_quarter_overlap_gives_what_it_gives_of_all(
    size: tuple[int, int],
) -> None:
    picture = torch.rand((1, 3, *size))
    kernel = torch.rand((3, 3, 9, 9)) / 243  # four pixels each way, zeros around

    def blur(part: torch.Tensor) -> torch.Tensor:
        return functional.conv2d(part, kernel, padding=4)

    made = tiles.joined(picture, 32, 16, 1, blur)
    assert (made - blur(picture)).abs().max() < 1e-6


def test_tiles_that_disagree_fade_into_each_other() -> None:
    shades = iter([0.0, 1.0, 0.0])
    made = tiles.joined(
        torch.zeros((1, 1, 4, 40)), 16, 4, 1, lambda part: torch.full_like(part, next(shades))
    )
    row = made[0, 0, 0]
    steps = (row[1:] - row[:-1]).abs()
    assert row[0] == 0.0
    assert row[20] == 1.0
    assert row[39] == 0.0
    assert 0 < steps.max() <= 0.5


@given(length=st.integers(1, 60), overlap=st.integers(0, 30))
def test_a_window_is_nowhere_nought_and_one_where_a_tile_is_alone(
    length: int, overlap: int
) -> None:
    weights = tiles.window(length, overlap)
    assert weights.shape == (length,)
    assert (weights > 0).all()
    assert weights.max() <= 1
    assert torch.equal(weights, weights.flip(0))
    assert (weights[overlap : length - overlap] == 1).all()
