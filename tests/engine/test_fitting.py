"""Pictures that steer are brought to size: stretched, cut, or with a border."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine import fitting

MODES = ["stretch", "crop", "fit"]
side = st.integers(1, 40)


def drawn(height: int, width: int) -> torch.Tensor:
    source = torch.Generator().manual_seed(height * 100 + width)
    return torch.rand((1, 3, height, width), generator=source)


@given(high=side, wide=side, height=side, width=side, mode=st.sampled_from(MODES))
def test_every_picture_comes_to_every_size_and_scaling_first_changes_nothing(
    high: int, wide: int, height: int, width: int, mode: Any
) -> None:
    pixels = drawn(high, wide)
    once = fitting.fitted(pixels, height, width, mode)
    assert once.shape == (1, 3, height, width)
    assert 0 <= once.min() and once.max() <= 1
    scaled = fitting.scaled(pixels, height, width, mode)
    assert torch.equal(fitting.fitted(scaled, height, width, mode), once)


@pytest.mark.parametrize("mode", MODES)
def test_a_picture_of_the_size_stays_to_the_bit(mode: Any) -> None:
    assert torch.equal(fitting.fitted(drawn(9, 7), 9, 7, mode), drawn(9, 7))


def test_a_wide_picture_is_stretched_cut_or_bordered() -> None:
    pixels = torch.zeros(1, 1, 4, 8)
    pixels[..., 2:6] = 1  # white in the middle, black at the border
    cut = fitting.fitted(pixels, 4, 4, "crop")
    assert torch.equal(cut, torch.ones(1, 1, 4, 4))
    bordered = fitting.fitted(pixels, 8, 8, "fit")[0, 0]
    assert torch.equal(bordered[2:6], pixels[0, 0])
    assert not bordered[:2].any() and not bordered[6:].any()
    assert fitting.fitted(pixels, 4, 4, "stretch")[0, 0, 0].tolist() == pytest.approx(
        [0, 1, 1, 0], abs=0.2
    )


def test_a_border_has_the_colour_that_most_of_the_edge_has() -> None:
    pixels = torch.full((1, 3, 4, 8), 0.25)
    pixels[..., 1:3, 2:6] = 1
    assert torch.equal(fitting.fitted(pixels, 8, 8, "fit")[..., 0, 0], torch.full((1, 3), 0.25))
