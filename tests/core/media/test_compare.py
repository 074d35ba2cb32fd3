"""How far two pictures are from each other, whatever their texts say."""

from io import BytesIO

import pytest
from PIL import Image

from core.errors import RequestError
from core.media import metadata
from core.media.compare import greatest_difference

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(60)]


def picture(
    size: tuple[int, int] = (4, 4), shade: int = 0, mode: str = "RGB", text: str = ""
) -> bytes:
    out = BytesIO()
    drawn = Image.new(mode, size, (shade, 0, 0))
    drawn.save(out, "PNG", pnginfo=metadata.png_text({"parameters": text}))
    return out.getvalue()


async def test_pixels_are_compared_and_texts_are_not() -> None:
    assert await greatest_difference(picture(text="x"), picture(text="y")) == 0
    assert await greatest_difference(picture(shade=9), picture(shade=2)) == 7
    assert await greatest_difference(picture(), picture((4, 5))) is None


async def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(RequestError):
        await greatest_difference(picture(), b"GIF89a")
