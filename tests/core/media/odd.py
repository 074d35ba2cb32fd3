"""Files as they lie in folders of people who want to train: each kind that others stumble over.

``FILES`` gives, by name, the bytes and the code that is right for them; ``KEPT`` is a picture that
is taken. All are made on the spot.
"""

import struct
import zlib
from io import BytesIO

from PIL import Image, ImageCms, ImageDraw

from tests.core.media.conftest import FOREIGN, PNG, chunk, encoded, frames

KEPT = "kept"
EXIF_TURNS = range(1, 9)
UPRIGHT = (60, 44)  # pixels of a turned picture once it stands


def scene(size: tuple[int, int] = UPRIGHT, seed: int = 0) -> Image.Image:
    """Draw something with a left, a right, a top and a bottom; another one for each seed."""
    wide, high = size
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, wide // 3, high // 2), fill=(200, 30 + seed * 7 % 200, 20))
    across = wide // 2 + seed * 5 % max(1, wide // 3)
    draw.ellipse((across, high // 4, across + wide // 5, high - 2), fill=(20, 40, 220 - seed % 99))
    return image


def turned(orientation: int) -> bytes:
    """Save a scene as a camera does that was held otherwise: EXIF says how to turn it back."""
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM, 5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }.get(orientation)  # fmt: skip
    image = scene()
    image = image if back is None else image.transpose(back)
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, "PNG", exif=exif)


def deep() -> bytes:
    """Make a PNG of 16 bits a channel, in colour: half red everywhere."""
    wide, high = 40, 33
    row = b"\0" + struct.pack(">HHH", 0x8080, 0x2020, 0xFFFF) * wide
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", wide, high, 16, 2, 0, 0, 0))
    return PNG + head + chunk(b"IDAT", zlib.compress(row * high)) + chunk(b"IEND", b"")


def palette() -> bytes:
    """Make a palette with one colour that is clear."""
    image = scene((48, 40)).quantize(16)
    return encoded(image, "PNG", transparency=image.getpixel((0, 0)))


def clear(level: int = 90) -> bytes:
    """Make a picture whose left half shows through."""
    image = scene((48, 40)).convert("RGBA")
    image.paste((10, 20, 30, level), (0, 0, 24, 40))
    return encoded(image)


def profile() -> bytes:
    """Make the profile of a device whose red is what others call green, and back."""
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    named = made.replace("sRGB".encode("utf-16-be"), "fox ".encode("utf-16-be"))
    return named.replace(b"rXYZ", b"?XYZ").replace(b"gXYZ", b"rXYZ").replace(b"?XYZ", b"gXYZ")


def large() -> bytes:
    """Make a picture of 40 megapixels, as cameras do."""
    out = BytesIO()
    scene((400, 250)).resize((8000, 5000)).save(out, "JPEG", quality=80)
    return out.getvalue()


FILES: dict[str, tuple[bytes, str]] = {
    "truncated.jpg": (encoded(scene((300, 200)), "JPEG")[:-900], "picture_damaged"),
    ".DS_Store": (b"\0\0\0\1Bud1\0\0\x10\0" + bytes(6000), "picture_format"),
    "Thumbs.db": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(5000), "picture_format"),
    "notes.doc": (b"a red fox", "picture_format"),
    "empty.png": (b"", "picture_format"),
    "cmyk.jpg": (encoded(scene((50, 40)).convert("CMYK"), "JPEG"), KEPT),
    "deep.png": (deep(), KEPT),
    "deep grey.png": (encoded(Image.linear_gradient("L").convert("I;16")), KEPT),
    "palette.png": (palette(), KEPT),
    "grey clear.png": (encoded(scene((70, 40), 9).convert("L").convert("LA")), KEPT),
    "clear.png": (clear(), KEPT),
    "nothing.png": (encoded(Image.new("RGBA", (40, 40))), "picture_invisible"),
    "dot.png": (encoded(Image.new("RGB", (1, 1))), "picture_too_small"),
    "thin.png": (encoded(Image.new("RGB", (400, 31))), "picture_too_small"),
    "moving.png": (frames("PNG"), "picture_animated"),
    "moving.webp": (frames("WEBP"), "picture_animated"),
    "moving.gif": (FOREIGN["gif"], "picture_format"),
    "iphone.heic": (FOREIGN["heic"], "picture_format"),
    "renamed.txt.png": (encoded(scene((64, 41), 3), "JPEG"), KEPT),
}
