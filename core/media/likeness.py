"""A number for how a picture looks, so that two that look alike have nearly the same.

The difference hash: grey, 9 × 8 pixels, one bit for each pixel that is brighter than the one to
its right. Scaling and encoding anew change few bits of it. Knows no files.
"""

from PIL import Image

_FLAT = 8  # levels: pictures with less contrast have no likeness


def of(image: Image.Image) -> int | None:
    """Give the 64 bits as a signed number; null for a picture that is all of one colour."""
    shown = image
    if image.mode == "RGBA":
        shown = Image.new("RGBA", image.size, "white")
        shown.alpha_composite(image)
    grey = shown.convert("L").resize((9, 8), Image.Resampling.BOX)
    low, high = grey.getextrema()
    if high - low < _FLAT:  # type: ignore[operator]  # one band: two numbers
        return None
    levels = grey.tobytes()
    bits = 0
    for row in range(8):
        for column in range(8):
            at = row * 9 + column
            bits = bits << 1 | (levels[at] > levels[at + 1])
    return bits - (1 << 64) if bits >> 63 else bits
