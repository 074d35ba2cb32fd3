"""Pictures without Pillow for the fake engine: a gradient as PNG, one colour as WebP.

Both are real files that any reader opens. Deterministic: the same recipe gives the same bytes.
"""

import struct
import zlib
from hashlib import blake2b

Colour = tuple[int, int, int]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"


def colours(*recipe: object) -> tuple[Colour, Colour]:
    """Draw two colours from a recipe: seed, prompt, whatever makes the picture."""
    digest = blake2b(repr(recipe).encode(), digest_size=6).digest()
    return (digest[0], digest[1], digest[2]), (digest[3], digest[4], digest[5])


def png(width: int, height: int, left: Colour, right: Colour, texts: dict[str, str]) -> bytes:
    """Encode a gradient from left to right that brightens downwards, with text chunks.

    :param texts: keyword (Latin-1, at most 79 bytes) → text, as ``iTXt``.
    """
    last = max(width - 1, 1)
    pairs = list(zip(left, right, strict=True))
    row = bytes((a * (last - x) + b * x) // last // 2 for x in range(width) for a, b in pairs)
    same, brighter = b"\x02" + bytes(len(row)), b"\x02" + b"\x01" * len(row)  # filter: Up
    each = max(height // 128, 1)  # rows of one brightness; at most 127 + 127
    rows = [brighter if y % each == 0 and y // each < 128 else same for y in range(1, height)]
    data = zlib.compress(b"\x00" + row + b"".join(rows), 1)
    chunks = [_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    for keyword, text in texts.items():
        head = keyword.encode("latin-1") + b"\x00\x00\x00\x00\x00"
        chunks.append(_chunk(b"iTXt", head + text.encode()))
    return b"".join([_SIGNATURE, *chunks, _chunk(b"IDAT", data), _chunk(b"IEND", b"")])


def webp(width: int, height: int, colour: Colour) -> bytes:
    """Encode one colour as lossless WebP (VP8L): five prefix codes of one symbol, no pixel data."""
    red, green, blue = colour
    bits = place = 0
    fields = [(width - 1, 14), (height - 1, 14), (0, 1), (0, 3), (0, 1), (0, 1), (0, 1)]
    for symbol in (green, red, blue, 255, 0):  # a simple code: one symbol of eight bits
        fields += [(1, 1), (0, 1), (1, 1), (symbol, 8)]
    for value, width_in_bits in fields:
        bits |= value << place
        place += width_in_bits
    payload = b"\x2f" + bits.to_bytes((place + 7) // 8, "little")
    chunk = b"VP8L" + struct.pack("<I", len(payload)) + payload + b"\x00" * (len(payload) % 2)
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def png_size(data: bytes) -> tuple[int, int]:
    """Read width and height of a PNG from its first 24 bytes.

    :raises ValueError: for anything else.
    """
    if len(data) < 24 or not data.startswith(_SIGNATURE) or data[12:16] != b"IHDR":
        raise ValueError("not a PNG")
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _chunk(name: bytes, data: bytes) -> bytes:
    crc = zlib.crc32(data, zlib.crc32(name))
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", crc)
