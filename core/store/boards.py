"""Boards: named sets of pictures. How many each holds is a counter.

``owner=None`` means anybody's.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from core.errors import Conflict, NotFound
from core.ids import new_id
from core.records.board import Board
from core.records.events import BoardChanged, ImageDeleted
from core.store import counters
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso
from core.store.transaction import Transaction

MAX_BOARDS = 10_000  # of one owner
PIECE = 500  # pictures that leave a board in one transaction
_JSON = msgspec.json.Encoder()


def create(tx: Transaction, name: str, owner: str) -> Board:
    """Make a board.

    :raises Conflict: ``list_full``.
    """
    if not is_room(tx.connection, owner):
        raise Conflict("list_full", limit=MAX_BOARDS)
    board = new_id()
    tx.connection.execute(
        """
        INSERT INTO boards (id, name, owner, created)
        VALUES (:id, :name, :owner, :created)
        """,
        {"id": board, "name": name, "owner": owner, "created": tx.now},
    )
    tx.fact(BoardChanged(owner=owner, board=board))
    return get(tx.connection, board)


def get(connection: sqlite3.Connection, board: str, owner: str | None = None) -> Board:
    """Read one board.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        """
        SELECT row, id, name, created, owner
        FROM boards
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": board, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="board", id=board)
    return _board(connection, found)


def exists(connection: sqlite3.Connection, board: str, owner: str | None = None) -> bool:
    """Say whether there is such a board."""
    found = connection.execute(
        """
        SELECT 1
        FROM boards
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": board, "owner": owner},
    )
    return found.fetchone() is not None


def is_room(connection: sqlite3.Connection, owner: str) -> bool:
    """Say whether an owner may have one more."""
    return counters.value(connection, f"boards.{owner}") < MAX_BOARDS


def named(connection: sqlite3.Connection, name: str, owner: str) -> str | None:
    """Find the oldest board of an owner that is called so; an id will do, too."""
    found = connection.execute(
        """
        SELECT id
        FROM boards
        WHERE owner = :owner AND (name = :name OR id = :name)
        ORDER BY row
        LIMIT 1
        """,
        {"owner": owner, "name": name},
    ).fetchone()
    return None if found is None else str(found[0])


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Board]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    whose = "" if owner is None else "AND owner = :owner"  # a term of its own finds the index
    found = connection.execute(
        f"""
        SELECT row, id, name, created, owner
        FROM boards
        WHERE row < :before {whose}
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "boards", owner),
            "owner": owner,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, lambda each: _board(connection, each), "boards", owner)


def rename(tx: Transaction, board: str, name: str, owner: str | None = None) -> Board:
    """Give a board another name.

    :raises NotFound: unknown, or somebody else's.
    """
    old = get(tx.connection, board, owner)
    if name == old.name:
        return old
    tx.connection.execute(
        """
        UPDATE boards
        SET name = :name
        WHERE id = :id
        """,
        {"id": board, "name": name},
    )
    tx.fact(BoardChanged(owner=old.owner, board=board))
    return get(tx.connection, board)


def empty(tx: Transaction, board: str, owner: str | None = None, *, trash: bool = False) -> bool:
    """Take a piece of a board's pictures off it, those in the trash too, newest last.

    What stays in the gallery has no fact of its own: a million pictures would push everything
    else out of the log, and the board's end says it of all.

    :param trash: move those of the owner to the trash, each with its fact.
    :returns: whether there may be more.
    :raises NotFound: unknown, or somebody else's.
    """
    get(tx.connection, board, owner)
    found = tx.connection.execute(
        """
        SELECT row, id, owner, deleted IS NULL AND lost = 0
        FROM images INDEXED BY images_of_board
        WHERE board = :board
        ORDER BY row
        LIMIT :limit
        """,
        {"board": board, "limit": PIECE},
    ).fetchall()
    tx.connection.execute(
        """
        UPDATE images
        SET board = NULL,
            deleted = CASE
                WHEN :trash AND (:owner IS NULL OR owner = :owner) THEN COALESCE(deleted, :now)
                ELSE deleted
            END
        WHERE row IN (SELECT value FROM json_each(:rows))
        """,
        {
            "trash": trash,
            "owner": owner,
            "now": tx.now,
            "rows": _JSON.encode([row for row, *_ in found]).decode(),
        },
    )
    for _, image, whose, shown in found if trash else ():
        if shown and owner in (None, whose):
            tx.fact(ImageDeleted(owner=whose, image=image))
    return len(found) == PIECE


def delete(tx: Transaction, board: str, owner: str | None = None) -> None:
    """Delete a board; pictures that are still on it stay in the gallery.

    :raises NotFound: unknown, or somebody else's.
    """
    old = get(tx.connection, board, owner)
    tx.connection.execute("DELETE FROM boards WHERE id = :id", {"id": board})
    counters.drop(tx.connection, f"board.{board}")
    tx.fact(BoardChanged(owner=old.owner, board=board, deleted=True))


def _board(connection: sqlite3.Connection, found: Sequence[Any]) -> Board:
    _, board, name, created, owner = found
    cover = connection.execute(
        """
        SELECT id
        FROM images INDEXED BY images_board
        WHERE board = :board AND deleted IS NULL AND lost = 0 AND intermediate = 0
        ORDER BY row DESC
        LIMIT 1
        """,
        {"board": board},
    ).fetchone()
    return Board(
        id=board,
        name=name,
        count=counters.value(connection, f"board.{board}"),
        cover=None if cover is None else cover[0],
        created=iso(created),
        owner=owner,
    )
