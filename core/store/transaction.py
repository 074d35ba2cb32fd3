"""What a writing callable gets: the connection, the time, and a place to put facts.

Knows nothing of the loop; runs on the writer's thread.
"""

import sqlite3

from core import failpoint
from core.records.events import AnyFact, Numbered
from core.store import events
from core.store.faults import refusal


class Transaction:
    """One callable's share of a commit: a savepoint, one time, and its facts."""

    def __init__(self, connection: sqlite3.Connection, now: int, seq: int) -> None:
        self.connection = connection
        self.now = now  # milliseconds since 1970, the same for all rows of this callable
        self.facts: list[Numbered] = []
        self.seq = seq  # of the newest fact

    def fact(self, fact: AnyFact, job: str | None = None) -> Numbered:
        """Store a fact; it is published once this transaction is committed.

        :param job: whose it is for subscriptions to single jobs; the fact's own ``job`` field
            if it has one.
        """
        numbered = events.number(fact, self.seq + 1, self.now, job)
        events.insert(self.connection, numbered, self.now)
        self.seq += 1
        self.facts.append(numbered)
        return numbered

    def hit(self, point: str) -> None:
        """Pass a named failpoint; armed as a fault of the disk it raises what SQLite would."""
        failpoint.hit(point, refusal)
