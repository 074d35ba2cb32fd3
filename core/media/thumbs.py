"""Thumbnails: small WebP copies for the gallery. Knows no files."""

from io import BytesIO

from PIL import Image

SIDE = 256  # pixels
_QUALITY = 80


def thumbnail(image: Image.Image, side: int = SIDE) -> bytes:
    """Encode a copy as WebP, its longest side at most ``side`` pixels; never enlarged.

    The given image stays as it is.
    """
    small = image if image.mode in ("RGB", "RGBA") else image.convert(_mode(image))
    if max(small.size) > side:
        scale = side / max(small.size)
        size = (max(1, round(small.width * scale)), max(1, round(small.height * scale)))
        small = small.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)
    out = BytesIO()
    small.save(out, "WEBP", quality=_QUALITY, method=4, icc_profile=b"", exif=b"")
    return out.getvalue()


def _mode(image: Image.Image) -> str:
    return "RGBA" if image.has_transparency_data else "RGB"
