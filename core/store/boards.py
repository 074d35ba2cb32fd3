"""Boards: named sets of pictures. How many each holds is a counter."""

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from core.errors import NotFound
from core.ids import new_id
from core.records.events import BoardChanged
from core.store import counters
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso
from core.store.transaction import Transaction


class Board(Struct, frozen=True, kw_only=True):
    """One board."""

    id: str
    name: str
    count: int
    cover: str | None = None  # id of its newest picture
    created: str
    owner: str


def create(tx: Transaction, name: str, owner: str) -> Board:
    """Make a board."""
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


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Board]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        """
        SELECT row, id, name, created, owner
        FROM boards
        WHERE row < :before AND (:owner IS NULL OR owner = :owner)
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


def delete(tx: Transaction, board: str, owner: str | None = None) -> None:
    """Delete a board; its pictures stay.

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
        FROM images
        WHERE board = :board AND deleted IS NULL AND lost = 0
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
