"""Datasets: making, reading, naming and deleting them, and what a run is taught of one.

``owner=None`` means anybody's. Their pictures change in ``dataset_pictures``. Knows no files.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from core.errors import Conflict, NotFound
from core.ids import new_id
from core.records.events import DatasetChanged
from core.records.training import Dataset, PictureSize
from core.store import counters, dataset_reads, needs
from core.store import page as pages
from core.store.link import folded
from core.store.page import Page
from core.store.times import iso
from core.store.transaction import Transaction
from core.training import buckets

MAX_DATASETS = 1_000  # of one owner
RESOLUTION, STEP = 512, 64  # pixels: of buckets that are shown, where nothing else is asked for
PIECE = 500  # pictures that are taken off a dataset in one transaction
_DAY = 86_400_000  # milliseconds that an idempotency key is remembered
_COLUMNS = "row, id, owner, name, pictures, quarantined, bytes, created"


class Taught(Struct, frozen=True, kw_only=True):
    """A picture as a run is taught it: its PNG is the blob of ``sha256``."""

    sha256: str
    file: str
    width: int  # pixels
    height: int
    transparent: bool
    caption: str | None
    held_out: bool


def create(
    tx: Transaction, name: str, owner: str, idempotency: tuple[str, str] | None = None
) -> Dataset:
    """Make an empty dataset.

    :param idempotency: key and hash of the body: the same again gives the same dataset.
    :raises Conflict: ``idempotency_mismatch``, ``list_full``.
    """
    key, body = idempotency or (None, None)
    if key is not None:
        found = _by_key(tx, owner, key)
        if found is not None:
            if found[1] != body:
                raise Conflict("idempotency_mismatch")
            return get(tx.connection, found[0])
    if counters.value(tx.connection, f"datasets.{owner}") >= MAX_DATASETS:
        raise Conflict("list_full", limit=MAX_DATASETS)
    dataset = new_id()
    tx.connection.execute(
        """
        INSERT INTO datasets (id, owner, name, key, body, created)
        VALUES (:id, :owner, :name, :key, :body, :now)
        """,
        {"id": dataset, "owner": owner, "name": name, "key": key, "body": body, "now": tx.now},
    )
    tx.fact(DatasetChanged(owner=owner, dataset=dataset))
    return get(tx.connection, dataset)


def get(
    connection: sqlite3.Connection,
    dataset: str,
    owner: str | None = None,
    *,
    resolution: int = RESOLUTION,
    step: int = STEP,
    shaped: bool = True,
) -> Dataset:
    """Read one dataset with its first pictures, its newest refusals and all of its buckets.

    :param resolution: that the buckets are for, in pixels.
    :param shaped: whether pictures keep their shape; else all are cropped to squares.
    :raises NotFound: unknown, or somebody else's.
    """
    found = _row(connection, dataset, owner)
    first = dataset_reads.page(connection, dataset, owner, limit=pages.LIMIT)
    sizes = list(dataset_reads.sizes(connection, found[0]))
    return _dataset(
        found,
        kept=first.items,
        next=first.next,
        quarantined=dataset_reads.quarantined(connection, found[0]),
        smallest=_size(min(sizes, key=_area, default=None)),
        largest=_size(max(sizes, key=_area, default=None)),
        buckets=buckets.of(sizes, resolution, step, kept=shaped),
    )


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
    q: str | None = None,
) -> Page[Dataset]:
    """Read a page, newest first, without pictures and buckets.

    :param q: a part of the name.
    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM datasets
        WHERE row < :before {"" if owner is None else "AND owner = :owner"}
            AND (:part IS NULL OR holds(name, :part))
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "datasets", owner, q),
            "owner": owner,
            "part": folded(q) if q else None,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, _dataset, "datasets", owner, q)


def rename(tx: Transaction, dataset: str, name: str, owner: str | None = None) -> Dataset:
    """Give a dataset another name.

    :raises NotFound: unknown, or somebody else's.
    """
    row, _, whose, old, *_ = _row(tx.connection, dataset, owner)
    if name != old:
        tx.connection.execute(
            "UPDATE datasets SET name = :name WHERE row = :row", {"name": name, "row": row}
        )
        tx.fact(DatasetChanged(owner=whose, dataset=dataset))
    return get(tx.connection, dataset)


def empty(tx: Transaction, dataset: str, owner: str | None = None) -> bool:
    """Take a piece of the pictures off a dataset that is about to be deleted.

    :returns: whether there may be more.
    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``dataset_in_use`` while a training needs it.
    """
    row = _free(tx.connection, dataset, owner)
    gone = tx.connection.execute(
        """
        DELETE FROM dataset_pictures
        WHERE row IN (
            SELECT row
            FROM dataset_pictures
            WHERE dataset = :dataset
            LIMIT :limit
        )
        """,
        {"dataset": row, "limit": PIECE},
    ).rowcount
    if gone:
        tx.fact(DatasetChanged(owner=owner_of(tx.connection, dataset), dataset=dataset))
    return gone == PIECE


def delete(tx: Transaction, dataset: str, owner: str | None = None) -> None:
    """Delete a dataset and what pictures it has left; blobs go when nobody names them.

    :raises NotFound: unknown, or somebody else's.
    :raises Conflict: ``dataset_in_use`` while a training needs it.
    """
    row = _free(tx.connection, dataset, owner)
    whose = owner_of(tx.connection, dataset)
    for table in ("dataset_pictures", "dataset_quarantine"):
        tx.connection.execute(f"DELETE FROM {table} WHERE dataset = :row", {"row": row})
    tx.connection.execute("DELETE FROM datasets WHERE row = :row", {"row": row})
    tx.fact(DatasetChanged(owner=whose, dataset=dataset, deleted=True))


def taught(connection: sqlite3.Connection, dataset: str) -> list[Taught]:
    """List what a run is taught of a dataset, in the order in which it came; none if unknown."""
    found = connection.execute(
        """
        SELECT sha256, file, width, height, transparent, caption, held_out
        FROM dataset_pictures
        WHERE dataset = (SELECT row FROM datasets WHERE id = :id)
        ORDER BY row
        """,
        {"id": dataset},
    )
    return [
        Taught(
            sha256=sha256, file=file, width=width, height=height, transparent=bool(transparent),
            caption=caption, held_out=bool(held_out),
        )
        for sha256, file, width, height, transparent, caption, held_out in found
    ]  # fmt: skip


def exists(connection: sqlite3.Connection, dataset: str, owner: str | None = None) -> bool:
    """Say whether there is such a dataset of an owner."""
    try:
        _row(connection, dataset, owner)
    except NotFound:
        return False
    return True


def owner_of(connection: sqlite3.Connection, dataset: str) -> str:
    """Say whose a dataset is.

    :raises NotFound: for an unknown one.
    """
    return str(_row(connection, dataset, None)[2])


def row_of(connection: sqlite3.Connection, dataset: str, owner: str | None = None) -> int:
    """Find a dataset's row.

    :raises NotFound: unknown, or somebody else's.
    """
    return int(_row(connection, dataset, owner)[0])


def _free(connection: sqlite3.Connection, dataset: str, owner: str | None) -> int:
    row = row_of(connection, dataset, owner)
    user = needs.dataset(connection, dataset)
    if user is not None:
        raise Conflict("dataset_in_use", training=user)
    return row


def _by_key(tx: Transaction, owner: str, key: str) -> tuple[str, str] | None:
    tx.connection.execute(
        """
        UPDATE datasets
        SET key = NULL, body = NULL
        WHERE owner = :owner AND key = :key AND created < :before
        """,
        {"owner": owner, "key": key, "before": tx.now - _DAY},
    )
    found: tuple[str, str] | None = tx.connection.execute(
        "SELECT id, body FROM datasets WHERE owner = :owner AND key = :key",
        {"owner": owner, "key": key},
    ).fetchone()
    return found


def _row(connection: sqlite3.Connection, dataset: str, owner: str | None) -> tuple[Any, ...]:
    found: tuple[Any, ...] | None = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM datasets
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": dataset, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="dataset", id=dataset)
    return found


def _area(size: tuple[int, int]) -> tuple[int, int]:
    return size[0] * size[1], size[0]


def _size(size: tuple[int, int] | None) -> PictureSize | None:
    return None if size is None else PictureSize(width=size[0], height=size[1])


def _dataset(found: Sequence[Any], **more: Any) -> Dataset:
    _, dataset, owner, name, pictures, quarantined, size, created = found
    return Dataset(
        id=dataset, owner=owner, name=name, count=pictures, quarantined_count=quarantined,
        bytes=size, created=iso(created), **more,
    )  # fmt: skip
