"""Parts are cut out inside the picture and put back without touching what the mask keeps."""

import pytest
import torch

from core.engine import masks, patches
from core.engine.values import Area
from core.errors import Invalid


def white(left: int, top: int, right: int, bottom: int, size: int = 64) -> torch.Tensor:
    values = torch.zeros(1, 1, size, size)
    values[..., top:bottom, left:right] = 1
    return values


def levels(seed: int, size: int = 64, count: int = 1) -> torch.Tensor:
    source = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (count, 3, size, size), generator=source) / 255


@pytest.mark.parametrize(
    ("box", "padding", "ratio", "expected"),
    [
        ((20, 20, 30, 30), 4, 1.0, (16, 16, 18, 18)),
        ((20, 20, 30, 30), 4, 2.0, (7, 16, 36, 18)),
        ((20, 20, 30, 30), 4, 0.5, (16, 7, 18, 36)),
        ((0, 0, 4, 40), 0, 1.0, (0, 0, 40, 40)),  # moved inside
        ((60, 60, 64, 64), 8, 1.0, (52, 52, 12, 12)),
        ((10, 30, 12, 31), 0, 100.0, (0, 30, 64, 1)),  # no room for the ratio
        ((0, 0, 64, 64), 1024, 1.5, (0, 0, 64, 64)),
    ],
)
def test_the_area_holds_the_mask_and_lies_inside(
    box: tuple[int, int, int, int], padding: int, ratio: float, expected: tuple[int, ...]
) -> None:
    area = patches.around(white(*box), padding, ratio, torch.zeros(1, 3, 64, 64))
    assert (area.left, area.top, area.width, area.height) == expected


def test_an_empty_mask_and_an_area_outside_are_refused() -> None:
    with pytest.raises(Invalid, match="mask_empty"):
        patches.around(torch.zeros(1, 1, 8, 8), 4, 1.0, torch.zeros(1, 3, 8, 8))
    for left, top in ((-1, 0), (0, -1), (5, 0), (0, 5)):
        with pytest.raises(Invalid, match="area_outside"):
            patches.cut(torch.zeros(1, 3, 8, 8), Area(left=left, top=top, width=4, height=4))


@pytest.mark.parametrize("match", [False, True])
def test_outside_of_the_feathered_edge_the_source_stays_to_the_bit(match: bool) -> None:
    source, mask = levels(1), masks.blur(white(24, 24, 40, 40), 2.0)
    area = patches.around(mask, 4, 1.0, source)
    result = patches.paste(source, levels(2, 48), mask, area, match=match)
    kept = (mask == 0).expand_as(source)
    assert torch.equal(result[kept], source[kept])
    assert kept[0, 0].sum() >= 64 * 64 - (16 + 12) ** 2
    assert not torch.isclose(result[..., 28:36, 28:36], source[..., 28:36, 28:36]).all()


def test_where_the_mask_is_white_there_is_what_was_drawn() -> None:
    source, drawn, mask = levels(1), levels(2), white(0, 0, 32, 64)
    whole = Area(left=0, top=0, width=64, height=64)
    result = patches.paste(source, drawn, mask, whole, match=False)
    assert torch.equal(result[..., :32], drawn[..., :32])
    assert torch.equal(result[..., 32:], source[..., 32:])
    assert torch.equal(source, levels(1))  # what flows on wires is never changed


def test_one_source_takes_many_drawings_but_two_do_not_take_three() -> None:
    whole = Area(left=0, top=0, width=64, height=64)
    many = patches.paste(levels(1), levels(2, count=3), white(0, 0, 32, 64), whole, match=False)
    assert len(many) == 3
    with pytest.raises(Invalid, match="batch_mismatch"):
        patches.paste(
            levels(1, count=2), levels(2, count=3), white(0, 0, 32, 64), whole, match=False
        )


@pytest.mark.parametrize("radius", [0.0, 2.0])
def test_colours_are_matched_along_the_edge(radius: float) -> None:
    source = 0.3 + 0.2 * levels(1)
    shifted = source * 1.2 + 0.15  # as an autoencoder may return it, only more
    mask = masks.blur(white(16, 16, 48, 48), radius)
    result = patches.matched(shifted, source, mask)
    assert (result - source).abs().max() < 0.01
    assert torch.equal(patches.matched(shifted, source, torch.ones(1, 1, 64, 64)), shifted)


def test_flat_colours_are_matched_without_noise_or_nan() -> None:
    old, new = torch.full((1, 3, 64, 64), 0.25), torch.full((1, 3, 64, 64), 0.75)
    result = patches.matched(new, old, masks.blur(white(16, 16, 48, 48), 2.0))
    assert torch.allclose(result, old, atol=1e-6)
