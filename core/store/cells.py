"""The cells of a batch: which job stands for each, and which of them are held back.

Every cell has one job that counts. Where that one failed and the cell is asked for again, a new job
takes its spot and the old one is left out of the batch's counts. What a cell's values are is
``designs``' business.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import Problem
from core.ids import new_id
from core.store import clients, counters
from core.store.image_reads import ImageFile
from core.store.transaction import Transaction
from core.store.work import LISTED

_PROBLEM = msgspec.json.Decoder(Problem)


class Lost(Struct, frozen=True):
    """A job that ended without success and that no other has followed."""

    row: int
    status: str
    kind: str
    cell: str
    spot: int
    priority: int
    place: float  # in its client's line, when it waited
    cost: int


class Shown(Struct, frozen=True, kw_only=True):
    """A cell, and the first picture of the job that stands for it."""

    cell: str
    status: str
    error: Problem | None
    image: ImageFile | None
    width: int  # pixels of the picture
    height: int


def shown(connection: sqlite3.Connection, batch: int) -> list[Shown]:
    """Read every cell of a batch with its picture, in their order: 10,000 at most."""
    found = connection.execute(
        """
        SELECT jobs.cell, jobs.status, jobs.error, images.row, images.id, images.kind,
            images.sha256, images.blob, COALESCE(images.width, 0), COALESCE(images.height, 0)
        FROM jobs INDEXED BY jobs_spots
        LEFT JOIN images
            ON images.job = jobs.id AND images.output = 0 AND images.deleted IS NULL
            AND images.lost = 0
        WHERE jobs.batch = :batch AND jobs.successor IS NULL
        ORDER BY jobs.spot
        """,
        {"batch": batch},
    )
    return [
        Shown(
            cell=cell,
            status=status,
            error=None if error is None else _PROBLEM.decode(error),
            image=None
            if image is None
            else ImageFile(row=row, id=image, kind=kind, sha256=sha256, blob=bool(blob)),
            width=width,
            height=height,
        )
        for cell, status, error, row, image, kind, sha256, blob, width, height in found
    ]


def lost(connection: sqlite3.Connection, batch: int) -> list[Lost]:
    """Read what a batch's cells lack, in their order: 10,000 at most."""
    found = connection.execute(
        """
        SELECT row, status, kind, cell, spot, priority, place, cost
        FROM jobs INDEXED BY jobs_batch
        WHERE batch = :batch AND status IN ('failed', 'canceled', 'quarantined')
            AND successor IS NULL
        ORDER BY spot
        """,
        {"batch": batch},
    )
    return [Lost(*each) for each in found]


def replace(
    tx: Transaction, batch: int, client: int, owner: str, old: Sequence[Lost], *, held: bool
) -> list[str]:
    """Put a new job in the spot of each, where it stood in its line; ids of the first 200.

    :param held: hold them back; ``fill`` lets go what there is room for.
    """
    connection = tx.connection
    first = 1 + int(connection.execute("SELECT COALESCE(MAX(row), 0) FROM jobs").fetchone()[0])
    ids = [new_id() for _ in old]
    connection.executemany(
        "UPDATE jobs SET successor = ? WHERE row = ?",
        zip(ids, (each.row for each in old), strict=True),
    )
    connection.executemany(
        """
        INSERT INTO jobs (
            row, id, batch, client, owner, kind, status, cell, priority, place, cost, created,
            spot, held
        )
        VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            (
                row, job, batch, client, owner, each.kind, each.cell, each.priority, each.place,
                each.cost, tx.now, each.spot, held,
            )
            for row, (job, each) in enumerate(zip(ids, old, strict=True), start=first)
        ),
    )  # fmt: skip
    cost = sum(each.cost for each in old)
    counters.add_all(connection, {"jobs.queued": len(old), "cost.queued": cost})
    clients.add(connection, client, len(old), cost, len(old) if held else 0)
    _count_again(tx, batch, old)
    return ids[:LISTED]


def let_go(tx: Transaction, batch: int, count: int) -> None:
    """Let the next jobs of a batch that are held back into the line."""
    tx.connection.execute(
        """
        UPDATE jobs
        SET held = 0
        WHERE row IN (
            SELECT row
            FROM jobs INDEXED BY jobs_held
            WHERE batch = :batch AND status = 'queued' AND held = 1
            ORDER BY turn, place, row
            LIMIT :count
        )
        """,
        {"batch": batch, "count": count},
    )


def fill(tx: Transaction, batch: int) -> None:
    """Let into the line what the bound of a batch leaves room for."""
    queued, running, most = tx.connection.execute(
        "SELECT queued, running, max_rows FROM batches WHERE row = :batch", {"batch": batch}
    ).fetchone()
    held = tx.connection.execute(
        """
        SELECT COUNT(*)
        FROM jobs INDEXED BY jobs_held
        WHERE batch = :batch AND status = 'queued' AND held = 1
        """,
        {"batch": batch},
    ).fetchone()[0]
    room = most - (queued - held) - running
    if room > 0:
        let_go(tx, batch, room)


def _count_again(tx: Transaction, batch: int, old: Sequence[Lost]) -> None:
    """Count the new jobs of a batch in the place of the old."""
    status = [each.status for each in old]
    tx.connection.execute(
        """
        UPDATE batches
        SET queued = queued + :count, retried = retried + :count, failed = failed - :failed,
            canceled = canceled - :canceled, quarantined = quarantined - :quarantined, ended = NULL
        WHERE row = :batch
        """,
        {
            "batch": batch,
            "count": len(old),
            **{name: status.count(name) for name in ("failed", "canceled", "quarantined")},
        },
    )
