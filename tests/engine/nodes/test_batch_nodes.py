"""Pictures put together and taken apart again."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.nodes.batch import MAX_PICTURES, ImageCollect, ImagePick
from core.engine.values import Image
from core.errors import Invalid
from tests.engine.nodes.test_image_nodes import context

CTX = context()


def pictures(count: int, height: int = 8, width: int = 12, seed: int = 0) -> Image:
    drawn = torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(seed))
    return Image(pixels=drawn)


@given(counts=st.lists(st.integers(1, 5), min_size=1, max_size=8), index=st.integers(-45, 45))
def test_what_was_collected_is_picked_in_order(counts: list[int], index: int) -> None:
    some = [pictures(count, seed=seed) for seed, count in enumerate(counts)]
    ports = dict(zip("abcdefgh", some, strict=False))
    whole = ImageCollect().run(CTX, **ports)
    everything = torch.cat([one.pixels for one in some])
    assert torch.equal(whole.pixels, everything)
    if -len(everything) <= index < len(everything):
        picked = ImagePick(index=index).run(CTX, whole).pixels
        assert torch.equal(picked[0], everything[index])
        assert len(picked) == 1
    else:
        with pytest.raises(Invalid, match="no_such_picture"):
            ImagePick(index=index).run(CTX, whole)


def test_inputs_may_be_left_out_in_the_middle() -> None:
    a, h = pictures(1), pictures(2, seed=1)
    assert torch.equal(ImageCollect().run(CTX, a, h=h).pixels, torch.cat([a.pixels, h.pixels]))


def test_pictures_of_another_size_are_refused_or_brought_to_the_first_ones() -> None:
    first, other = pictures(1), pictures(2, height=30, width=20, seed=1)
    with pytest.raises(Invalid, match="picture_size"):
        ImageCollect().run(CTX, first, other)
    shapes: dict[str, Any] = {
        sizes: ImageCollect(sizes=sizes).run(CTX, first, other).pixels
        for sizes in ("crop", "stretch")
    }
    assert {tuple(pixels.shape) for pixels in shapes.values()} == {(3, 3, 8, 12)}
    assert all(torch.equal(pixels[:1], first.pixels) for pixels in shapes.values())
    assert not torch.equal(shapes["crop"], shapes["stretch"])


def test_what_is_cropped_keeps_its_shape_and_its_middle() -> None:
    tall = torch.zeros(1, 3, 40, 8)
    tall[..., 16:24, :] = 1
    made = ImageCollect(sizes="crop").run(CTX, pictures(1, 8, 8), Image(pixels=tall)).pixels[1]
    assert (made == 1).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 4096), (4096, 1)])
def test_the_narrowest_pictures_can_be_collected(size: tuple[int, int]) -> None:
    made = ImageCollect(sizes="crop").run(CTX, pictures(1), pictures(1, *size))
    assert made.pixels.shape == (2, 3, 8, 12)


def test_a_chain_that_doubles_is_stopped() -> None:
    batch = pictures(1, 1, 1)
    with pytest.raises(Invalid, match="too_many_pictures"):
        for _ in range(20):
            batch = ImageCollect().run(CTX, batch, batch)
    assert len(batch.pixels) == MAX_PICTURES
    large = Image(pixels=torch.zeros(1, 1, 1).expand(1, 3, 16_000, 16_000))  # no memory of its own
    with pytest.raises(Invalid, match="too_many_pictures"):
        ImageCollect().run(CTX, large, large)
