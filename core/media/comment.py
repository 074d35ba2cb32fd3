"""The user comment of a JPEG's or WebP's EXIF: where the field keeps how a picture was made.

Read without Pillow, whose reader of EXIF is neither bounded nor quiet: bytes of strangers are read
here in the server's own process.
"""

import struct

from PIL import Image

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_UNICODE = b"UNICODE\0"  # EXIF 2.3, 4.6.5: the code of the characters that follow
_MAX = 60_000  # bytes: a JPEG segment ends at 64 KiB
_HEADER = b"Exif\0\0"
_OF_BYTES = (1, 7)  # types of a field: BYTE, as Pillow writes it, and UNDEFINED, as it should be


def write(exif: Image.Exif, text: str) -> None:
    """Put a text into the user comment; one over 60,000 bytes is left out."""
    comment = _UNICODE + text.encode("utf-16-be", "replace")
    if text and len(comment) <= _MAX:
        exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = comment


def read(data: bytes) -> str | None:
    """Read the user comment of a JPEG or WebP; None where there is none that can be read."""
    block = _jpeg(data) if data.startswith(b"\xff\xd8") else _webp(data)
    comment = _comment(block.removeprefix(_HEADER)) if block is not None else None
    if comment is None:
        return None
    if comment.startswith(_UNICODE):
        text = comment.removeprefix(_UNICODE)
        # The standard leaves the order open: words of people have their zero bytes in front.
        order = "utf-16-be" if text[::2].count(0) >= text[1::2].count(0) else "utf-16-le"
        return text.decode(order, "replace")
    return comment.removeprefix(b"ASCII\0\0\0").decode("utf-8", "replace")


def _comment(block: bytes) -> bytes | None:
    """Follow a TIFF block to its EXIF directory and the comment in it (TIFF 6.0, section 2).

    Two directories are looked at and no more, so that no block leads in a circle.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return None
    try:
        (first,) = struct.unpack_from(f"{order}I", block, 4)
        found = _entry(block, order, first, _EXIF_IFD)
        if found is None:
            return None
        (inner,) = struct.unpack_from(f"{order}I", block, found + 8)
        found = _entry(block, order, inner, _USER_COMMENT)
        if found is None:
            return None
        kind, size, place = struct.unpack_from(f"{order}HII", block, found + 2)
    except struct.error:
        return None
    if kind not in _OF_BYTES or size > _MAX or place + size > len(block):
        return None
    start = found + 8 if size <= 4 else place
    return block[start : start + size]


def _entry(block: bytes, order: str, directory: int, tag: int) -> int | None:
    """Find where an entry of a directory stands: twelve bytes, after a count."""
    (count,) = struct.unpack_from(f"{order}H", block, directory)
    for place in range(directory + 2, directory + 2 + 12 * count, 12):
        if struct.unpack_from(f"{order}H", block, place)[0] == tag:
            return place
    return None


def _jpeg(data: bytes) -> bytes | None:
    """Find the EXIF segment: markers of two bytes, lengths that hold themselves (ITU T.81, B.1)."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != 0xDA:
        length = int.from_bytes(data[place + 2 : place + 4])
        body = data[place + 4 : place + 2 + length]
        if data[place + 1] == 0xE1 and body.startswith(_HEADER):
            return body
        place += 2 + max(length, 2)
    return None


def _webp(data: bytes) -> bytes | None:
    """Find the EXIF chunk of a RIFF file: chunks are padded to even lengths."""
    place = 12
    while data[:4] == b"RIFF" and place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"EXIF":
            body = data[place + 8 : place + 8 + length]
            return body if body.startswith(_HEADER) else _HEADER + body
        place += 8 + length + length % 2
    return None
