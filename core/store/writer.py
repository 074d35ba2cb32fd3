"""The writer: folds what waits into one commit, a savepoint each, then tells what happened.

Knows no tables but the number of the newest fact.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import anyio

from core import failpoint
from core.errors import DiskFull, Unavailable
from core.records.events import Numbered
from core.store import events
from core.store.link import Link
from core.store.meters import CommitMeters
from core.store.times import now
from core.store.transaction import Transaction, refusal

T = TypeVar("T")
Publish = Callable[[Sequence[Numbered]], None]
WAITING = 10_000  # callables; more wait in front of the list
FOLDED = 500  # callables of one commit, so that the first is not kept waiting by the last
_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


class _Entry:
    """A callable that waits, the future of its result, and what came of it."""

    def __init__(self, call: Callable[[Transaction], Any], future: "asyncio.Future[Any]") -> None:
        self.call = call
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.facts: list[Numbered] = []

    def settle(self) -> None:
        """Give the outcome to whoever still waits for it."""
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The one task that hands transactions to the writing thread."""

    def __init__(self, link: Link, publish: Publish) -> None:
        self._link = link
        self._publish = publish
        self.meters = CommitMeters()
        self._pending: deque[_Entry] = deque()
        self._room = anyio.Semaphore(WAITING, fast_acquire=True)
        self._bell = asyncio.Event()  # anyio's cannot be cleared
        self._closing = False
        self._seq = 0

    async def start(self) -> None:
        """Read where the numbering of facts goes on."""
        self._seq = await self._link.run(events.head)

    async def write(self, call: Callable[[Transaction], T]) -> T:
        """Wait for room, then for the commit that holds ``call``."""
        async with self._room:
            if self._closing:
                raise Unavailable("closing")
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._pending.append(_Entry(call, future))
            self._bell.set()
            with anyio.CancelScope(shield=True):
                await future
            return future.result()

    async def run(self) -> None:
        """Commit until closed and nothing waits. Shielded: only ``close`` ends it."""
        group: list[_Entry] = []
        with anyio.CancelScope(shield=True):
            try:
                while await self._more():
                    group = [
                        self._pending.popleft() for _ in range(min(len(self._pending), FOLDED))
                    ]
                    self.meters.begin()
                    await self._link.run(partial(self._commit, group=group))
                    self.meters.end(entry.error for entry in group)
                    facts = [fact for entry in group for fact in entry.facts]
                    if facts:
                        self._publish(facts)
                    for entry in group:
                        entry.settle()
            finally:
                self._closing = True
                for entry in (*group, *self._pending):  # only if publish itself is broken
                    entry.error = entry.error or Unavailable("closing")
                    entry.settle()

    def close(self) -> None:
        """Take nothing more; what waits is still committed."""
        self._closing = True
        self._bell.set()

    async def _more(self) -> bool:
        while not self._pending and not self._closing:
            self._bell.clear()
            await self._bell.wait()
        return bool(self._pending)

    def _commit(self, connection: sqlite3.Connection, group: list[_Entry]) -> None:
        """Run on the writer's thread: everything in one commit, or else each by itself."""
        error = self._attempt(connection, group)
        if error is None:
            return
        if len(group) == 1:
            group[0].error = _explained(error)
            return
        for entry in group:
            alone = self._attempt(connection, [entry])
            entry.error = entry.error if alone is None else _explained(alone)

    def _attempt(self, connection: sqlite3.Connection, group: list[_Entry]) -> sqlite3.Error | None:
        """Try one commit. If it fails, everything is undone and the error given back."""
        seq = self._seq
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:  # locked by a stranger, or unreadable: one by one is no help
            for entry in group:
                entry.error = _explained(error)
            return None
        try:
            for entry in group:
                self._savepoint(connection, entry)
            failpoint.hit("store.commit", refusal)
            connection.execute("COMMIT")
            failpoint.hit("store.publish")
        except sqlite3.Error as error:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._seq = seq
            for entry in group:
                entry.result, entry.error, entry.facts = None, None, []
            return error
        return None

    def _savepoint(self, connection: sqlite3.Connection, entry: _Entry) -> None:
        tx = Transaction(connection, now(), self._seq)
        connection.execute("SAVEPOINT entry")
        try:
            entry.result = entry.call(tx)
        except BaseException as error:  # not swallowed: raised again where the caller waits
            if isinstance(error, sqlite3.Error) and _is_disk(error):
                raise
            if not connection.in_transaction:
                raise sqlite3.OperationalError("the transaction was lost") from error
            connection.execute("ROLLBACK TO entry")
            connection.execute("RELEASE entry")
            entry.error = error
        else:
            connection.execute("RELEASE entry")
            entry.facts = tx.facts
            self._seq = tx.seq


def _is_disk(error: sqlite3.Error) -> bool:
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _NO_ROOM


def _explained(error: sqlite3.Error) -> Exception:
    if not _is_disk(error):
        return error
    full = DiskFull()
    full.__cause__ = error
    return full
