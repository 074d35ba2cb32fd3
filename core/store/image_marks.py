"""Marks along a list of pictures: where its pages begin, for a scroll bar over all of it.

A call looks at a bounded stretch of the list and reads its keys alone, so a list of a hundred
thousand pictures is measured by a few calls. Knows no more of a picture than its id and its time.
"""

import sqlite3
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.store import page as pages
from core.store.image_filter import ImageFilter
from core.store.image_pages import follow
from core.store.page import Page
from core.store.times import iso

LOOK = 10_000  # entries of the index of one filter that a call looks at
_LOOK_UP = 2  # … this part of them where each picture is looked up for other filters, or words
_JSON = msgspec.json.Encoder()


class Mark(Struct, frozen=True, kw_only=True):
    """Where a page of the list begins."""

    cursor: Annotated[str, Meta(description="Gives the page that begins here.")]
    id: Annotated[str, Meta(description="Of its first picture.")]
    order: Annotated[int, Meta(description="Of its first picture, as the picture itself has it.")]
    created: str
    count: Annotated[int, Meta(description="Pictures up to the next mark.")]


def marks(
    connection: sqlite3.Connection,
    wanted: ImageFilter,
    cursor: str | None = None,
    every: int = 100,
    look: int = LOOK,
) -> Page[Mark]:
    """Mark the next stretch of a list, newest first: one picture of each ``every``.

    :raises Malformed: ``cursor_mismatch``.
    """
    asked = [value for value in msgspec.structs.astuple(wanted) if value not in (None, False)]
    deep = look if len(asked) <= 1 and wanted.q is None else look // _LOOK_UP
    found, floor = follow(connection, wanted, "images.row", cursor, deep, deep)
    rows = [int(each[0]) for each in found]
    heads = rows[::every]
    told = dict(_heads(connection, heads))
    items = [
        Mark(
            cursor=pages.encode(row + 1, "images", wanted), id=told[row][0],
            order=row, created=iso(told[row][1]), count=min(every, len(rows) - place * every),
        )
        for place, row in enumerate(heads)
    ]  # fmt: skip
    last = rows[-1] if len(rows) == deep else floor
    return Page(items=items, next=pages.encode(last, "images", wanted) if last > 0 else None)


def _heads(connection: sqlite3.Connection, rows: list[int]) -> list[tuple[int, tuple[str, int]]]:
    found = connection.execute(
        """
        SELECT row, id, created
        FROM images
        WHERE row IN (SELECT value FROM json_each(:rows))
        """,
        {"rows": _JSON.encode(rows).decode()},
    )
    return [(row, (image, created)) for row, image, created in found]
