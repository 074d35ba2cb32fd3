"""Files that were imported: known by path, size and time, else by what they hold.

A file is in the gallery once, however often its folder is imported and wherever copies of it lie.
Paths are bytes, as the system has them: a name need not be text.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.store import boards, images
from core.store.transaction import Transaction
from core.store.work import NewImage

_JSON = msgspec.json.Encoder()


class Source(Struct, frozen=True, kw_only=True):
    """A file as it lies there."""

    path: bytes
    bytes: int
    changed: int  # nanoseconds since 1970
    sha256: str = ""  # empty where it was not read yet


class Arrived(Struct, frozen=True, kw_only=True):
    """A picture that is to be added, and the file that it comes from."""

    source: Source
    new: NewImage | None  # null where its content is in the gallery already
    board: str | None = None  # its name
    starred: bool = False


def by_path(
    connection: sqlite3.Connection, owner: str, sources: Sequence[Source]
) -> dict[bytes, str]:
    """Say which of these files are known as they lie there: path → the import that took it."""
    found = {}
    for source in sources:
        row = connection.execute(
            """
            SELECT import
            FROM imported
            WHERE owner = :owner AND path = :path AND bytes = :bytes AND changed = :changed
            """,
            {
                "owner": owner, "path": source.path, "bytes": source.bytes,
                "changed": source.changed,
            },
        ).fetchone()  # fmt: skip
        if row is not None:
            found[source.path] = str(row[0])
    return found


def add(
    tx: Transaction, owner: str, import_id: str, arrived: Sequence[Arrived], *, reference: bool
) -> list[Arrived]:
    """Add pictures in this order; give those whose content the gallery has already.

    :param reference: where one of them is lost, it has its file again, which lies elsewhere now.

    Of each piece the import's own fact tells, and no fact of each picture: a million would push
    everything else out of the log.
    """
    tx.hit("import.row")
    known = []
    for one in arrived:
        image = by_content(tx.connection, owner, one.source.sha256)
        if image is not None:
            known.append(one)
            if reference:
                _found_again(tx, image, one.source.path)
        elif one.new is None:  # deleted for good since it was looked up: the next import brings it
            known.append(one)
            continue
        else:
            image = one.new.id
            board = None if one.board is None else _board(tx, owner, one.board)
            images.insert(tx, one.new, owner=owner, board=board, starred=one.starred, tell=False)
        _remember(tx, owner, import_id, one.source, image)
    return known


def by_content(connection: sqlite3.Connection, owner: str, sha256: str) -> str | None:
    """Name the picture that came of a file with these bytes."""
    found = connection.execute(
        """
        SELECT image
        FROM imported
        WHERE owner = :owner AND sha256 = :sha256
        LIMIT 1
        """,
        {"owner": owner, "sha256": sha256},
    ).fetchone()
    return None if found is None else str(found[0])


def _found_again(tx: Transaction, image: str, path: bytes) -> None:
    changed = tx.connection.execute(
        """
        UPDATE images
        SET external = :path
        WHERE id = :id AND external IS NOT NULL AND lost = 1
        """,
        {"id": image, "path": path},
    ).rowcount
    if changed:
        images.set_lost(tx, image, lost=False)


def _remember(tx: Transaction, owner: str, import_id: str, source: Source, image: str) -> None:
    tx.connection.execute(
        """
        INSERT INTO imported (owner, path, bytes, changed, sha256, image, import)
        VALUES (:owner, :path, :bytes, :changed, :sha256, :image, :import)
        ON CONFLICT (owner, path) DO UPDATE
        SET bytes = :bytes, changed = :changed, sha256 = :sha256, image = :image, import = :import
        """,
        {
            "owner": owner, "path": source.path, "bytes": source.bytes,
            "changed": source.changed, "sha256": source.sha256, "image": image,
            "import": import_id,
        },
    )  # fmt: skip


def _board(tx: Transaction, owner: str, name: str) -> str | None:
    """Find a board by its name, or make it; None where there are too many already."""
    found = boards.named(tx.connection, name, owner)
    if found is None and boards.is_room(tx.connection, owner):
        found = boards.create(tx, name, owner).id
    return found
