"""What is to be told to webhooks: written with the end that it tells of, kept until it was told.

Knows no network and no schedule. Those that wait stand in one line a host, so that what is found
to do costs as many looks as there are hosts, however long their lines are.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct

from core.errors import NotFound, Problem
from core.ids import new_id
from core.records.events import Numbered
from core.records.webhook import Delivery, DeliveryStatus, HookEvent
from core.store import counters
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso, maybe
from core.store.transaction import Transaction

MAX_WAITING = 100_000  # of all; what comes beyond has failed at once
KEPT = 10_000  # that have ended
KEPT_DAYS = 7
_PIECE = 1_000  # rows that are deleted in one transaction
_DAY = 86_400_000  # milliseconds
_PROBLEM = msgspec.json.Decoder(Problem)
_SHOWN = """
    row, id, owner, event, about, url, status, attempts, due, answer, error, created, ended
"""


class Told(Struct, frozen=True, kw_only=True):
    """An end that somebody wants to be told of."""

    owner: str
    batch: int  # row
    event: HookEvent
    about: str
    url: str
    fact: Numbered


class Due(Struct, frozen=True, kw_only=True):
    """A delivery that is to be tried now."""

    id: str
    owner: str
    batch: str
    event: HookEvent
    url: str
    host: str
    fact: bytes
    attempts: int


def add(tx: Transaction, told: Told) -> None:
    """Write down what is to be told, in the transaction of the end itself."""
    full = counters.value(tx.connection, "deliveries.waiting") >= MAX_WAITING
    error = Problem(code="webhook_backlog", params={"limit": MAX_WAITING}) if full else None
    tx.connection.execute(
        """
        INSERT INTO deliveries (
            id, owner, batch, event, about, url, host, fact, status, due, error, created, ended
        )
        VALUES (
            :id, :owner, :batch, :event, :about, :url, :host, :fact, :status, :due, :error,
            :created, :ended
        )
        """,
        {
            "id": new_id(),
            "owner": told.owner,
            "batch": told.batch,
            "event": told.event,
            "about": told.about,
            "url": told.url,
            "host": urlsplit(told.url).netloc.lower(),
            "fact": told.fact.text,
            "status": "failed" if full else "waiting",
            "due": None if full else tx.now,
            "error": _text(error),
            "created": tx.now,
            "ended": tx.now if full else None,
        },
    )


def hosts(connection: sqlite3.Connection, after: str, limit: int) -> list[tuple[str, int]]:
    """List hosts that something waits for, from one of them on, each with its earliest time."""
    found = connection.execute(
        """
        WITH RECURSIVE line (host) AS (
            SELECT MIN(host)
            FROM deliveries INDEXED BY deliveries_line
            WHERE status = 'waiting' AND host > :after
            UNION ALL
            SELECT (
                SELECT MIN(host)
                FROM deliveries INDEXED BY deliveries_line
                WHERE status = 'waiting' AND host > line.host
            )
            FROM line
            WHERE line.host IS NOT NULL
            LIMIT :limit
        )
        SELECT host, (
            SELECT MIN(due)
            FROM deliveries INDEXED BY deliveries_line
            WHERE status = 'waiting' AND host = line.host
        )
        FROM line
        WHERE host IS NOT NULL
        """,
        {"after": after, "limit": limit},
    )
    return [(str(host), int(due)) for host, due in found]


def due(connection: sqlite3.Connection, host: str, now: int, limit: int) -> list[Due]:
    """Read what is to be told to a host now, what has waited longest first."""
    found = connection.execute(
        """
        SELECT deliveries.id, deliveries.owner, batches.id, event, url, host, fact, attempts
        FROM deliveries INDEXED BY deliveries_line JOIN batches ON batches.row = deliveries.batch
        WHERE deliveries.status = 'waiting' AND host = :host AND due <= :now
        ORDER BY due
        LIMIT :limit
        """,
        {"host": host, "now": now, "limit": limit},
    )
    fields = Due.__struct_fields__
    return [Due(**dict(zip(fields, row, strict=True))) for row in found]


def delivered(tx: Transaction, delivery: str, answer: int) -> None:
    """End one that was taken."""
    _tried(tx, delivery, "delivered", answer, None, None)


def put_off(tx: Transaction, delivery: str, until: int, answer: int | None, error: Problem) -> None:
    """Let one that was not taken wait until a time."""
    _tried(tx, delivery, "waiting", answer, error, until)


def failed(tx: Transaction, delivery: str, answer: int | None, error: Problem) -> None:
    """End one that was not taken, and is tried no more."""
    _tried(tx, delivery, "failed", answer, error, None)


def unwanted(tx: Transaction, delivery: str, answer: int, error: Problem) -> None:
    """End one whose receiver wants no more, with all that wait for it of that batch."""
    failed(tx, delivery, answer, error)
    row, batch = tx.connection.execute(
        "SELECT row, batch FROM deliveries WHERE id = :id", {"id": delivery}
    ).fetchone()
    tx.connection.execute("UPDATE batches SET webhook = NULL WHERE row = :row", {"row": batch})
    tx.connection.execute(
        """
        UPDATE deliveries
        SET status = 'failed', due = NULL, ended = :now, error = :error
        WHERE batch = :batch AND status = 'waiting' AND row <> :row
        """,
        {"batch": batch, "row": row, "now": tx.now, "error": _text(error)},
    )


def again(tx: Transaction, delivery: str, owner: str | None = None) -> Delivery:
    """Let one be tried at once, as if it never had been.

    :raises NotFound: unknown, or somebody else's.
    """
    tx.connection.execute(
        """
        UPDATE deliveries
        SET status = 'waiting', due = :now, attempts = 0, ended = NULL
        WHERE id = :id AND (:owner IS NULL OR owner = :owner)
        """,
        {"id": delivery, "owner": owner, "now": tx.now},
    )
    return get(tx.connection, delivery, owner)


def get(connection: sqlite3.Connection, delivery: str, owner: str | None = None) -> Delivery:
    """Read one.

    :raises NotFound: unknown, or somebody else's.
    """
    found = connection.execute(
        f"SELECT {_SHOWN} FROM deliveries WHERE id = :id AND (:owner IS NULL OR owner = :owner)",
        {"id": delivery, "owner": owner},
    ).fetchone()
    if found is None:
        raise NotFound(what="delivery", id=delivery)
    return _record(found)


def page(
    connection: sqlite3.Connection,
    owner: str | None = None,
    status: DeliveryStatus | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Delivery]:
    """Read deliveries, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    wanted = {"owner": owner, "status": status}
    clauses = [f"{name} = :{name}" for name, value in wanted.items() if value is not None]
    held = {"before": pages.decode(cursor, "deliveries", owner, status)}
    found = connection.execute(
        f"""
        SELECT {_SHOWN}
        FROM deliveries
        WHERE {" AND ".join(["row < :before", *clauses])}
        ORDER BY row DESC
        LIMIT :limit
        """,
        {**wanted, **held, "limit": pages.clamp(limit) + 1},
    ).fetchall()
    return pages.cut(found, limit, _record, "deliveries", owner, status)


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Say how many wait, and how many were delivered and have failed ever."""
    return counters.under(connection, "deliveries")


def sweep(tx: Transaction) -> bool:
    """Delete some that ended long ago, or beyond the newest 10,000; True if more may be left."""
    newest = tx.connection.execute(
        """
        SELECT ended
        FROM deliveries
        WHERE ended IS NOT NULL
        ORDER BY ended DESC
        LIMIT 1 OFFSET :kept
        """,
        {"kept": KEPT},
    ).fetchone()
    before = max(tx.now - KEPT_DAYS * _DAY, 0 if newest is None else int(newest[0]))
    deleted = tx.connection.execute(
        """
        DELETE FROM deliveries
        WHERE row IN (
            SELECT row
            FROM deliveries
            WHERE ended IS NOT NULL AND ended <= :before
            LIMIT :limit
        )
        """,
        {"before": before, "limit": _PIECE},
    ).rowcount
    return deleted == _PIECE


def _tried(
    tx: Transaction,
    delivery: str,
    status: DeliveryStatus,
    answer: int | None,
    error: Problem | None,
    until: int | None,
) -> None:
    """Note an attempt; one that ended meanwhile stays as it is."""
    tx.connection.execute(
        """
        UPDATE deliveries
        SET status = :status, attempts = attempts + 1, due = :due, answer = :answer,
            error = :error, ended = :ended
        WHERE id = :id AND status = 'waiting'
        """,
        {
            "id": delivery,
            "status": status,
            "due": until,
            "answer": answer,
            "error": _text(error),
            "ended": None if status == "waiting" else tx.now,
        },
    )


def _record(found: Sequence[Any]) -> Delivery:
    _, id_, owner, event, about, url, status, attempts, due_, answer, error, made, over = found
    return Delivery(
        id=id_, owner=owner, event=event, about=about, url=url, status=status, attempts=attempts,
        due=maybe(due_), answer=answer, error=None if error is None else _PROBLEM.decode(error),
        created=iso(made), ended=maybe(over),
    )  # fmt: skip


def _text(error: Problem | None) -> str | None:
    return None if error is None else msgspec.json.encode(error).decode()
