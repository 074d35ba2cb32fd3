"""A picture of ours in another format, with the text of how it was made or without it.

For pictures that we wrote; untrusted bytes go through ``decode``. Knows no routes.
"""

from io import BytesIO
from typing import Literal

from PIL import Image

from core.media import comment, metadata

QUALITY = 92  # of JPEG and WebP


def convert(png: bytes, kind: Literal["jpeg", "webp"], *, keep: bool) -> bytes:
    """Encode a PNG as JPEG or WebP.

    :param keep: write the PNG's ``parameters`` text into the EXIF user comment, where other
        tools look for it; one over 60,000 bytes is left out.
    """
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        image = opened.convert("RGB") if kind == "jpeg" else opened.copy()
    image.info.clear()
    exif = image.getexif()
    if keep:
        comment.write(exif, metadata.read_text(png).get(metadata.A1111, ""))
    out = BytesIO()
    image.save(out, kind.upper(), quality=QUALITY, exif=exif)
    return out.getvalue()
