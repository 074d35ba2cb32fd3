"""What a run keeps on the disk: resumable checkpoints and usable snapshots, as rows.

A folder is written before its row, and its row is deleted with what gave way to another.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct

from core.errors import NotFound
from core.ids import new_id
from core.records.events import TrainingCheckpoint
from core.records.training import Checkpoint, CheckpointKind
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso
from core.store.training_reads import Run
from core.store.transaction import Transaction

_COLUMNS = "row, id, step, kind, name, bytes, metric, best, created"


class Kept(Struct, frozen=True, kw_only=True):
    """A checkpoint with the name of its folder."""

    shown: Checkpoint
    name: str


def save(
    tx: Transaction,
    run: Run,
    *,
    name: str,
    step: int,
    kind: CheckpointKind,
    size: int,
    metric: float | None = None,
    best: bool = False,
    removed: Sequence[str] = (),
) -> None:
    """Note what a run wrote and what gave way to it; told again, it is one.

    A job that was to begin at a state of long ago has one of its own now, and goes on from that.
    """
    if kind == "checkpoint":
        tx.connection.execute(
            "UPDATE training_jobs SET start = NULL WHERE job = :job AND start IS NOT NULL",
            {"job": run.shown.job},
        )
    gone = _drop(tx, run, kind, set(removed) - {name})
    if best:
        tx.connection.execute(
            """
            UPDATE training_checkpoints
            SET best = 0
            WHERE training = :training AND kind = :kind AND best = 1
            """,
            {"training": run.row, "kind": kind},
        )
    checkpoint, fresh = _insert(tx, run, name, step, kind, size, metric, best)
    if fresh or gone:
        fact = TrainingCheckpoint(
            owner=run.shown.owner, training=run.shown.id, checkpoint=checkpoint, step=step,
            kind=kind, metric=metric, best=best, removed=gone,
        )  # fmt: skip
        tx.fact(fact, job=run.shown.job)


def page(
    connection: sqlite3.Connection,
    run: Run,
    kind: CheckpointKind | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Checkpoint]:
    """Read a page of what a run keeps, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM training_checkpoints INDEXED BY training_checkpoints_newest
        WHERE training = :training AND row < :before AND (:kind IS NULL OR kind = :kind)
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "training": run.row,
            "before": pages.decode(cursor, "checkpoints", run.shown.id, kind),
            "kind": kind,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(
        found, limit, lambda each: _kept(run, each).shown, "checkpoints", run.shown.id, kind
    )


def find(connection: sqlite3.Connection, run: Run, kind: CheckpointKind, which: str | int) -> Kept:
    """Find one by its step, its id, ``best`` or ``last``.

    :raises NotFound: ``checkpoint``.
    """
    term = {
        "best": "best = 1",
        "last": "TRUE",
    }.get(str(which), "step = :which" if isinstance(which, int) else "id = :which")
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM training_checkpoints
        WHERE training = :training AND kind = :kind AND {term}
        ORDER BY step DESC, row DESC
        LIMIT 1
        """,
        {"training": run.row, "kind": kind, "which": which},
    ).fetchone()
    if found is None:
        raise NotFound(what="checkpoint", id=str(which))
    return _kept(run, found)


def up_to(connection: sqlite3.Connection, run: Run, kind: CheckpointKind, step: int) -> Kept:
    """Find the newest of a step or before it.

    :raises NotFound: ``checkpoint``.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM training_checkpoints
        WHERE training = :training AND kind = :kind AND step <= :step
        ORDER BY step DESC, row DESC
        LIMIT 1
        """,
        {"training": run.row, "kind": kind, "step": step},
    ).fetchone()
    if found is None:
        raise NotFound(what="checkpoint", id=str(step))
    return _kept(run, found)


def names(connection: sqlite3.Connection, row: int) -> list[tuple[CheckpointKind, str]]:
    """Read kind and folder of everything that a run keeps."""
    found = connection.execute(
        "SELECT kind, name FROM training_checkpoints WHERE training = :training ORDER BY row",
        {"training": row},
    )
    return [(kind, name) for kind, name in found]


def lose(tx: Transaction, run: Run, kind: CheckpointKind, gone: Collection[str]) -> None:
    """Forget what is no longer on the disk."""
    _drop(tx, run, kind, set(gone))


def _drop(tx: Transaction, run: Run, kind: CheckpointKind, gone: Collection[str]) -> list[str]:
    found = []
    for name in sorted(gone):
        row = tx.connection.execute(
            """
            DELETE FROM training_checkpoints
            WHERE training = :training AND kind = :kind AND name = :name
            RETURNING id
            """,
            {"training": run.row, "kind": kind, "name": name},
        ).fetchone()
        found += [] if row is None else [str(row[0])]
    return found


def _insert(
    tx: Transaction,
    run: Run,
    name: str,
    step: int,
    kind: CheckpointKind,
    size: int,
    metric: float | None,
    best: bool,
) -> tuple[str, bool]:
    """Write a row; give its id, and whether it says anything that was not known."""
    values: dict[str, Any] = {
        "id": new_id(), "training": run.row, "step": step, "kind": kind, "name": name,
        "bytes": size, "metric": metric, "best": int(best), "created": tx.now,
    }  # fmt: skip
    added = tx.connection.execute(
        """
        INSERT INTO training_checkpoints (
            id, training, step, kind, name, bytes, metric, best, created
        )
        VALUES (:id, :training, :step, :kind, :name, :bytes, :metric, :best, :created)
        ON CONFLICT (training, kind, name) DO NOTHING
        """,
        values,
    ).rowcount
    if added:
        return str(values["id"]), True
    changed = tx.connection.execute(
        """
        UPDATE training_checkpoints
        SET step = :step, bytes = :bytes, metric = :metric, best = :best
        WHERE training = :training AND kind = :kind AND name = :name
            AND (step, bytes, best) IS NOT (:step, :bytes, :best)
        """,
        values,
    ).rowcount
    known = tx.connection.execute(
        """
        SELECT id
        FROM training_checkpoints
        WHERE training = :training AND kind = :kind AND name = :name
        """,
        values,
    ).fetchone()
    return str(known[0]), bool(changed)


def _kept(run: Run, found: Sequence[Any]) -> Kept:
    _, checkpoint, step, kind, name, size, metric, best, created = found
    shown = Checkpoint(
        id=checkpoint, training=run.shown.id, step=step, kind=kind, bytes=size, metric=metric,
        best=bool(best), created=iso(created),
    )  # fmt: skip
    return Kept(shown=shown, name=name)
