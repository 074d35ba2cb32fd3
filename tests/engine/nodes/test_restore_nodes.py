"""The node that draws faces over again: one face, put back where the mask says."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.engine import faces, patches
from core.engine.models import upscalers
from core.engine.nodes.restore import RestoreFaces
from core.engine.nodes.upscale import UpscaleModel
from core.engine.values import Image, Mask
from core.errors import Invalid, ModelUnreadable
from core.library import scan
from tests.engine.upscalers import Shelf, compact, gfpgan, made_in

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    made = Shelf(tmp_path)
    with torch.inference_mode():
        yield made
    made.outbox.close()


def picture(height: int, width: int) -> Image:
    source = torch.Generator().manual_seed(1)
    return Image(pixels=torch.rand((1, 3, height, width), generator=source))


def masked(height: int, width: int, *white: slice) -> Mask:
    values = torch.zeros((1, 1, height, width))
    values[(..., *white)] = 1
    return Mask(values=values)


def test_a_face_network_works_in_the_range_it_was_made_for_and_draws_the_same_again(
    tmp_path: Path,
) -> None:
    with gfpgan(tmp_path) as file, torch.inference_mode():
        found = scan.examine(file)
        assert found is not None
        assert (found.kind, found.format) == ("restorer", "spandrel")
        read: Any = upscalers.load(upscalers.handle_of("g", str(file), "", "g"), torch.float16)
        assert (read.scale, read.faces) == (1, True)
        assert next(read.parameters()).dtype == torch.float32  # GFPGAN works in no half precision
        for name, one in read.network.named_parameters():
            if name.endswith("style_conv1.weight"):
                one.fill_(0.5)  # so that noise counts
        face = picture(512, 512).pixels
        drawn = read(face)
        raw = read.network(face * 2 - 1, randomize_noise=False)[0]
        assert torch.equal(drawn, (raw / 2 + 0.5).clamp(0, 1))


def test_the_masked_face_is_drawn_again_and_the_rest_stays_to_the_bit(
    shelf: Shelf, tmp_path: Path
) -> None:
    given, mask = picture(90, 120), masked(90, 120, slice(20, 50), slice(40, 70))
    with gfpgan(tmp_path) as file:
        ctx = shelf.context(file)
        made = RestoreFaces(restorer="gfpgan", padding=8).run(ctx, given, mask).pixels
        half = RestoreFaces(restorer="gfpgan", padding=8, strength=0.5).run(ctx, given, mask).pixels
        with pytest.raises(Invalid, match="mask_empty"):
            RestoreFaces(restorer="gfpgan").run(ctx, given, masked(90, 120, slice(0), slice(0)))
        with pytest.raises(Invalid, match="mask_size"):
            RestoreFaces(restorer="gfpgan").run(ctx, given, masked(9, 9, slice(0, 3), slice(0, 3)))
        area = patches.around(mask.values, 8, 1.0, given.pixels)
        handle = upscalers.handle_of("gfpgan", str(file), "", "")
        alone = faces.restore(ctx, handle, patches.cut(given.pixels, area))
    assert (area.width, area.height) == (46, 46)
    kept = mask.values.expand(1, 3, -1, -1) == 0
    assert torch.equal(made[kept], given.pixels[kept])
    assert torch.equal(patches.cut(made, area)[..., 8:38, 8:38], alone[..., 8:38, 8:38])
    between = (given.pixels + made) / 2
    assert (half - between).abs().max() < 1e-6


def test_without_a_mask_all_of_a_picture_is_one_face_of_its_shape(
    shelf: Shelf, tmp_path: Path
) -> None:
    with gfpgan(tmp_path) as file:
        made = RestoreFaces(restorer="gfpgan").run(shelf.context(file), picture(30, 50)).pixels
    assert made.shape == (1, 3, 30, 50)
    assert ((made >= 0) & (made <= 1)).all()


def test_upscalers_and_face_networks_are_not_taken_for_each_other(
    shelf: Shelf, tmp_path: Path
) -> None:
    other = made_in(tmp_path, compact)
    with gfpgan(tmp_path) as file:
        ctx = shelf.context(file, other)
        with pytest.raises(ModelUnreadable, match="upscaler_unfit"):
            UpscaleModel(upscaler="gfpgan").run(ctx, picture(8, 8))
        with pytest.raises(ModelUnreadable, match="upscaler_unfit"):
            RestoreFaces(restorer=other.stem).run(ctx, picture(8, 8))
