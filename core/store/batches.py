"""Batches: the graph, the recipe and the axes, stored once for up to 10,000 jobs."""

import sqlite3
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from core.errors import NotFound
from core.graph import axes as flat
from core.records.graph import Graph, Json
from core.records.job import Axis, Batch
from core.records.webhook import Webhook
from core.store import page as pages
from core.store.clients import Waiting
from core.store.designs import StoredAxis, decode_axes
from core.store.page import Page
from core.store.place import places, rate
from core.store.times import iso, maybe
from core.store.transaction import Transaction
from core.store.work import NewBatch

_STATUSES = ("queued", "running", "succeeded", "failed", "canceled", "quarantined")
_DAY = 86_400_000  # milliseconds that an idempotency key is remembered
_ENCODER = msgspec.json.Encoder()
_JSON = msgspec.json.Decoder()
_GRAPH = msgspec.json.Decoder(Graph)
_RECIPE = msgspec.json.Decoder(dict[str, Json])
_WEBHOOK = msgspec.json.Decoder(Webhook)


class Head(Struct, frozen=True, kw_only=True):
    """What a job's end needs to know of its batch."""

    id: str
    count: int
    board: str | None
    max_rows: int | None
    webhook: Webhook | None


def insert(tx: Transaction, new: NewBatch, batch: str, client: int, count: int) -> int:
    """Store a batch of jobs that all wait, and give back its row; the jobs follow."""
    row = tx.connection.execute(
        """
        INSERT INTO batches (
            id, kind, owner, client, request_id, board, exact, graph, recipe, axes, count, queued,
            created, max_rows, webhook
        )
        VALUES (
            :id, :kind, :owner, :client, :request_id, :board, :exact, :graph, :recipe, :axes,
            :count, :count, :created, :max_rows, :webhook
        )
        """,
        {
            "id": batch,
            "kind": new.kind,
            "owner": new.owner,
            "client": client,
            "request_id": new.request_id,
            "board": new.board,
            "exact": int(new.exact),
            "graph": _text(new.graph),
            "recipe": None if new.recipe is None else _text(new.recipe),
            "axes": _text(list(new.axes)),
            "count": count,
            "created": tx.now,
            "max_rows": new.max_rows,
            "webhook": None if new.webhook is None else _text(new.webhook),
        },
    ).lastrowid
    assert row is not None  # it was inserted
    return row


def head(connection: sqlite3.Connection, row: int) -> Head:
    """Read the little of a batch that its jobs' facts need."""
    batch, count, board, max_rows, webhook = connection.execute(
        """
        SELECT id, count, board, max_rows, webhook
        FROM batches
        WHERE row = :row
        """,
        {"row": row},
    ).fetchone()
    hook = None if webhook is None else _WEBHOOK.decode(webhook)
    return Head(id=batch, count=count, board=board, max_rows=max_rows, webhook=hook)


def webhook_of(connection: sqlite3.Connection, job: str) -> Webhook | None:
    """Read who is told of the end of a job; None where nobody is."""
    found = connection.execute(
        """
        SELECT batches.webhook
        FROM jobs JOIN batches ON batches.row = jobs.batch
        WHERE jobs.id = :job
        """,
        {"job": job},
    ).fetchone()
    return None if found is None or found[0] is None else _WEBHOOK.decode(found[0])


def end(tx: Transaction, row: int) -> dict[str, int] | None:
    """Note the end of a batch in which nothing waits or runs; its counts if that is now."""
    found = tx.connection.execute(
        """
        UPDATE batches
        SET ended = :now
        WHERE row = :row AND queued = 0 AND running = 0 AND ended IS NULL
        RETURNING queued, running, succeeded, failed, canceled, quarantined
        """,
        {"row": row, "now": tx.now},
    ).fetchone()
    return None if found is None else _counts(found)


def known(tx: Transaction, owner: str, key: str) -> tuple[str, int] | None:
    """Find the body hash and the batch of an idempotency key of the last 24 hours."""
    tx.connection.execute(
        "DELETE FROM idempotency WHERE created < :before", {"before": tx.now - _DAY}
    )
    found: tuple[str, int] | None = tx.connection.execute(
        """
        SELECT body, batch
        FROM idempotency
        WHERE owner = :owner AND key = :key
        """,
        {"owner": owner, "key": key},
    ).fetchone()
    return found


def remember(tx: Transaction, owner: str, key: str, body: str, batch: int) -> None:
    """Store an idempotency key with the batch that it made."""
    tx.connection.execute(
        """
        INSERT INTO idempotency (owner, key, body, batch, created)
        VALUES (:owner, :key, :body, :batch, :created)
        """,
        {"owner": owner, "key": key, "body": body, "batch": batch, "created": tx.now},
    )


def row_of(connection: sqlite3.Connection, batch: str, owner: str | None = None) -> int:
    """Find a batch by its id.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        """
        SELECT row
        FROM batches
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": batch, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="batch", id=batch)
    return int(found[0])


def belongs(connection: sqlite3.Connection, row: int) -> tuple[str, int]:
    """Read whose a batch is, and in which client's line its jobs stand."""
    owner, client = connection.execute(
        "SELECT owner, client FROM batches WHERE row = :row", {"row": row}
    ).fetchone()
    return str(owner), int(client)


def get(
    connection: sqlite3.Connection, batch: str, owner: str | None = None, pace: float | None = None
) -> Batch:
    """Read one batch.

    :param pace: seconds per unit of cost, for ``eta_seconds``; None: as measured.
    :raises NotFound: unknown, or somebody else's.
    """
    row = row_of(connection, batch, owner)
    whose, graph, recipe, axes, count, created, ended, retried, most, *counts = connection.execute(
        """
        SELECT owner, graph, recipe, axes, count, created, ended, retried, max_rows,
            queued, running, succeeded, failed, canceled, quarantined
        FROM batches
        WHERE row = :row
        """,
        {"row": row},
    ).fetchone()
    return Batch(
        id=batch,
        owner=whose,
        count=count,
        counts=_counts(counts),
        retried=retried,
        max_rows=most,
        graph=_GRAPH.decode(graph),
        recipe=None if recipe is None else _RECIPE.decode(recipe),
        axes=_axes(decode_axes(axes)),
        created=iso(created),
        ended=maybe(ended),
        eta_seconds=None if ended is not None else _eta(connection, row, pace),
    )


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[str]:
    """Read ids of batches, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        """
        SELECT row, id
        FROM batches
        WHERE row < :before AND (:owner IS NULL OR owner = :owner)
        ORDER BY row DESC
        LIMIT :limit
        """,
        {
            "before": pages.decode(cursor, "batches", owner),
            "owner": owner,
            "limit": pages.clamp(limit) + 1,
        },
    ).fetchall()
    return pages.cut(found, limit, lambda each: str(each[1]), "batches", owner)


def _eta(connection: sqlite3.Connection, row: int, pace: float | None) -> float | None:
    """Estimate the end of the batch's last waiting job, or else of all that runs."""
    pace = rate(connection) if pace is None else pace
    if pace is None:
        return None
    found = connection.execute(
        """
        SELECT row, client, turn, place, cost, suspect
        FROM jobs
        WHERE batch = :batch AND status = 'queued'
        ORDER BY row DESC
        LIMIT 1
        """,
        {"batch": row},
    ).fetchone()
    if found is None:
        running = connection.execute(
            "SELECT COALESCE(SUM(cost), 0) FROM jobs WHERE batch = :batch AND status = 'running'",
            {"batch": row},
        ).fetchone()[0]
        return round(float(running) * pace, 1)
    last = Waiting(**dict(zip(Waiting.__struct_fields__, found, strict=True)))
    return places(connection, [last], pace)[last.row].eta_seconds


def _axes(stored: Sequence[StoredAxis]) -> list[Axis]:
    """Give the axes as they may be asked for again: what advanced together is zipped."""
    found = []
    for side in flat.sides([axis.group for axis in stored]):
        made = [_axis(stored[place]) for place in side]
        found += made if len(made) == 1 else [Axis(zip=made)]
    return found


def _axis(axis: StoredAxis) -> Axis:
    node, setting = None, axis.label
    if axis.replace is not None:
        setting = setting.removesuffix(f":{axis.replace}")
    if len(axis.targets) == 1 and setting == ".".join(axis.targets[0]):
        node, setting = axis.targets[0]
    values = [_JSON.decode(value) for value in axis.values]
    return Axis(node=node, setting=setting, values=values, replace=axis.replace)


def _counts(found: Sequence[int]) -> dict[str, int]:
    return dict(zip(_STATUSES, found, strict=True))


def _text(value: object) -> str:
    return _ENCODER.encode(value).decode()
