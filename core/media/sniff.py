"""What bytes claim to be: PNG, JPEG or WebP, and how large, from the header alone.

No pixel is touched and no library asked. Knows nothing of decoding.
"""

import struct
import zlib
from collections.abc import Iterator
from typing import Literal

from msgspec import Struct

from core.errors import Malformed, TooLarge, UnsupportedType

Format = Literal["png", "jpeg", "webp"]

MAX_BYTES = 32 * 1024 * 1024
MAX_SIDE = 16_384  # pixels
MAX_PIXELS = 8192 * 8192

PNG = b"\x89PNG\r\n\x1a\n"
_SOF = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG markers that carry the size
_ALONE = frozenset({0x01, *range(0xD0, 0xD8)})  # JPEG markers without a length


class Claim(Struct, frozen=True, kw_only=True):
    """What a header says."""

    format: Format
    width: int  # pixels, before any turn
    height: int


class Chunk(Struct, frozen=True):
    """One chunk of a PNG."""

    kind: bytes
    start: int  # of the data, in the file
    length: int  # of the data
    sound: bool  # the CRC fits


def sniff(data: bytes) -> Claim:
    """Read format and size from the first bytes; the content type sent along is not asked.

    :raises UnsupportedType: ``image_format`` for anything but PNG, JPEG and WebP.
    :raises TooLarge: ``image_too_large`` for more than 32 MiB, 64 Mi pixels or a side of 16,384.
    :raises Malformed: ``image_corrupt`` for a header that is cut off or senseless.
    """
    if len(data) > MAX_BYTES:
        raise TooLarge("image_too_large", bytes=len(data), limit=MAX_BYTES)
    try:
        format_, (width, height) = _read(data)
    except (struct.error, IndexError) as error:
        raise Malformed("image_corrupt", reason="header") from error
    if width < 1 or height < 1:
        raise Malformed("image_corrupt", reason="size")
    if width > MAX_SIDE or height > MAX_SIDE or width * height > MAX_PIXELS:
        raise TooLarge(
            "image_too_large", width=width, height=height, side=MAX_SIDE, pixels=MAX_PIXELS
        )
    return Claim(format=format_, width=width, height=height)


def png_chunks(data: bytes) -> Iterator[Chunk]:
    """Walk the chunks of a PNG up to IEND; what follows it is never looked at.

    :raises Malformed: ``image_corrupt`` when the file ends before IEND does.
    """
    place = len(PNG)
    while place + 12 <= len(data):
        (length,) = struct.unpack_from(">I", data, place)
        kind = data[place + 4 : place + 8]
        end = place + 8 + length
        if end + 4 > len(data):
            break
        (crc,) = struct.unpack_from(">I", data, end)
        sound = crc == zlib.crc32(memoryview(data)[place + 4 : end])
        yield Chunk(kind, place + 8, length, sound)
        if kind == b"IEND":
            return
        place = end + 4
    raise Malformed("image_corrupt", reason="truncated")


def _read(data: bytes) -> tuple[Format, tuple[int, int]]:
    if data.startswith(PNG):
        length, kind, width, height = struct.unpack_from(">I4sII", data, 8)
        if kind != b"IHDR" or length != 13:
            raise Malformed("image_corrupt", reason="header")
        return "png", (width, height)
    if data.startswith(b"\xff\xd8\xff"):
        return "jpeg", _jpeg(data)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp", _webp(data)
    raise UnsupportedType("image_format")


def _jpeg(data: bytes) -> tuple[int, int]:
    place = 2
    while True:
        if data[place] != 0xFF:
            raise Malformed("image_corrupt", reason="header")
        while data[place] == 0xFF:  # fill bytes
            place += 1
        marker = data[place]
        if marker in _SOF:
            height, width = struct.unpack_from(">HH", data, place + 4)
            return width, height
        if marker in (0xD9, 0xDA):  # the end, or pixels, before any size
            raise Malformed("image_corrupt", reason="header")
        place += 1
        if marker not in _ALONE:
            (length,) = struct.unpack_from(">H", data, place)
            place += max(2, length)


def _webp(data: bytes) -> tuple[int, int]:
    """Read the first chunk of the three kinds of WebP (RFC 9649 §2.5 - §2.7)."""
    kind, body = data[12:16], data[20:30]
    if kind == b"VP8X":
        wide, high = int.from_bytes(body[4:7], "little"), int.from_bytes(body[7:10], "little")
        if len(body) < 10:
            raise Malformed("image_corrupt", reason="header")
        return wide + 1, high + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", body, 1)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        wide, high = struct.unpack_from("<HH", body, 6)
        return wide & 0x3FFF, high & 0x3FFF
    raise Malformed("image_corrupt", reason="header")
