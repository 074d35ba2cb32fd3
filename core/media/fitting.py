"""A picture brought to a size: stretched, cut off, or with its border filled.

For pictures that ``decode`` made safe. Knows no request.
"""

from io import BytesIO
from typing import Literal

from PIL import Image, ImageOps

Fit = Literal["stretch", "crop", "fill"]


def fit(png: bytes, width: int, height: int, how: Fit) -> bytes:
    """Bring a picture to a size, in pixels; one that has it comes back as it is.

    ``crop`` fills the size and cuts off what is over; ``fill`` lies in it, and the room beside it
    goes on in the colours of the border.
    """
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        if opened.size == (width, height):
            return png
        image = opened.copy()
    if how == "stretch":
        made = image.resize((width, height), Image.Resampling.LANCZOS)
    elif how == "crop":
        made = ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    else:
        made = _filled(image, width, height)
    out = BytesIO()
    made.save(out, "PNG", compress_level=1)
    return out.getvalue()


def _filled(image: Image.Image, width: int, height: int) -> Image.Image:
    inner = ImageOps.contain(image, (width, height), Image.Resampling.LANCZOS)
    left, top = (width - inner.width) // 2, (height - inner.height) // 2
    ground = inner.resize((width, height), box=(0, 0, inner.width, inner.height))
    edges = (
        ((0, 0, 1, inner.height), (0, top, left, top + inner.height)),
        ((inner.width - 1, 0, inner.width, inner.height),
         (left + inner.width, top, width, top + inner.height)),
        ((0, 0, inner.width, 1), (left, 0, left + inner.width, top)),
        ((0, inner.height - 1, inner.width, inner.height),
         (left, top + inner.height, left + inner.width, height)),
    )  # fmt: skip
    for source, (x0, y0, x1, y1) in edges:
        if x1 > x0 and y1 > y0:
            ground.paste(inner.crop(source).resize((x1 - x0, y1 - y0)), (x0, y0))
    ground.paste(inner, (left, top))
    return ground
