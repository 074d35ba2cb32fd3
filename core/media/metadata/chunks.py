"""Texts in a PNG: chunks of three kinds. Reads without Pillow, within bounds."""

import zlib
from collections.abc import Mapping

from PIL.PngImagePlugin import PngInfo

from core.errors import Malformed
from core.media import sniff

MAX_CHUNK = 1024 * 1024  # bytes of one text, unpacked
MAX_TOTAL = 8 * 1024 * 1024  # bytes of all texts
_TEXT_KINDS = frozenset({b"tEXt", b"zTXt", b"iTXt"})


def png_text(pairs: Mapping[str, str]) -> PngInfo:
    """Make the text chunks that Pillow writes into a PNG: ``image.save(…, pnginfo=…)``.

    :raises ValueError: for a keyword that is not 1 - 79 Latin-1 characters.
    """
    info = PngInfo()
    for keyword, text in pairs.items():
        if not 1 <= len(keyword.encode("latin-1")) <= 79:
            raise ValueError(f"bad keyword: {keyword!r}")
        info.add_text(keyword, text)
    return info


def read(data: bytes) -> dict[str, str]:
    """Read the text chunks of a PNG: keyword → text.

    A text over 1 MiB, or past 8 MiB in all, is left out, as is one that does not unpack. The
    first of a keyword wins.
    """
    found: dict[str, str] = {}
    total = 0
    try:
        for chunk in sniff.png_chunks(data):
            if chunk.kind not in _TEXT_KINDS or not chunk.sound:
                continue
            pair = _unpack(chunk.kind, data[chunk.start : chunk.start + chunk.length])
            if pair is None or pair[0] in found:
                continue
            total += len(pair[1].encode())
            if total > MAX_TOTAL:
                break
            found[pair[0]] = pair[1]
    except Malformed:  # cut off: what stood before the cut is good
        pass
    return found


def strip(data: bytes) -> bytes:
    """Return a PNG without its text chunks and without anything after its end.

    :raises Malformed: ``image_corrupt`` for a PNG that is cut off.
    """
    kept = [
        data[chunk.start - 8 : chunk.start + chunk.length + 4]
        for chunk in sniff.png_chunks(data)
        if chunk.kind not in _TEXT_KINDS
    ]
    return sniff.PNG + b"".join(kept)


def _unpack(kind: bytes, body: bytes) -> tuple[str, str] | None:
    """Take a text chunk apart (PNG 3rd edition, §11.3.3); None where it is broken or too large."""
    keyword, _, rest = body.partition(b"\0")
    packed, charset = kind == b"zTXt", "latin-1"
    if kind == b"zTXt":
        rest = rest[1:]
    elif kind == b"iTXt":
        if len(rest) < 2:
            return None
        packed, charset = rest[0] == 1, "utf-8"
        _, _, after_language = rest[2:].partition(b"\0")
        _, _, rest = after_language.partition(b"\0")
    try:
        if packed:
            unpacker = zlib.decompressobj()
            rest = unpacker.decompress(rest, MAX_CHUNK + 1)
        if len(rest) > MAX_CHUNK:
            return None
        return keyword.decode("latin-1"), rest.decode(charset)
    except (zlib.error, UnicodeDecodeError):
        return None
