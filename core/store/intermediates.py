"""Intermediates: pictures that were sent for a job and not for the gallery; who still needs them.

A graph, the values of its axes and a saved workflow name a picture by its id, somewhere in their
text; the ids in a text are found without reading what it means. Knows no files. ``owner=None``
means anybody's.
"""

import re
import sqlite3
from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from core.store import counters, images
from core.store.image_reads import INTERMEDIATE
from core.store.images import ImageFile
from core.store.transaction import Transaction

PIECE = 200  # batches that are read in one turn
_ID = re.compile(r"(?<![0-9A-Za-z])[0-9A-HJKMNP-TV-Z]{26}(?![0-9A-Za-z])")
_JSON = msgspec.json.Encoder()


class Intermediates(Struct, frozen=True, kw_only=True):
    """How many there are."""

    count: int
    bytes: int


class Named(Struct, frozen=True, kw_only=True):
    """What a piece of the batches names, and where the next piece begins."""

    ids: set[str]
    below: int | None  # row; null: that was the last piece


def held(connection: sqlite3.Connection, owner: str | None = None) -> Intermediates:
    """Say how many there are, and how large they are together."""
    if owner is not None:
        return Intermediates(
            count=counters.value(connection, f"intermediates.{owner}"),
            bytes=counters.value(connection, f"intermediate_bytes.{owner}"),
        )
    return Intermediates(
        count=sum(counters.under(connection, "intermediates").values()),
        bytes=sum(counters.under(connection, "intermediate_bytes").values()),
    )


def made_before(
    connection: sqlite3.Connection, at: int, owner: str | None, after: int, limit: int
) -> list[tuple[int, str]]:
    """Name those that were made before a time in milliseconds, oldest first: rows and ids."""
    index, whose = "images_intermediate", ""
    if owner is not None:
        index, whose = "images_intermediate_owner", "AND images.owner = :owner"
    found = connection.execute(
        f"""
        SELECT images.row, images.id
        FROM images INDEXED BY {index}
        WHERE {INTERMEDIATE} AND images.row > :after AND images.created < :at {whose}
        ORDER BY images.row
        LIMIT :limit
        """,
        {"after": after, "at": at, "owner": owner, "limit": limit},
    )
    return found.fetchall()


def last_batch(connection: sqlite3.Connection) -> int:
    """Give the row of the newest batch; 0 without one."""
    found = connection.execute("SELECT COALESCE(MAX(row), 0) FROM batches")
    return int(found.fetchone()[0])


def named_since(connection: sqlite3.Connection, since: int, below: int) -> Named:
    """Find the pictures that a piece of the batches of some time names, newest first.

    :param since: milliseconds.
    """
    found = connection.execute(
        """
        SELECT row, created, graph, axes
        FROM batches
        WHERE row < :below
        ORDER BY row DESC
        LIMIT :limit
        """,
        {"below": below, "limit": PIECE},
    ).fetchall()
    recent = [each for each in found if each[1] >= since]
    goes_on = len(recent) == PIECE
    return Named(
        ids=_ids(text for _, _, *texts in recent for text in texts),
        below=recent[-1][0] if goes_on else None,
    )


def named_open(connection: sqlite3.Connection, below: int) -> Named:
    """Find the pictures that a piece of the batches names of which a job waits or runs."""
    found = connection.execute(
        """
        SELECT row, graph, axes
        FROM batches INDEXED BY batches_open
        WHERE ended IS NULL AND row < :below
        ORDER BY row DESC
        LIMIT :limit
        """,
        {"below": below, "limit": PIECE},
    ).fetchall()
    return Named(
        ids=_ids(text for _, *texts in found for text in texts),
        below=found[-1][0] if len(found) == PIECE else None,
    )


def named_in_workflows(connection: sqlite3.Connection) -> set[str]:
    """Find the pictures that saved workflows name."""
    return _ids(text for (text,) in connection.execute("SELECT graph FROM workflows"))


def purge(
    tx: Transaction, ids: Sequence[str], owner: str | None, after_batch: int
) -> list[ImageFile]:
    """Delete those of them for good that are still intermediates; the caller unlinks the files.

    No fact tells of each: no list shows them, and many would push everything else out of the log.

    :param after_batch: row of the newest batch that was looked at. What came since then is looked
        at here, so that no job loses its picture between the look and the deed.
    """
    since = tx.connection.execute(
        """
        SELECT graph, axes
        FROM batches
        WHERE row > :after
        """,
        {"after": after_batch},
    )
    named = _ids(text for texts in since for text in texts)
    there = tx.connection.execute(
        f"""
        SELECT images.id
        FROM images
        WHERE images.id IN (SELECT value FROM json_each(:ids)) AND {INTERMEDIATE}
        """,
        {"ids": _JSON.encode([each for each in ids if each not in named]).decode()},
    ).fetchall()
    return [images.purge(tx, image, owner, tell=False) for (image,) in there]


def _ids(texts: Iterable[str]) -> set[str]:
    return {found for text in texts for found in _ID.findall(text)}
