"""What the head of an answer says of a file: its size, its validator, its name, when to ask again.

Every header is taken as a stranger's word. Knows no connection.
"""

import re
from email.message import Message
from urllib.parse import unquote, urlsplit

from core.library.transport import Reply

_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})")
_MAX_WAIT = 60.0  # seconds of a Retry-After that are waited


def length(reply: Reply) -> int | None:
    """Read how many bytes follow; None where it does not say."""
    said = reply.headers.get("Content-Length", "")
    return int(said) if said.isdecimal() and len(said) < 19 else None


def after(reply: Reply) -> float:
    """Read the seconds after which to ask again (RFC 9110 §10.2.3), a minute at most."""
    said = reply.headers.get("Retry-After", "")
    return min(float(said), _MAX_WAIT) if said.isdecimal() and len(said) < 9 else 0.0


def name(reply: Reply) -> str | None:
    """Read the name a file is given (RFC 6266), else the last part of its address."""
    said = reply.headers.get("Content-Disposition")
    if said is not None:
        message = Message()
        message["Content-Disposition"] = said
        found = message.get_filename()
        if found:
            return found
    return unquote(urlsplit(reply.url).path).rpartition("/")[2] or None


def span(reply: Reply) -> tuple[int, int] | None:
    """Read where a part begins, and how long the whole is; None where it does not say."""
    found = _RANGE.fullmatch(reply.headers.get("Content-Range", ""))
    return None if found is None else (int(found[1]), int(found[3]))


def validator(reply: Reply) -> str | None:
    """Read a strong ETag; a weak one tells nothing of bytes (RFC 9110 §8.8.1)."""
    etag = reply.headers.get("ETag")
    return None if etag is None or etag.startswith("W/") or len(etag) > 512 else etag
