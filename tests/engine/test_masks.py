"""Masks grow, shrink, blur and are resized within their bounds."""

import pytest
import torch
from torch.nn import functional

from core.engine import masks
from core.errors import Invalid


def square(size: int = 32, start: int = 12, end: int = 20) -> torch.Tensor:
    values = torch.zeros(1, 1, size, size)
    values[..., start:end, start:end] = 1
    return values


@pytest.mark.parametrize("pixels", [1, 2, 3, 5, 8, 40])
def test_growing_is_the_largest_value_of_a_square(pixels: int) -> None:
    values = torch.rand(2, 1, 24, 31, generator=torch.Generator().manual_seed(pixels))
    expected = functional.max_pool2d(
        functional.pad(values, (pixels,) * 4), 2 * pixels + 1, stride=1
    )
    assert torch.equal(masks.grow(values, pixels), expected)


def test_shrinking_undoes_the_growth_of_a_square_and_keeps_the_border() -> None:
    assert torch.equal(masks.grow(masks.grow(square(), 4), -4), square())
    assert torch.equal(masks.grow(square(), 0), square())
    assert not masks.grow(square(), -4).any()
    assert masks.grow(torch.ones(1, 1, 9, 9), -4).all()


def test_a_blur_ends_after_three_deviations_and_is_symmetric() -> None:
    blurred = masks.blur(square(64, 24, 40), 2.0)
    assert blurred[0, 0, 32, 32] == 1
    assert not blurred[..., : 24 - 6, :].any()
    assert blurred[0, 0, 32, 24] < 1
    assert torch.allclose(blurred, blurred.flip(-1), atol=1e-6)
    assert torch.allclose(blurred, blurred.mT, atol=1e-6)
    assert torch.equal(masks.blur(square(), 0), square())


def test_a_blur_keeps_what_is_all_white_or_all_black_even_at_the_border() -> None:
    assert masks.blur(torch.ones(1, 1, 8, 8), 64).eq(1).all()
    assert masks.blur(torch.zeros(1, 1, 8, 8), 64).eq(0).all()


def test_a_smaller_mask_is_the_mean_of_what_falls_together() -> None:
    small = masks.resize(square(32, 12, 20), 8, 8)
    assert torch.equal(small, functional.avg_pool2d(square(32, 12, 20), 4))
    assert masks.resize(square(), 70, 50).shape == (1, 1, 70, 50)
    assert masks.resize(torch.ones(1, 1, 8, 8), 13, 40).eq(1).all()


def test_bounds_hold_what_is_white_in_any_mask() -> None:
    both = torch.cat([square(32, 2, 4), square(32, 10, 12)])
    assert masks.bounds(both) == (2, 2, 12, 12)
    assert masks.bounds(torch.zeros(1, 1, 4, 4)) is None


def test_a_mask_that_does_not_fit_is_refused_with_both_sizes() -> None:
    masks.check_fit(torch.zeros(1, 1, 4, 6), torch.zeros(3, 3, 4, 6))
    with pytest.raises(Invalid, match="mask_size") as refused:
        masks.check_fit(torch.zeros(1, 1, 4, 6), torch.zeros(1, 3, 6, 4))
    assert refused.value.params == {"size": "6 × 4", "wanted": "4 × 6"}
    with pytest.raises(Invalid, match="mask_count"):
        masks.check_fit(torch.zeros(2, 1, 4, 6), torch.zeros(3, 3, 4, 6))
