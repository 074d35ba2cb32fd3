"""Pages by key: a list, and an opaque cursor that says where the next one begins.

A cursor carries the key of the last item and a hash of the filter, so that it cannot be used
with another filter. It holds no secret and grants nothing.
"""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from core.errors import Malformed

T = TypeVar("T")
R = TypeVar("R", bound=Sequence[Any])
LIMIT = 200  # items of one page at most
_FILTER = msgspec.json.Encoder(order="sorted")


class Page(Struct, Generic[T], frozen=True, kw_only=True):
    """Some items, newest first, and the cursor of the next page.

    The last page is the one without a cursor, not the first that is short.
    """

    items: list[T]
    next: str | None = None


def clamp(limit: int) -> int:
    """Bring a wanted page size into 1 … 200."""
    return max(1, min(limit, LIMIT))


def encode(row: int, *filters: object) -> str:
    """Make the cursor that goes on after ``row``."""
    return urlsafe_b64encode(row.to_bytes(8) + _hash(filters)).decode().rstrip("=")


def decode(cursor: str | None, *filters: object) -> int:
    """Read the row after which to go on; a number above every row without a cursor.

    :raises Malformed: ``cursor_mismatch`` if it is no cursor, or one of other filters.
    """
    if cursor is None:
        return (1 << 63) - 1
    try:
        raw = urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise Malformed("cursor_mismatch") from error
    if len(raw) != 16 or raw[8:] != _hash(filters) or raw[0] > 127:
        raise Malformed("cursor_mismatch")
    return int.from_bytes(raw[:8])


def cut(found: Sequence[R], limit: int, make: Callable[[R], T], *filters: object) -> Page[T]:
    """Make a page of rows, of which one more than ``limit`` was asked for.

    :param found: rows whose first column is the key.
    """
    limit = clamp(limit)
    more = len(found) > limit
    return Page(
        items=[make(each) for each in found[:limit]],
        next=encode(int(found[limit - 1][0]), *filters) if more else None,
    )


def _hash(filters: tuple[object, ...]) -> bytes:
    return blake2b(_FILTER.encode(filters), digest_size=8).digest()
