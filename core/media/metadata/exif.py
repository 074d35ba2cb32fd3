"""Texts in the EXIF of a JPEG or WebP, where programs keep how a picture was made.

The user comment holds AUTOMATIC1111's text, the maker's note our own, and ComfyUI writes
``prompt:`` and ``workflow:`` into camera model and make. Read without Pillow, whose reader of EXIF
is neither bounded nor quiet: bytes of strangers are read here in the server's own process.
"""

import struct

from PIL import Image

JPEG_ROOM = 60_000  # bytes: a segment of a JPEG ends at 64 KiB
WEBP_ROOM = 1024 * 1024
_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286
_MAKER_NOTE = 0x927C
_STRINGS = (0x010E, 0x010F, 0x0110)  # description, make, model
_SAID = ("prompt", "workflow")  # what ComfyUI's nodes put in front of their strings
_OURS = b"heliograph\0"  # the first bytes of a maker's note of ours
_UNICODE = b"UNICODE\0"  # EXIF 2.3, 4.6.5: the code of the characters that follow
_HEADER = b"Exif\0\0"
_OF_BYTES = (1, 2, 7)  # types of a field: BYTE, as Pillow writes it, ASCII, UNDEFINED


def write(exif: Image.Exif, comment: str, ours: str, room: int) -> None:
    """Put the texts into user comment and maker's note; what has no room is left out.

    :param room: bytes of both together.
    """
    fields = exif.get_ifd(_EXIF_IFD)
    coded = _UNICODE + comment.encode("utf-16-be", "replace")
    if comment and len(coded) <= room:
        fields[_USER_COMMENT] = coded
        room -= len(coded)
    note = _OURS + ours.encode()
    if ours and len(note) <= room:
        fields[_MAKER_NOTE] = note


def size(comment: str) -> int:
    """Count the bytes that a user comment takes."""
    return len(_UNICODE) + len(comment.encode("utf-16-be", "replace"))


def read(data: bytes) -> dict[str, str]:
    """Read what is there: ``parameters``, ``heliograph``, ``prompt``, ``workflow``."""
    block = _jpeg(data) if data.startswith(b"\xff\xd8") else _webp(data)
    found: dict[str, str] = {}
    if block is None:
        return found
    tiff = block.removeprefix(_HEADER)
    comment = _field(tiff, _USER_COMMENT, inner=True)
    if comment:
        found["parameters"] = _text(comment)
    note = _field(tiff, _MAKER_NOTE, inner=True)
    if note and note.startswith(_OURS):
        found["heliograph"] = note.removeprefix(_OURS).decode("utf-8", "replace")
    for tag in _STRINGS:
        text = (_field(tiff, tag) or b"").rstrip(b"\0").decode("utf-8", "replace")
        keyword, _, rest = text.partition(":")
        if keyword in _SAID:
            found.setdefault(keyword, rest)
    return {keyword: text for keyword, text in found.items() if text}


def _text(comment: bytes) -> str:
    if not comment.startswith(_UNICODE):
        return comment.removeprefix(b"ASCII\0\0\0").decode("utf-8", "replace")
    text = comment.removeprefix(_UNICODE)
    # The standard leaves the order open: words of people have their zero bytes in front.
    order = "utf-16-be" if text[::2].count(0) >= text[1::2].count(0) else "utf-16-le"
    return text.decode(order, "replace")


def _field(block: bytes, tag: int, *, inner: bool = False) -> bytes | None:
    """Find a field of a TIFF block's first directory, or of the EXIF directory inside.

    Two directories are looked at and no more, so that no block leads in a circle (TIFF 6.0,
    section 2).
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return None
    try:
        (directory,) = struct.unpack_from(f"{order}I", block, 4)
        if inner:
            found = _entry(block, order, directory, _EXIF_IFD)
            if found is None:
                return None
            (directory,) = struct.unpack_from(f"{order}I", block, found + 8)
        found = _entry(block, order, directory, tag)
        if found is None:
            return None
        kind, size, place = struct.unpack_from(f"{order}HII", block, found + 2)
    except struct.error:
        return None
    if size <= 4:
        place = found + 8
    if kind not in _OF_BYTES or size > WEBP_ROOM or place + size > len(block):
        return None
    return block[place : place + size]


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
