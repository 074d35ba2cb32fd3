"""Forms with files (RFC 7578), read from a body that is in memory and bounded already.

A body is cut at its boundary, each part at its first empty line, once: what it costs grows with its
bytes alone, whatever they are. Nothing is written to a disk and no file name is used. Knows no
dialect.
"""

import re

from msgspec import Struct

from core.errors import Malformed, TooLarge

MAX_PARTS = 120
_MAX_HEAD = 4096  # bytes of a part's headers
_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^\s;,"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(rb'[;\s]name=(?:"([^"\r\n]{0,200})"|([^\s;"]{1,200}))', re.IGNORECASE)
_FILE = re.compile(rb"[;\s]filename\*?=", re.IGNORECASE)


class Form(Struct, frozen=True):
    """A form: its fields as text, the last of a name; its files in order, by name."""

    fields: dict[str, str]
    files: dict[str, list[bytes]]


def read(body: bytes, content_type: str, *, largest: int) -> Form:
    """Read a form; a name may end in ``[]``, which says that there may be several.

    :param content_type: the header, with its boundary.
    :param largest: bytes of one file.
    :raises Malformed: ``form_invalid``.
    :raises TooLarge: too many parts, or a file that is too large.
    """
    found = _BOUNDARY.search(content_type)
    if found is None:
        raise _invalid("no boundary")
    mark = b"--" + (found[1] or found[2]).encode("latin-1", "replace")
    pieces = (b"\r\n" + body).split(b"\r\n" + mark, MAX_PARTS + 2)
    if len(pieces) > MAX_PARTS + 1:
        raise TooLarge("too_many_values", limit=MAX_PARTS)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise _invalid("it does not end")
    form = Form({}, {})
    for piece in pieces[1:-1]:
        _take(piece, form, largest)
    return form


def _take(piece: bytes, form: Form, largest: int) -> None:
    head, gap, content = piece.partition(b"\r\n\r\n")
    if not gap or len(head) > _MAX_HEAD:
        raise _invalid("a part without an end of its headers")
    told = next((line for line in head.split(b"\r\n") if _is_disposition(line)), b"")
    name = _NAME.search(told)
    if name is None:
        raise _invalid("a part without a name")
    try:
        plain = (name[1] if name[1] is not None else name[2]).decode().removesuffix("[]")
        if not _FILE.search(told):
            form.fields[plain] = content.decode()
            return
    except UnicodeDecodeError as error:
        raise _invalid("a text that is not UTF-8") from error
    if len(content) > largest:
        raise TooLarge("body_too_large", limit=largest)
    form.files.setdefault(plain, []).append(content)


def _is_disposition(line: bytes) -> bool:
    return line[:40].lower().replace(b" ", b"").startswith(b"content-disposition:form-data")


def _invalid(reason: str) -> Malformed:
    return Malformed("form_invalid", reason=reason)
