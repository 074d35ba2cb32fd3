"""How far two pictures are from each other. Knows nothing of how they were made."""

from io import BytesIO

from PIL import Image, ImageChops

from core.media.decode import decode


async def greatest_difference(one: bytes, other: bytes) -> int | None:
    """Give the greatest difference of a channel, 0 … 255; None for pictures of two sizes.

    Both are decoded in the worker, as bytes of strangers are.

    :raises RequestError: as ``decode`` does.
    """
    first, second = await decode(one), await decode(other)
    if first.sha256 == second.sha256:
        return 0
    if (first.width, first.height) != (second.width, second.height):
        return None
    with Image.open(BytesIO(first.data)) as a, Image.open(BytesIO(second.data)) as b:
        bands = ImageChops.difference(a.convert("RGBA"), b.convert("RGBA")).getextrema()
    return max(int(most) for _, most in bands)  # type: ignore[misc]  # four bands: four pairs
