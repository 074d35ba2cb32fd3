"""Pages of pictures: filtered by index, searched by word, always newest first.

A page costs the same in a gallery of ten thousand and of a million. It follows the index of one
filter, the one that reaches deepest with five hundred entries, and tests the others on what that
gives. Where few of them are wanted the page is short, even empty, and its cursor goes on.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from core.records.image import Image
from core.store import image_words
from core.store import page as pages
from core.store.image_filter import TERMS, TRASHED, ImageFilter, terms
from core.store.image_reads import COLUMNS, INTERMEDIATE, SHOWN, image_of
from core.store.image_words import Word
from core.store.page import Page

LOOK = 500  # entries of an index that one page looks at
_PER_WORD = 2  # … of the index of words: this part of them, as each costs more
_PER_LOOK_UP = 10  # … that are each looked up in the index of words: likewise


class _Driver(Struct, frozen=True):
    """An index that gives rows newest first, and the terms that are true for all of them."""

    index: str
    terms: tuple[str, ...]


class _Stretch(Struct, frozen=True):
    """What a page follows: the FROM with the beginning of its WHERE, and down to which row."""

    source: str
    terms: tuple[str, ...] = ()  # of the filter, that the source has already
    floor: int = 0
    key: str = "images.row"


def page(
    connection: sqlite3.Connection,
    wanted: ImageFilter,
    cursor: str | None = None,
    limit: int = 50,
    look: int = LOOK,
) -> Page[Image]:
    """Read a page, newest first; with ``q`` those whose texts hold every word.

    :param look: entries of an index to look at. A page that finds too few is short, and has a
        cursor all the same.
    :raises Malformed: ``cursor_mismatch``.
    """
    found, floor = follow(connection, wanted, COLUMNS, cursor, pages.clamp(limit) + 1, look)
    cut = pages.cut(found, limit, image_of, "images", wanted)
    if cut.next is None and floor > 0:
        return Page(items=cut.items, next=pages.encode(floor, "images", wanted))
    return cut


def follow(
    connection: sqlite3.Connection,
    wanted: ImageFilter,
    columns: str,
    cursor: str | None,
    limit: int,
    look: int,
) -> tuple[list[Any], int]:
    """Read the next rows that fit, newest first, and the row down to which was looked; 0: all.

    :raises Malformed: ``cursor_mismatch``.
    """
    words = image_words.words(connection, wanted.q or "")
    before = pages.decode(cursor, "images", wanted)
    if wanted.until is not None:
        before = min(before, _row_at(connection, wanted.until))
    oldest = 0 if wanted.since is None else _row_at(connection, wanted.since)
    values: dict[str, object] = {
        "before": before, "oldest": oldest, "limit": limit,
        "words": None if words is None else image_words.together(words), "owner": wanted.owner,
        **{name: getattr(wanted, name) for name in TERMS},
    }  # fmt: skip
    stretch = _stretch(connection, wanted, words, values, look)
    # Said twice, a term counts twice with the planner, which then thinks that there is next to
    # nothing to sort.
    others = " AND ".join(each for each in terms(wanted) if each not in stretch.terms) or "TRUE"
    late = "" if wanted.since is None else f"AND {stretch.key} >= :oldest"
    found = connection.execute(
        f"""
        SELECT {columns}
        FROM {stretch.source}
            AND {others} {late}
        ORDER BY {stretch.key} DESC
        LIMIT :limit
        """,
        values | {"floor": stretch.floor},
    ).fetchall()
    return found, stretch.floor if stretch.floor > oldest else 0


def _row_at(connection: sqlite3.Connection, at: int) -> int:
    """Find the first row that was made then or later, by halving: rows grow with time."""
    low, high = 1, int(connection.execute(_LAST).fetchone()[0]) + 1
    while low < high:
        middle = (low + high) // 2
        row, created = connection.execute(_NEXT, {"row": middle}).fetchone()
        low, high = (row + 1, high) if created < at else (low, middle)
    return low


_LAST = """
    SELECT COALESCE(MAX(row), 0)
    FROM images
"""
_NEXT = """
    SELECT row, created
    FROM images
    WHERE row >= :row
    ORDER BY row
    LIMIT 1
"""


def search(
    connection: sqlite3.Connection, text: str, cursor: str | None = None, limit: int = 50
) -> Page[Image]:
    """Read a page of anybody's pictures whose texts hold every word of ``text``."""
    return page(connection, ImageFilter(q=text), cursor, limit)


def _stretch(
    connection: sqlite3.Connection,
    wanted: ImageFilter,
    words: Sequence[Word] | None,
    values: dict[str, object],
    look: int,
) -> _Stretch:
    """Choose what is followed: an index of the filter, or the words."""
    if wanted.job is not None:  # it has few pictures, and an index by the number of the output
        held = "" if words is None else f"AND {_HOLDS}"
        source = f"images WHERE images.job = :job AND +images.row < :before {held}"
        return _Stretch(source, (TERMS["job"],))
    if words is None:
        driver, floor = _deepest(connection, wanted, values, look)
        return _Stretch(f"{_along(driver)} AND images.row >= :floor", driver.terms, floor)
    floors = [
        _floor(connection, _OF_WORD, values | {"word": word.text}, look // _PER_WORD)
        for word in words
        if word.flows
    ]
    floor = min(floors, default=0)
    if floor > 0 and len(floors) == len(words) and terms(wanted) != [SHOWN]:
        driver, deeper = _deepest(connection, wanted, values, look // _PER_LOOK_UP)
        if deeper < floor:
            source = f"{_along(driver)} AND images.row >= :floor AND {_HOLDS}"
            return _Stretch(source, driver.terms, deeper)
    return _Stretch(_OF_WORDS, (), floor, "images_text.rowid")


_HOLDS = """
    EXISTS (
        SELECT 1
        FROM images_text
        WHERE images_text MATCH :words AND images_text.rowid = images.row
    )
"""
_OF_WORDS = """
    images_text CROSS JOIN images ON images.row = images_text.rowid
    WHERE images_text MATCH :words
        AND images_text.rowid < :before AND images_text.rowid >= :floor
"""
_OF_WORD = """
    SELECT images_text.rowid
    FROM images_text
    WHERE images_text MATCH :word AND images_text.rowid < :before
    ORDER BY images_text.rowid DESC
    LIMIT :look
"""


def _along(driver: _Driver) -> str:
    of_all = " AND ".join(driver.terms)
    return f"images INDEXED BY {driver.index} WHERE {of_all} AND images.row < :before"


def _deepest(
    connection: sqlite3.Connection, wanted: ImageFilter, values: dict[str, object], look: int
) -> tuple[_Driver, int]:
    """Choose the index whose ``look`` newest entries reach furthest back, and say how far."""
    drivers = _drivers(wanted)
    for driver in drivers:
        if set(terms(wanted)) == set(driver.terms) and wanted.q is None:  # all of it is wanted
            return driver, 0
    floors = [
        _floor(
            connection,
            f"""
            SELECT images.row
            FROM {_along(driver)}
            ORDER BY images.row DESC
            LIMIT :look
            """,
            values,
            look,
        )
        for driver in drivers
    ]
    floor = min(floors)
    return drivers[floors.index(floor)], floor


def _floor(
    connection: sqlite3.Connection, entries: str, values: dict[str, object], look: int
) -> int:
    """Find the last of the next ``look`` entries; 0 if there are no more than those."""
    look = max(1, look)
    found = connection.execute(entries, values | {"look": look}).fetchall()
    return int(found[-1][0]) if len(found) >= look else 0


def _drivers(wanted: ImageFilter) -> list[_Driver]:
    """List the indexes that hold all that is asked for."""
    batch = [_Driver("images_batch", (TERMS["batch"],))] if wanted.batch is not None else []
    if wanted.trash:
        return [*batch, _Driver("images_trash", (TRASHED,))]
    if wanted.intermediate:
        of_all = _Driver("images_intermediate", (INTERMEDIATE,))
        if wanted.owner is None:
            return [*batch, of_all]
        return [*batch, _Driver("images_intermediate_owner", (TERMS["owner"], INTERMEDIATE))]
    names = [name for name in _INDEXES if getattr(wanted, name) not in (None, False)]
    if {"owner", "kind"} <= {*names}:
        names = [name for name in names if name not in ("owner", "kind")]
        both = _Driver("images_kind", (TERMS["owner"], TERMS["kind"], SHOWN))
        return [*batch, both, *(_shown(name) for name in names)]
    found = [*batch, *(_shown(name) for name in names)]
    return found or [_Driver("images_shown", (SHOWN,))]


def _shown(name: str) -> _Driver:
    return _Driver(_INDEXES[name], (TERMS[name], SHOWN))


_INDEXES = {  # of what is shown, newest first
    "board": "images_board",
    "starred": "images_starred",
    "model": "images_model",
    "owner": "images_owner",
    "kind": "images_of_kind",
}
