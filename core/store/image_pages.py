"""Pages of pictures: filtered by index, searched by word, always newest first."""

import sqlite3

from msgspec import Struct

from core.records.image import Image, ImageKind
from core.store import page as pages
from core.store.image_reads import COLUMNS, SHOWN, image_of
from core.store.page import Page

# The first of these that is asked for is looked up in its index, which gives the newest first;
# the others only test what it finds ("+" keeps the planner from second thoughts).
_DRIVERS = ("job", "batch", "board", "starred", "model", "owner", "kind")
_WORDS = 16  # of a search that count


class ImageFilter(Struct, frozen=True, kw_only=True):
    """Which pictures a page shows; null does not ask."""

    owner: str | None = None
    q: str | None = None  # words that prompt, negative prompt, model or note hold
    board: str | None = None
    kind: ImageKind | None = None
    starred: bool | None = None
    model: str | None = None
    job: str | None = None
    batch: str | None = None
    trash: bool = False  # what was deleted, instead of what was not


def page(
    connection: sqlite3.Connection,
    wanted: ImageFilter,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Image]:
    """Read a page, newest first; with ``q`` those whose texts hold every word.

    :raises Malformed: ``cursor_mismatch``.
    """
    words = phrases(wanted.q or "")
    terms = ["images.deleted IS NOT NULL" if wanted.trash else SHOWN, *_terms(wanted, words)]
    found = connection.execute(
        f"""
        SELECT {COLUMNS}
        FROM images
        WHERE images.row < :before AND {" AND ".join(terms)}
        ORDER BY images.row DESC
        LIMIT :limit
        """
        if words is None
        else f"""
        SELECT {COLUMNS}
        FROM images_text CROSS JOIN images ON images.row = images_text.rowid
        WHERE images_text MATCH :words AND images_text.rowid < :before AND {" AND ".join(terms)}
        ORDER BY images_text.rowid DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "images", wanted),
            "limit": pages.clamp(limit) + 1,
            "words": words,
            "owner": wanted.owner,
            "board": wanted.board,
            "kind": wanted.kind,
            "starred": wanted.starred,
            "model": wanted.model,
            "job": wanted.job,
            "batch": wanted.batch,
        },
    ).fetchall()
    return pages.cut(found, limit, image_of, "images", wanted)


def search(
    connection: sqlite3.Connection, text: str, cursor: str | None = None, limit: int = 50
) -> Page[Image]:
    """Read a page of anybody's pictures whose texts hold every word of ``text``."""
    return page(connection, ImageFilter(q=text), cursor, limit)


def phrases(text: str) -> str | None:
    """Write a search as FTS5 reads it: every word a quoted prefix, so that none is an operator.

    None for a text of blanks, which asks for nothing.
    """
    words = text.replace("\0", " ").split()[:_WORDS]
    if not words:
        return None
    quoted = [word.replace('"', '""') for word in words if any(map(str.isalnum, word))]
    return " ".join(f'"{word}"*' for word in quoted) or '""'  # which matches nothing


def _terms(wanted: ImageFilter, words: str | None) -> list[str]:
    asked = [name for name in _DRIVERS if getattr(wanted, name) is not None]
    if wanted.starred is False:  # most are not: no index helps
        asked = [name for name in asked if name != "starred"] + ["starred"]
    driver = None if words is not None or wanted.trash else next(iter(asked), None)
    if driver == "starred" and wanted.starred is False:
        driver = None
    driven = {driver, "kind"} if driver == "owner" else {driver}
    return [f"{'' if name in driven else '+'}images.{name} = :{name}" for name in asked]
