"""Ids: ULIDs made by the server, sortable by time. Knows nothing of what they name."""

import os
import re
import threading
import time

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_ULID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_lock = threading.Lock()
_last = (0, 0)  # (milliseconds, random part) of the newest id


def new_id() -> str:
    """Make a ULID of 26 characters that sorts after every id made before in this process.

    48 bits of Unix milliseconds and 80 random bits (the ULID specification, with its monotonic
    counter). A clock set back does not break the order: the last millisecond is kept.
    """
    global _last
    with _lock:
        now, random = int(time.time() * 1000), int.from_bytes(os.urandom(10))
        if now <= _last[0]:
            now, random = _last[0], (_last[1] + 1) & ((1 << 80) - 1)
        _last = (now, random)
    return _written(now << 80 | random)


def lowest(milliseconds: int) -> str:
    """Give the lowest id that could be made at a time since 1970."""
    return _written(milliseconds << 80)


def is_id(text: str) -> bool:
    """Say whether ``text`` has the form of an id; nothing else may ever reach a path."""
    return _ULID.fullmatch(text) is not None


def _written(value: int) -> str:
    return "".join(_ALPHABET[value >> shift & 31] for shift in range(125, -1, -5))
