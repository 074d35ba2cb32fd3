"""The fake engine's files are real ones."""

import io

import pytest
from PIL import Image

from core.jobs import fake_picture


@pytest.mark.parametrize("size", [(1, 1), (64, 64), (300, 257), (8, 512)])
def test_a_gradient_opens_with_its_size_and_its_texts(size: tuple[int, int]) -> None:
    colours = fake_picture.colours(1, "fox")
    data = fake_picture.png(*size, *colours, {"parameters": "ü", "heliograph": "{}"})
    with Image.open(io.BytesIO(data)) as picture:
        picture.load()
        assert (picture.size, picture.mode) == (size, "RGB")
        assert picture.text == {"parameters": "ü", "heliograph": "{}"}
        assert picture.getpixel((0, 0)) == tuple(value // 2 for value in colours[0])
    assert fake_picture.png_size(data) == size


@pytest.mark.parametrize("size", [(1, 1), (255, 13), (256, 256)])
def test_a_thumbnail_is_one_colour(size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(fake_picture.webp(*size, (1, 200, 7)))) as picture:
        picture.load()
        assert picture.size == size
        assert picture.convert("RGB").getcolors() == [(size[0] * size[1], (1, 200, 7))]


def test_another_seed_gives_another_picture_and_the_same_seed_the_same() -> None:
    assert fake_picture.colours(1, "fox") == fake_picture.colours(1, "fox")
    assert fake_picture.colours(1, "fox") != fake_picture.colours(2, "fox")


@pytest.mark.parametrize("data", [b"", b"\x89PNG", b"GIF89a" + b"\0" * 40])
def test_anything_but_a_png_has_no_size(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a PNG"):
        fake_picture.png_size(data)
