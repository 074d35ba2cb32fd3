"""The nodes that load, resize and join."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image as Pillow

from core.engine.context import Context, Job
from core.engine.nodes.image import ImageLoad, ImageResize
from core.engine.nodes.number import NumberAdd, NumberValue
from core.engine.nodes.text import TextJoin
from core.engine.values import Image
from core.errors import Malformed, NotFound
from core.graph.catalogue import Resource


def context(**paths: Path) -> Context:
    resources = {
        name: Resource(id=name, kind="image", path=str(path), identity=name)
        for name, path in paths.items()
    }
    nowhere: Any = None  # these nodes ask nothing of an engine
    return Context(nowhere, Job("J", resources=resources), "node")


def test_a_picture_is_loaded_as_its_exif_turns_it(tmp_path: Path) -> None:
    picture = Pillow.new("RGB", (20, 10), (0, 0, 255))
    exif = Pillow.Exif()
    exif[0x0112] = 6  # turned by a quarter
    picture.save(tmp_path / "a.png", exif=exif)
    pixels = ImageLoad(image="A").run(context(A=tmp_path / "a.png")).pixels
    assert (pixels.shape, pixels.dtype) == ((1, 3, 20, 10), torch.float32)
    assert pixels[0, :, 0, 0].tolist() == [0, 0, 1]


def test_grey_and_transparent_pictures_become_rgb(tmp_path: Path) -> None:
    Pillow.new("LA", (4, 4), (255, 128)).save(tmp_path / "a.png")
    pixels = ImageLoad(image="A").run(context(A=tmp_path / "a.png")).pixels
    assert torch.equal(pixels, torch.ones(1, 3, 4, 4))


def test_what_is_no_picture_or_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n junk")
    with pytest.raises(Malformed, match="image_unreadable"):
        ImageLoad(image="A").run(context(A=tmp_path / "a.png"))
    with pytest.raises(Malformed, match="image_unreadable"):
        ImageLoad(image="B").run(context(B=tmp_path / "none.png"))
    with pytest.raises(NotFound, match="unknown_resource"):
        ImageLoad(image="C").run(context())


@pytest.mark.parametrize(
    ("mode", "size"), [("fit", (8, 16)), ("crop", (16, 16)), ("stretch", (16, 16))]
)
def test_each_picture_of_a_batch_is_resized(mode: Any, size: tuple[int, int]) -> None:
    batch = Image(pixels=torch.rand(2, 3, 20, 40))
    resized = ImageResize(width=16, height=16, mode=mode).run(context(), batch)
    assert resized.pixels.shape == (2, 3, *size)


def test_a_crop_keeps_the_middle() -> None:
    pixels = torch.zeros(1, 3, 8, 24)
    pixels[..., 8:16] = 1
    node = ImageResize(width=8, height=8, resample="nearest")
    assert torch.equal(node.run(context(), Image(pixels=pixels)).pixels, torch.ones(1, 3, 8, 8))


def test_numbers_and_texts_are_joined() -> None:
    assert NumberAdd().run(context(), NumberValue(value=2).run(context()), 0.5) == 2.5
    assert TextJoin().run(context(), "a", "b") == "a, b"
    assert TextJoin(separator="").run(context(), "a", "b") == "ab"
