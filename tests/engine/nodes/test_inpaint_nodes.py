"""A part is cut out at the size it is drawn at, and put back."""

import pytest
import torch

from core.engine.nodes.inpaint import InpaintCrop, InpaintPaste
from core.engine.values import Area, Image, Mask
from core.errors import Invalid
from tests.engine.nodes.test_image_nodes import context


def marked(width: int = 60, height: int = 40) -> tuple[Image, Mask]:
    levels = torch.randint(
        0, 256, (1, 3, height, width), generator=torch.Generator().manual_seed(1)
    )
    values = torch.zeros(1, 1, height, width)
    values[..., 10:20, 20:30] = 1
    return Image(pixels=levels / 255), Mask(values=values)


def test_all_of_a_picture_is_brought_to_the_size_and_pasted_at_its_own() -> None:
    image, mask = marked()
    part = InpaintCrop(width=64, height=40).run(context(), image, mask)
    assert part.area == Area(left=0, top=0, width=60, height=40)
    assert (part.image.pixels.shape, part.mask.values.shape) == ((1, 3, 40, 64), (1, 1, 40, 64))
    pasted = InpaintPaste().run(
        context(), image, Image(pixels=1 - part.image.pixels), mask, part.area
    )
    assert pasted.pixels.shape == image.pixels.shape
    kept = (mask.values == 0).expand_as(image.pixels)
    assert torch.equal(pasted.pixels[kept], image.pixels[kept])
    assert not torch.equal(pasted.pixels, image.pixels)


def test_only_the_masked_part_is_drawn_at_the_full_size() -> None:
    image, mask = marked()
    crop = InpaintCrop(width=64, height=64, only_masked=True, padding=4)
    part = crop.run(context(), image, mask)
    assert part.area == Area(left=16, top=6, width=18, height=18)
    assert part.image.pixels.shape == (1, 3, 64, 64)
    assert part.mask.values[0, 0, 32, 32] == 1
    drawn = Image(pixels=torch.zeros(1, 3, 64, 64))
    pasted = InpaintPaste().run(context(), image, drawn, mask, part.area).pixels
    assert not pasted[..., 10:20, 20:30].any()
    pasted[..., 10:20, 20:30] = image.pixels[..., 10:20, 20:30]
    assert torch.equal(pasted, image.pixels)


@pytest.mark.parametrize("only_masked", [False, True])
def test_a_mask_that_is_black_or_of_another_size_is_refused(only_masked: bool) -> None:
    image, mask = marked()
    crop = InpaintCrop(width=64, height=64, only_masked=only_masked)
    with pytest.raises(Invalid, match="mask_empty"):
        crop.run(context(), image, Mask(values=torch.zeros_like(mask.values)))
    with pytest.raises(Invalid, match="mask_size"):
        crop.run(context(), image, Mask(values=mask.values.mT))
