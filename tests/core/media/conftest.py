"""Pictures made on the spot, whole and broken."""

import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, data: bytes, crc: int | None = None) -> bytes:
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def header(width: int, height: int, depth: int = 8, color: int = 2) -> bytes:
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, 0))


def picture(mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> Image.Image:
    noise = random.Random(1).randbytes(size[0] * size[1] * 3)
    return Image.frombytes("RGB", size, noise).convert(mode)


def encoded(image: Image.Image, format_: str = "PNG", **options: Any) -> bytes:
    out = BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def frames(format_: str) -> bytes:
    more = [Image.new("RGB", (24, 16), color) for color in ("red", "green")]
    return encoded(picture(), format_, save_all=True, append_images=more)


def _whole() -> dict[str, bytes]:
    made = {f"png {mode}": encoded(picture(mode)) for mode in ("1", "L", "LA", "P", "RGB", "RGBA")}
    made |= {f"jpeg {mode}": encoded(picture(mode), "JPEG") for mode in ("L", "RGB", "CMYK")}
    made |= {
        "png 16-bit grey": encoded(Image.new("I;16", (24, 16), 0x8000)),
        "png 16-bit colour": PNG + header(2, 1, 16) + chunk(
            b"IDAT", zlib.compress(b"\0" + b"\xff\xff\x80\x00\x00\x00" * 2)
        ) + chunk(b"IEND", b""),
        "png interlaced flag off, palette see-through": encoded(picture("P"), transparency=0),
        "png grey see-through": encoded(picture("L"), transparency=picture("L").getpixel((0, 0))),
        "png one pixel": encoded(picture(size=(1, 1))),
        "png animated": frames("PNG"),
        "png with a tail": encoded(picture()) + b"PK\x03\x04<script>alert(1)</script>",
        "png with a colour profile": encoded(picture(), icc_profile=b"x" * 5000),
        "png with a row too few": PNG + header(24, 17) + chunk(
            b"IDAT", zlib.compress(b"\0" * (24 * 3 + 1) * 16)
        ) + chunk(b"IEND", b""),  # the row is black, as browsers show it
        "jpeg progressive": encoded(picture(), "JPEG", progressive=True),
        "jpeg with a colour profile": encoded(picture(), "JPEG", icc_profile=b"x" * 100_000),
        "jpeg with a tail": encoded(picture(), "JPEG") + b"%PDF-1.7",
        "jpeg with broken exif": encoded(picture(), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff"),
        "webp lossy": encoded(picture(), "WEBP"),
        "webp lossless": encoded(picture("RGBA"), "WEBP", lossless=True),
        "webp see-through": encoded(Image.new("RGBA", (24, 16), (1, 2, 3, 4)), "WEBP"),
        "webp animated": frames("WEBP"),
        "webp with exif": encoded(picture(), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"),
    }  # fmt: skip
    return made


WHOLE = _whole()


def _broken() -> dict[str, bytes]:
    png, jpeg = encoded(picture()), encoded(picture(), "JPEG")
    webp, lossless = encoded(picture(), "WEBP"), encoded(picture(), "WEBP", lossless=True)
    body = chunk(b"IDAT", zlib.compress(b"\0" * (24 * 3 + 1) * 16))
    end = chunk(b"IEND", b"")
    made = {"empty": b"", "png signature only": PNG, "jpeg start only": b"\xff\xd8\xff"}
    for name, data in (("png", png), ("jpeg", jpeg), ("webp", webp), ("webp lossless", lossless)):
        for share in (0.02, 0.1, 0.3, 0.5, 0.8, 0.95):
            made[f"{name} cut at {share:.0%}"] = data[: int(len(data) * share)]
    for cut in (1, 4, 12, 13, 20):
        made[f"png without its last {cut}"] = png[:-cut]
    for place, what in ((29, "header"), (-16, "pixels"), (-1, "end")):
        flipped = bytearray(png)
        flipped[place] ^= 0xFF
        made[f"png with a wrong checksum of its {what}"] = bytes(flipped)
    for width, height in ((0, 16), (24, 0), (0, 0)):
        made[f"png of {width}x{height}"] = PNG + header(width, height) + body + end
    made |= {
        "png without pixels": PNG + header(24, 16) + end,
        "png with broken pixels": PNG + header(24, 16) + chunk(b"IDAT", b"\x78\x9c" * 9) + end,
        "png with a header of 12": PNG + chunk(b"IHDR", b"x" * 12) + body + end,
        "png without a header": PNG + body + end,
        "png with a second header": PNG + header(24, 16) + header(9, 9) + body + end,
        "png of an odd depth": PNG + header(24, 16, 3) + body + end,
        "png of an odd colour type": PNG + header(24, 16, 8, 5) + body + end,
        "png palette without a palette": PNG + header(24, 16, 8, 3) + body + end,
        "png with a filter of 9": PNG + header(1, 1) + chunk(
            b"IDAT", zlib.compress(b"\x09\0\0\0")
        ) + end,
        "png with a huge chunk": PNG + header(24, 16) + b"\xff\xff\xff\xffIDAT" + b"x" * 99,
        "jpeg of 0x0": jpeg.replace(b"\x00\x10\x00\x18", b"\0\0\0\0", 1),
        "jpeg end at once": b"\xff\xd8\xff\xd9" + b"x" * 40,
        "jpeg pixels before a size": b"\xff\xd8\xff\xda\x00\x0c" + b"x" * 40,
        "jpeg fill bytes for ever": b"\xff\xd8" + b"\xff" * 5000,
        "jpeg with an odd marker": b"\xff\xd8\xff\xe0\x00\x02zz" + b"x" * 40,
        "webp without a body": b"RIFF\x04\0\0\0WEBP",
        "webp of an unknown kind": b"RIFF\x20\0\0\0WEBPVP9 " + b"\0" * 40,
        "webp of noise": b"RIFF\x40\0\0\0WEBPVP8 \x34\0\0\0" + bytes(range(60)),
        "webp cut in its long header": b"RIFF\x20\0\0\0WEBPVP8X\x0a\0\0\0\0\0",
        "webp lossless of noise": b"RIFF\x40\0\0\0WEBPVP8L\x34\0\0\0\x2f" + bytes(range(60)),
    }  # fmt: skip
    return made


BROKEN = _broken()

FOREIGN = {
    "gif": b"GIF89a" + b"\0" * 40,
    "bmp": b"BM" + b"\0" * 60,
    "tiff little": b"II*\0" + b"\0" * 40,
    "tiff big": b"MM\0*" + b"\0" * 40,
    "psd": b"8BPS\0\1" + b"\0" * 40,
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n",
    "pdf": b"%PDF-1.7\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "html": b"<!doctype html><script>alert(1)</script>",
    "avif": b"\0\0\0\x20ftypavif" + b"\0" * 40,
    "heic": b"\0\0\0\x20ftypheic" + b"\0" * 40,
    "jpeg 2000": b"\0\0\0\x0cjP  \r\n\x87\n" + b"\0" * 40,
    "ico": b"\0\0\1\0\1\0" + b"\0" * 40,
    "zip": b"PK\x03\x04" + b"\0" * 40,
    "text": b"a red fox",
    "riff that is a sound": b"RIFF\x20\0\0\0WAVEfmt " + b"\0" * 40,
}


@pytest.fixture
def whole() -> dict[str, bytes]:
    return WHOLE


@pytest.fixture
def make_png() -> Callable[..., bytes]:
    """Write a PNG chunk by chunk: the header's fields, then (kind, data) pairs."""

    def make(width: int, height: int, *chunks: tuple[bytes, bytes], color: int = 2) -> bytes:
        parts = [chunk(kind, data) for kind, data in chunks]
        return PNG + header(width, height, color=color) + b"".join(parts) + chunk(b"IEND", b"")

    return make


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    for name, corpus in (("whole_file", WHOLE), ("broken_file", BROKEN), ("foreign_file", FOREIGN)):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, corpus.values(), ids=corpus.keys())
