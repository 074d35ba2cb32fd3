"""The log of facts: numbered without a gap, replayable, pruned from the old end."""

import sqlite3

import msgspec

from core.records.events import AnyFact, Numbered
from core.store.times import iso

_ENCODER = msgspec.json.Encoder()
_PRUNED = 5_000  # rows of one batch, so that the writer is not held up


def number(fact: AnyFact, seq: int, at: int, job: str | None = None) -> Numbered:
    """Give a fact its number and its time, and encode it once.

    The struct is encoded first, then ``seq`` and ``at`` are spliced in where ``owner`` stood:
    whose a fact is decides who gets it and is no part of it.

    :param at: milliseconds since 1970.
    """
    tag = str(fact.__struct_config__.tag)
    body = _ENCODER.encode(fact)
    head = b'{"type":"%b","owner":%b' % (tag.encode(), _ENCODER.encode(fact.owner))
    assert body.startswith(head)
    stamp = b'{"type":"%b","seq":%d,"at":"%b"' % (tag.encode(), seq, iso(at).encode())
    return Numbered(
        seq=seq,
        topic=fact.topic,
        owner=fact.owner,
        job=job if job is not None else getattr(fact, "job", None),
        text=stamp + body[len(head) :],
    )


def insert(connection: sqlite3.Connection, numbered: Numbered, at: int) -> None:
    """Store a numbered fact; only ``Transaction.fact`` calls this."""
    connection.execute(
        """
        INSERT INTO events (seq, at, topic, owner, job, text)
        VALUES (:seq, :at, :topic, :owner, :job, :text)
        """,
        {
            "seq": numbered.seq,
            "at": at,
            "topic": numbered.topic,
            "owner": numbered.owner,
            "job": numbered.job,
            "text": numbered.text,
        },
    )


def head(connection: sqlite3.Connection) -> int:
    """Read the number of the newest fact there ever was; 0 before the first."""
    found = connection.execute(
        """
        SELECT seq
        FROM sqlite_sequence
        WHERE name = 'events'
        """
    ).fetchone()
    return int(found[0]) if found else 0


def floor(connection: sqlite3.Connection) -> int:
    """Read the oldest ``since`` that can still be resumed from without a gap."""
    found = connection.execute("SELECT MIN(seq) FROM events").fetchone()[0]
    return head(connection) if found is None else int(found) - 1


def after(connection: sqlite3.Connection, since: int, limit: int) -> list[Numbered]:
    """Read at most ``limit`` facts with numbers above ``since``, oldest first."""
    found = connection.execute(
        """
        SELECT seq, topic, owner, job, text
        FROM events
        WHERE seq > :since
        ORDER BY seq
        LIMIT :limit
        """,
        {"since": since, "limit": limit},
    )
    return [
        Numbered(seq=seq, topic=topic, owner=owner, job=job, text=text)
        for seq, topic, owner, job, text in found
    ]


def prune(connection: sqlite3.Connection, keep: int) -> bool:
    """Delete up to 5,000 of the oldest facts beyond the newest ``keep``; True if more remain."""
    bound = head(connection) - keep
    deleted = connection.execute(
        """
        DELETE FROM events
        WHERE seq IN (
            SELECT seq
            FROM events
            WHERE seq <= :bound
            ORDER BY seq
            LIMIT :limit
        )
        """,
        {"bound": bound, "limit": _PRUNED},
    ).rowcount
    return deleted == _PRUNED
