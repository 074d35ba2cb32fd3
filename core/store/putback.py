"""What follows when a copy of the database is put back: pictures that are newer than it.

A copy carries a mark. A server that finds the mark in its own database knows that pictures may
lie in the folder which the database has never heard of, and that they are no strays.
"""

import sqlite3

from msgspec import Struct

from core.ids import lowest
from core.store import counters
from core.store.times import now
from core.store.transaction import Transaction

_COPIED = "copied"  # a setting of a copy: when it was made
_SPARED = "spared"  # a setting of a database that was put back: the time that it missed
_EARLY = 600_000  # milliseconds: a picture has its id a moment before it has its row


def mark(connection: sqlite3.Connection) -> None:
    """Note in a copy that it is one. Before there were settings there were no pictures."""
    found = connection.execute(
        """
        SELECT 1
        FROM sqlite_master
        WHERE type = 'table' AND name = 'settings'
        """
    ).fetchone()
    if found is not None:
        counters.set_setting(connection, _COPIED, now())


class Span(Struct, frozen=True):
    """From a copy to the start after it was put back, in milliseconds since 1970."""

    since: int
    until: int

    def holds_id(self, image: str) -> bool:
        """Say whether a picture's id was made in that time."""
        return lowest(self.since) <= image < lowest(self.until)


def settle(tx: Transaction) -> None:
    """Take the mark off a database that was put back, and remember the time that it missed."""
    copied = counters.setting(tx.connection, _COPIED, int)
    if copied is None:
        return
    before = spared(tx.connection)
    since = copied - _EARLY if before is None else min(before.since, copied - _EARLY)
    counters.set_setting(tx.connection, _SPARED, Span(since, tx.now))
    counters.set_setting(tx.connection, _COPIED, None)


def spared(connection: sqlite3.Connection) -> Span | None:
    """Give the time whose files must stay though no row knows them."""
    return counters.setting(connection, _SPARED, Span)
