"""What people write beside pictures: any encoding becomes clean text, and what was odd is told.

Text files as kohya's scripts know them (``a.txt``, ``a.caption``), JSON files, the
``metadata.jsonl`` of a Hugging Face image folder, and headers of a request. Pure: opens no file.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

import msgspec

from core.records.training import Warned

MAX_CAPTION = 2_000  # characters
MAX_NAME = 200  # characters of a file's name
MAX_BYTES = 64 << 10  # of a caption's file
MAX_LISTED = 16 << 20  # bytes of a metadata.jsonl
SUFFIXES = (".txt", ".caption", ".json")  # the first that is there is read
LISTING = "metadata.jsonl"
_KEYS = ("caption", "text", "prompt")  # of JSON, the first that holds text
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins as that of UTF-16 does
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EXTENDED = re.compile(rb"(?i)utf-8'[\w-]*'(.*)", re.DOTALL)  # RFC 8187 §3.2
_LINES = re.compile(r"\s+")


class Caption(NamedTuple):
    """What a picture is said to show."""

    text: str | None  # null: nothing is said
    notes: tuple[Warned, ...] = ()


def decoded(data: bytes) -> tuple[str, str]:
    """Decode text by its mark, as UTF-8, or as Windows' Western text; never fails.

    :returns: the text and the encoding's name.
    """
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace"), encoding.removesuffix("-sig")
    try:
        return data.decode("utf-8"), "utf-8"
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace"), "cp1252"


def cleaned(text: str) -> str:
    """Normalise (NFC), and keep what is no control, no surrogate and no replacement character.

    Lines become spaces: a prompt is one line.
    """
    spaced = _LINES.sub(" ", text)
    kept = (one for one in spaced if unicodedata.category(one) not in ("Cc", "Cs"))
    told = "".join(one for one in kept if one not in "\ufeff\ufffd")
    return _LINES.sub(" ", unicodedata.normalize("NFC", told)).strip()


def caption(text: str, encoding: str = "utf-8") -> Caption:
    """Make a caption of text, cut after its last whole word where it is too long.

    :param encoding: that it was read as.
    """
    told, notes = cleaned(text), []
    if encoding != "utf-8" and told:
        notes.append(Warned(code="caption_encoding", params={"encoding": encoding}))
    if len(told) > MAX_CAPTION:
        head = told[: MAX_CAPTION + 1]
        told = (head.rpartition(" ")[0] or head)[:MAX_CAPTION].strip()
        notes.append(Warned(code="caption_shortened", params={"limit": MAX_CAPTION}))
    return Caption(told or None, tuple(notes))


def read(data: bytes, suffix: str = ".txt") -> Caption:
    """Read a caption's file; what cannot be read says nothing, and is told.

    :param data: of 64 KiB at most; what is beyond is not looked at.
    :param suffix: one of ``SUFFIXES``.
    """
    text, encoding = decoded(data[:MAX_BYTES])
    if suffix.lower() != ".json":
        return caption(text, encoding)
    found = _said(_json(text))
    if found is None:
        return Caption(None, (Warned(code="caption_unreadable"),))
    return caption(found, encoding)


def listed(data: bytes) -> dict[str, Caption]:
    """Read a ``metadata.jsonl``: captions by ``file_name``; lines that say neither are left out."""
    text, encoding = decoded(data[:MAX_LISTED])
    return {name: caption(told, encoding) for name, told in _lines(text)}


def of_header(value: str) -> Caption:
    """Read a header's value: percent-encoded UTF-8, as RFC 8187 writes it or plainly.

    :param value: as a server has it, each character a byte (ISO 8859-1).
    """
    data = value.encode("latin-1", "replace")
    extended = _EXTENDED.fullmatch(data)
    return caption(*decoded(unquote_to_bytes(extended[1] if extended else data)))


def filename(name: str) -> str:
    """Make the name of a file that people see: its last part, clean, of 200 characters at most.

    What cannot be said in UTF-8 is left out; a name of which nothing is left is ``picture``.
    """
    last = cleaned(re.split(r"[/\\\\]", name)[-1].encode("utf-8", "replace").decode())
    return last if 0 < len(last) <= MAX_NAME else last[:MAX_NAME].strip() or "picture"


def _lines(text: str) -> Iterator[tuple[str, str]]:
    for line in text.split("\n"):
        found = _json(line)
        name = found.get("file_name") if isinstance(found, dict) else None
        said = _said(found)
        if isinstance(name, str) and said is not None:
            yield name, said


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text.strip().removeprefix("\ufeff").encode("utf-8", "replace"))
    except (msgspec.DecodeError, RecursionError):
        return None


def _said(found: Any) -> str | None:
    if isinstance(found, str):
        return found
    if not isinstance(found, dict):
        return None
    texts = (found.get(key) for key in _KEYS)
    return next((text for text in texts if isinstance(text, str)), None)
