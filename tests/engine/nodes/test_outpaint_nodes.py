"""A picture gets new room at any side; the old pixels stay."""

from typing import Any

import pytest
import torch

from core.engine.nodes.outpaint import OutpaintExtend
from core.engine.values import Image
from core.errors import Invalid
from tests.engine.nodes.test_image_nodes import context


def image(count: int = 1) -> Image:
    source = torch.Generator().manual_seed(1)
    return Image(pixels=torch.randint(0, 256, (count, 3, 8, 12), generator=source) / 255)


@pytest.mark.parametrize("infill", ["edge", "tile", "noise"])
def test_the_old_pixels_stay_to_the_bit_and_the_new_ones_are_white_in_the_mask(
    infill: Any,
) -> None:
    node = OutpaintExtend(left=5, right=40, top=0, bottom=7, infill=infill)
    larger, mask = node.run(context(), image(2))
    assert (larger.pixels.shape, mask.values.shape) == ((2, 3, 15, 57), (1, 1, 15, 57))
    assert torch.equal(larger.pixels[..., :8, 5:17], image(2).pixels)
    assert not mask.values[..., :8, 5:17].any()
    assert mask.values.sum() == 15 * 57 - 8 * 12
    assert ((larger.pixels >= 0) & (larger.pixels <= 1)).all()


def test_the_border_is_stretched_or_the_picture_mirrored() -> None:
    old = image().pixels
    edge = OutpaintExtend(left=3, top=2).run(context(), image()).image.pixels
    assert torch.equal(edge[..., 2:, 0], old[..., 0])
    assert torch.equal(edge[..., 0, 3:], old[..., 0, :])
    tile = OutpaintExtend(right=30, infill="tile").run(context(), image()).image.pixels
    assert torch.equal(tile[..., 12:24], old.flip(-1))
    assert torch.equal(tile[..., 24:36], old)


def test_noise_is_of_the_seed_and_differs_between_pictures() -> None:
    def drawn(seed: int) -> torch.Tensor:
        node = OutpaintExtend(left=64, infill="noise", seed=seed)
        return node.run(context(), Image(pixels=image().pixels.repeat(2, 1, 1, 1))).image.pixels

    assert torch.equal(drawn(1), drawn(1))
    assert not torch.equal(drawn(1), drawn(2))
    assert not torch.equal(drawn(1)[0], drawn(1)[1])
    assert torch.equal(drawn(1)[1], drawn(2)[0])  # picture i has seed + i
    assert (drawn(1)[..., :64].mean() - image().pixels.mean()).abs() < 0.05


def test_no_room_and_too_much_of_it_are_refused() -> None:
    with pytest.raises(Invalid, match="nothing_to_extend"):
        OutpaintExtend().run(context(), image())
    wide = Image(pixels=torch.zeros(1, 3, 1, 16000))
    with pytest.raises(Invalid, match="side_too_long"):
        OutpaintExtend(left=300, right=300).run(context(), wide)
