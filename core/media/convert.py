"""A picture of ours in another format, with the text of how it was made or without it.

For pictures that we wrote; untrusted bytes go through ``decode``. Knows no routes.
"""

from io import BytesIO
from typing import Literal

from PIL import Image

from core.media import metadata
from core.media.metadata import exif, ours

QUALITY = 92  # of JPEG and WebP
_HEADS = 64  # bytes in front of the texts


def convert(
    png: bytes, kind: Literal["jpeg", "webp"], *, keep: bool, quality: int = QUALITY
) -> bytes:
    """Encode a PNG as JPEG or WebP.

    :param keep: write the PNG's ``parameters`` text into the EXIF user comment, where other
        tools look for it, and our own into the maker's note. What has no room in a JPEG's
        60,000 bytes is left out: first our graph, then our text, last theirs.
    :param quality: 1 … 100, of the lossy coding.
    """
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        image = opened.convert("RGB") if kind == "jpeg" else opened.copy()
    image.info.clear()
    block = image.getexif()
    if keep:
        found = metadata.read_text(png)
        room = exif.JPEG_ROOM if kind == "jpeg" else exif.WEBP_ROOM
        comment = found.get(metadata.A1111, "")
        made = metadata.read_ours(found)
        taken = exif.size(comment)
        left = room - (taken if taken <= room else 0) - _HEADS
        exif.write(block, comment, ours.write(made, left) if made else "", room)
    out = BytesIO()
    image.save(out, kind.upper(), quality=quality, exif=block)
    return out.getvalue()
