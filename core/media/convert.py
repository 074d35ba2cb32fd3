"""A picture of ours in another format, with the text of how it was made or without it.

For pictures that we wrote; untrusted bytes go through ``decode``. Knows no routes.
"""

from io import BytesIO
from typing import Literal

from PIL import Image

from core.media import metadata

QUALITY = 92  # of JPEG and WebP
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_MAX_COMMENT = 60_000  # bytes: a JPEG segment ends at 64 KiB


def convert(png: bytes, format: Literal["jpeg", "webp"], *, keep: bool) -> bytes:
    """Encode a PNG as JPEG or WebP.

    :param keep: write the PNG's ``parameters`` text into the EXIF user comment, where other
        tools look for it; one over 60,000 bytes is left out.
    """
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        image = opened.convert("RGB") if format == "jpeg" else opened.copy()
    image.info.clear()
    text = metadata.read_text(png).get(metadata.A1111) if keep else None
    exif = image.getexif()
    comment = b"UNICODE\0" + (text or "").encode("utf-16-be")
    if text and len(comment) <= _MAX_COMMENT:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = comment
    out = BytesIO()
    image.save(out, format.upper(), quality=QUALITY, exif=exif)
    return out.getvalue()
