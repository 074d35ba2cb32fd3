"""The nodes that load and shape masks."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow

from core.engine.nodes.mask import (
    MaskBlur,
    MaskCombine,
    MaskGrow,
    MaskInvert,
    MaskLoad,
    MaskResize,
)
from core.engine.values import Mask
from core.errors import Invalid, Malformed
from tests.engine.nodes.test_image_nodes import context


def halves() -> Mask:
    values = torch.zeros(1, 1, 8, 8)
    values[..., 4:] = 1
    return Mask(values=values)


def test_white_of_a_loaded_mask_is_painted_anew(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (8, 4), (0, 0, 0))
    picture.paste((255, 255, 255), (4, 0, 8, 4))
    picture.save(tmp_path / "m.png")
    values = MaskLoad(image="M").run(context(M=tmp_path / "m.png")).values
    assert (values.shape, values.dtype) == ((1, 1, 4, 8), torch.float32)
    assert values[0, 0, 0].tolist() == [0] * 4 + [1] * 4
    turned = MaskLoad(image="M", invert=True).run(context(M=tmp_path / "m.png")).values
    assert torch.equal(turned, 1 - values)


def test_what_is_transparent_is_painted_anew_or_black(tmp_path: Path) -> None:
    picture = Pillow.new("RGBA", (2, 1), (255, 255, 255, 255))
    picture.putpixel((0, 0), (255, 255, 255, 0))
    picture.save(tmp_path / "m.png")
    found = context(M=tmp_path / "m.png")
    assert MaskLoad(image="M", channel="alpha").run(found).values.flatten().tolist() == [1, 0]
    assert MaskLoad(image="M").run(found).values.flatten().tolist() == [0, 1]
    Pillow.new("L", (2, 1), 7).save(tmp_path / "m.png")
    assert not MaskLoad(image="M", channel="alpha").run(found).values.any()


def test_a_mask_that_is_no_picture_is_told(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    with pytest.raises(Malformed, match="image_unreadable"):
        MaskLoad(image="M").run(context(M=tmp_path / "m.png"))


def test_masks_are_grown_feathered_turned_and_resized() -> None:
    found = context()
    assert MaskGrow(pixels=1).run(found, halves()).values[0, 0, 0].tolist() == [0] * 3 + [1] * 5
    assert MaskGrow(pixels=-1).run(found, halves()).values[0, 0, 0].tolist() == [0] * 5 + [1] * 3
    assert MaskInvert().run(found, halves()).values[0, 0, 0].tolist() == [1] * 4 + [0] * 4
    edge = MaskBlur(radius=1).run(found, halves()).values[0, 0, 0]
    assert edge[0] == 0
    assert 0 < edge[3] < 0.5 < edge[4] < 1
    assert MaskResize(width=16, height=24).run(found, halves()).values.shape == (1, 1, 24, 16)


@pytest.mark.parametrize(
    ("mode", "expected"), [("union", 48), ("intersection", 16), ("difference", 16)]
)
def test_two_masks_become_one(mode: Any, expected: int) -> None:
    below = Mask(values=halves().values.mT.repeat(2, 1, 1, 1))
    joined = MaskCombine(mode=mode).run(context(), halves(), below)
    assert joined.values.shape == (2, 1, 8, 8)
    assert joined.values[0].sum() == expected


def test_masks_of_different_sizes_are_not_joined() -> None:
    with pytest.raises(Invalid, match="mask_size"):
        MaskCombine().run(context(), halves(), Mask(values=torch.zeros(1, 1, 4, 8)))
