"""Thumbnails: small, in shape, and never larger than the picture."""

from io import BytesIO

import pytest
from PIL import Image

from core.media.thumbs import SIDE, thumbnail


def opened(data: bytes) -> Image.Image:
    return Image.open(BytesIO(data), formats=["WEBP"])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((512, 512), (256, 256)),
        ((1024, 512), (256, 128)),
        ((100, 3000), (9, 256)),
        ((16_000, 1), (256, 1)),
        ((64, 32), (64, 32)),
        ((1, 1), (1, 1)),
    ],
)
def test_the_shape_is_kept_and_nothing_is_enlarged(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert opened(thumbnail(Image.new("RGB", size))).size == expected


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK"])
def test_every_mode_is_taken(mode: str) -> None:
    assert opened(thumbnail(Image.new(mode, (300, 300)))).size == (SIDE, SIDE)


def test_transparency_is_kept() -> None:
    image = opened(thumbnail(Image.new("RGBA", (300, 300), (255, 0, 0, 0))))
    assert image.mode == "RGBA"
    assert image.getpixel((9, 9))[3] == 0  # type: ignore[index]


def test_the_picture_itself_stays_as_it_is() -> None:
    image = Image.new("RGB", (600, 600), "red")
    thumbnail(image)
    assert image.size == (600, 600)


def test_another_side_may_be_asked_for() -> None:
    assert opened(thumbnail(Image.new("RGB", (600, 300)), side=64)).size == (64, 32)
