"""Stored pictures in another format, with or without how they were made, and reading that.

Pillow and the metadata readers are imported when first asked: both functions run in a thread.
"""

from typing import Any, Literal

import msgspec


def convert(data: bytes, format_: Literal["png", "jpeg", "webp"], keep: bool) -> bytes:
    """Encode a stored PNG in a format, with or without its metadata."""
    from core.media import metadata
    from core.media.convert import convert as encode

    if format_ == "png":
        return data if keep else metadata.strip(data)
    return encode(data, format_, keep=keep)


def inspect(data: bytes) -> dict[str, Any]:
    """Read what a picture's metadata says of how it was made: ours, and AUTOMATIC1111's text."""
    from core.media import metadata, sniff

    claim = sniff.sniff(data)
    texts = metadata.read_text(data)
    ours = metadata.read_ours(texts)
    parameters = texts.get(metadata.A1111)
    return {
        "format": claim.format,
        "width": claim.width,
        "height": claim.height,
        "heliograph": msgspec.to_builtins(ours),
        "a1111": msgspec.to_builtins(metadata.read_a1111(parameters)) if parameters else None,
        "keywords": sorted(texts),
    }
