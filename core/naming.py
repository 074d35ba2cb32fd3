"""Names of files that people download: a pattern filled in, and safe on every system.

Knows the names of what a pattern may hold, and nothing of pictures. A name is one part of a path,
never a path.
"""

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import Annotated

from msgspec import Meta

PLACEHOLDERS = (
    "id", "index", "date", "time", "created", "kind", "prompt", "negative_prompt", "model", "seed",
    "steps", "sampler", "guidance_scale", "width", "height", "batch", "job",
)  # fmt: skip
MAX_BYTES = 200  # of a name in UTF-8: file systems hold 255, and a browser may append to it
_MAX_VALUE = 96  # bytes of one value, so that a long prompt leaves room for the seed behind it

Pattern = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=200,
        pattern=rf"^(?:[^{{}}]|\{{(?:{'|'.join(PLACEHOLDERS)})\}})*$",
        description=f"Name of a file, with {', '.join(f'{{{name}}}' for name in PLACEHOLDERS)}.",
    ),
]

_HOLE = re.compile(r"\{(\w+)\}")
_UNSAFE = re.compile(r'[/\\:*?"<>|]+')
_NO_ENDS = " .-"  # hidden files and options begin with some, Windows drops others from the end
# Windows opens the device whatever stands behind the first dot (its "Naming Files" page).
_DEVICE = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])\s*(?:\.|$)", re.I)


def holes(pattern: str) -> set[str]:
    """Name what a pattern asks for."""
    return set(_HOLE.findall(pattern))


def fill(pattern: str, values: Mapping[str, str | int | float | None]) -> str:
    """Put values into a pattern; what is missing is left out, and nothing is filled twice."""
    return _HOLE.sub(lambda match: _cut(_plain(values.get(match[1])), _MAX_VALUE), pattern)


def safe(name: str, otherwise: str, limit: int = MAX_BYTES) -> str:
    """Make one part of a path of any text, the same on Linux, macOS and Windows.

    No separator, no control or direction character, no device of Windows, no dot, space or dash at
    its ends; composed (NFC).

    :param otherwise: what is taken where nothing is left.
    :param limit: bytes in UTF-8.
    """
    text = unicodedata.normalize("NFC", "".join(map(_shown, name)))
    text = " ".join(_UNSAFE.sub("-", text).split())
    text = _cut(text.strip(_NO_ENDS), limit - 1).strip(_NO_ENDS)
    if _DEVICE.match(text):
        text = f"_{text}"
    return text or otherwise


def numbered(name: str, extension: str, taken: Collection[str], limit: int = MAX_BYTES) -> str:
    """Give a name that is not taken: ``fox.png``, ``fox-2.png``, …

    :param taken: folded names, as ``folded`` makes them; the new one is not added.
    """
    number = 1
    while True:
        tail = (f"-{number}" if number > 1 else "") + extension
        made = _cut(name, limit - len(tail.encode())).rstrip(_NO_ENDS) + tail
        if folded(made) not in taken:
            return made
        number += 1


def folded(name: str) -> str:
    """Give what two names have in common that are one file on Windows or macOS."""
    return unicodedata.normalize("NFC", name.casefold())


def _plain(value: str | int | float | None) -> str:
    return "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _shown(letter: str) -> str:
    """Drop what has no shape of its own: controls, directions, halves of pairs, private use."""
    if letter.isspace():
        return " "
    return "" if unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Co", "Cn") else letter


def _cut(text: str, limit: int) -> str:
    """Shorten a text to so many bytes, between two letters and their marks."""
    data = text.encode("utf-8", "replace")
    if len(data) <= limit:
        return text
    kept = data[:limit].decode("utf-8", "ignore")
    if unicodedata.combining(text[len(kept)]):
        while kept and unicodedata.combining(kept[-1]):
            kept = kept[:-1]
        kept = kept[:-1]
    return kept
