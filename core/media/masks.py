"""Masks of other programs in our sense: white is painted anew.

For pictures that ``decode`` made safe. Knows no request.
"""

from io import BytesIO

from PIL import Image, ImageChops


def of_alpha(png: bytes) -> bytes | None:
    """Make a mask of what is transparent; None for a picture without any transparency."""
    with Image.open(BytesIO(png), formats=["PNG"]) as opened:
        if opened.mode != "RGBA":
            return None
        mask = ImageChops.invert(opened.getchannel("A"))
    out = BytesIO()
    mask.save(out, "PNG", compress_level=1)
    return out.getvalue()
