"""What may become of a job: every change of a status, each a conditional UPDATE.

No row means that somebody was first. Counts are kept by the schema's triggers. Which change is
due, and the facts that tell of it, are ``core.jobs``' business.
"""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import NotFound, Problem
from core.ids import new_id
from core.records.graph import Json
from core.records.job import JobKind, JobStatus
from core.store import clients, counters
from core.store.transaction import Transaction
from core.store.work import LISTED, NewBatch

_ENCODER = msgspec.json.Encoder()
_COLUMNS = """
    row, id, batch, client, owner, kind, status, cell, priority, place, cost, attempt, crashes,
    suspect, canceling, boot, generation, charge, started, created, held
"""


class Row(Struct, frozen=True, kw_only=True):
    """A job as it is kept, less what only clients read."""

    row: int
    id: str
    batch: int
    client: int
    owner: str
    kind: JobKind
    status: JobStatus
    cell: str
    priority: int
    place: float
    cost: int
    attempt: int
    crashes: int
    suspect: bool
    canceling: bool
    boot: str | None
    generation: int | None
    charge: float
    started: int | None
    created: int
    held: bool  # back until a job of its batch ends


def insert(
    tx: Transaction, new: NewBatch, batch: int, client: int, cells: Sequence[str]
) -> list[str]:
    """Put a batch's jobs at the end of their client's line; ids of the first 200."""
    first = 1 + int(tx.connection.execute("SELECT COALESCE(MAX(row), 0) FROM jobs").fetchone()[0])
    ids, now = [new_id() for _ in cells], tx.now
    tx.connection.executemany(
        """
        INSERT INTO jobs (
            row, id, batch, client, owner, kind, status, cell, priority, place, cost, created,
            spot, held
        )
        VALUES (?, ?, ?, ?, ?, ?, 'queued', ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            (
                first + spot, job, batch, client, new.owner, new.kind, cell, new.priority,
                first + spot, new.cost, now, spot, spot >= (new.max_rows or len(ids)),
            )
            for spot, (job, cell) in enumerate(zip(ids, cells, strict=True))
        ),
    )  # fmt: skip
    total = new.cost * len(ids)
    counters.add_all(tx.connection, {"jobs.queued": len(ids), "cost.queued": total})
    held = max(0, len(ids) - (new.max_rows or len(ids)))
    clients.add(tx.connection, client, len(ids), total, held)
    return ids[:LISTED]


def get(connection: sqlite3.Connection, job: str, owner: str | None = None) -> Row:
    """Read one job.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM jobs
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": job, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="job", id=job)
    return _row(found)


def first_of(connection: sqlite3.Connection, batch: int) -> list[str]:
    """Read ids of the first 200 jobs of a batch."""
    found = connection.execute(
        """
        SELECT id
        FROM jobs
        WHERE batch = :batch
        ORDER BY row
        LIMIT :limit
        """,
        {"batch": batch, "limit": LISTED},
    )
    return [each[0] for each in found]


def take(tx: Transaction, row: int, boot: str, generation: int, charge: float) -> Row | None:
    """Start a queued job under (boot, generation)."""
    found = tx.connection.execute(
        f"""
        UPDATE jobs
        SET status = 'running', attempt = attempt + 1, boot = :boot, generation = :generation,
            charge = :charge, started = :now
        WHERE row = :row AND status = 'queued'
        RETURNING {_COLUMNS}
        """,
        {"row": row, "boot": boot, "generation": generation, "charge": charge, "now": tx.now},
    ).fetchone()
    return None if found is None else _row(found)


def running(connection: sqlite3.Connection, boot: str, generation: int | None = None) -> list[Row]:
    """Read what runs under a boot, and under one generation of it; oldest first."""
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM jobs INDEXED BY jobs_running
        WHERE status = 'running' AND boot = :boot
            AND (:generation IS NULL OR generation = :generation)
        ORDER BY row
        """,
        {"boot": boot, "generation": generation},
    )
    return [_row(each) for each in found.fetchall()]


def suspect_runs(connection: sqlite3.Connection, boot: str, generation: int) -> bool:
    """Say whether a suspect runs under a boot and generation."""
    found = connection.execute(
        """
        SELECT 1
        FROM jobs INDEXED BY jobs_running
        WHERE status = 'running' AND boot = :boot AND generation = :generation AND suspect = 1
        LIMIT 1
        """,
        {"boot": boot, "generation": generation},
    )
    return found.fetchone() is not None


def stray(connection: sqlite3.Connection, boot: str) -> list[Row]:
    """Read what runs under any other boot: the server that ran it is gone."""
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM jobs INDEXED BY jobs_running
        WHERE status = 'running' AND boot <> :boot
        ORDER BY row
        """,
        {"boot": boot},
    )
    return [_row(each) for each in found.fetchall()]


def end(
    tx: Transaction,
    job: Row,
    status: JobStatus,
    *,
    seconds: float | None = None,
    error: Problem | None = None,
    degraded: Sequence[str] = (),
    cached: Sequence[str] = (),
    result: dict[str, Json] | None = None,
) -> bool:
    """End a job that is still as ``job`` says: same status, same boot and generation."""
    changed = tx.connection.execute(
        """
        UPDATE jobs
        SET status = :status, ended = :now, seconds = :seconds, error = :error,
            degraded = :degraded, cached = :cached, result = :result, boot = NULL,
            generation = NULL, canceling = 0, suspect = 0, crashes = :crashes
        WHERE row = :row AND status = :old AND boot IS :boot AND generation IS :generation
        """,
        {
            "row": job.row,
            "old": job.status,
            "boot": job.boot,
            "generation": job.generation,
            "status": status,
            "now": tx.now,
            "seconds": seconds,
            "error": None if error is None else _ENCODER.encode(error).decode(),
            "degraded": _ENCODER.encode(list(degraded)).decode() if degraded else None,
            "cached": _ENCODER.encode(list(cached)).decode() if cached else None,
            "crashes": job.crashes,
            "result": None if result is None else _ENCODER.encode(result).decode(),
        },
    ).rowcount
    return changed == 1


def back(tx: Transaction, job: Row, *, suspect: bool, crashes: int, attempt: int) -> bool:
    """Put a running job back where it stood in its line."""
    changed = tx.connection.execute(
        """
        UPDATE jobs
        SET status = 'queued', boot = NULL, generation = NULL, charge = 0, started = NULL,
            suspect = :suspect, crashes = :crashes, attempt = :attempt
        WHERE row = :row AND status = 'running' AND boot = :boot AND generation = :generation
        """,
        {
            "row": job.row,
            "boot": job.boot,
            "generation": job.generation,
            "suspect": int(suspect),
            "crashes": crashes,
            "attempt": attempt,
        },
    ).rowcount
    return changed == 1


def mark_canceling(tx: Transaction, row: int) -> bool:
    """Note that a running job is to stop."""
    changed = tx.connection.execute(
        """
        UPDATE jobs
        SET canceling = 1
        WHERE row = :row AND status = 'running'
        """,
        {"row": row},
    ).rowcount
    return changed == 1


def mark_batch_canceling(tx: Transaction, batch: int) -> list[str]:
    """Note that what runs of a batch is to stop; ids of those jobs."""
    found = tx.connection.execute(
        """
        UPDATE jobs INDEXED BY jobs_batch
        SET canceling = 1
        WHERE batch = :batch AND status = 'running'
        RETURNING id
        """,
        {"batch": batch},
    )
    return [each[0] for each in found.fetchall()]


def some_queued(
    connection: sqlite3.Connection,
    limit: int,
    *,
    batch: int | None = None,
    owner: str | None = None,
) -> list[Row]:
    """Read some of what waits: of a batch, of an owner, or of all."""
    terms = ["status = 'queued'"]
    terms += [] if batch is None else ["batch = :batch"]
    terms += [] if owner is None else ["owner = :owner"]
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM jobs
        WHERE {" AND ".join(terms)}
        LIMIT :limit
        """,
        {"batch": batch, "owner": owner, "limit": limit},
    )
    return [_row(each) for each in found.fetchall()]


def _row(found: Sequence[object]) -> Row:
    named = dict(zip(Row.__struct_fields__, found, strict=True))
    return msgspec.convert(named, Row, strict=False)
