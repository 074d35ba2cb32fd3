"""The writer: folds what waits into one commit, a savepoint each, then tells what happened.

Knows no tables but the number of the newest fact.
"""

import asyncio
import logging
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio

from core import failpoint
from core.errors import Unavailable
from core.records.events import Numbered
from core.store import events, faults, link
from core.store.ballast import Ballast
from core.store.link import Link
from core.store.meters import CommitMeters
from core.store.times import now
from core.store.transaction import Transaction

log = logging.getLogger(__name__)
T = TypeVar("T")
Publish = Callable[[Sequence[Numbered]], None]
WAITING = 10_000  # callables; more wait in front of the list
FOLDED = 500  # callables of one commit, so that the first is not kept waiting by the last


class _Entry:
    """A callable that waits, the future of its result, and what came of it."""

    def __init__(
        self, call: Callable[[Transaction], Any], future: "asyncio.Future[Any]", urgent: bool
    ) -> None:
        self.call = call
        self.future = future
        self.urgent = urgent  # it may take the room of the ballast
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

    def __init__(self, link: Link, publish: Publish, path: Path, ballast: Ballast) -> None:
        self._link = link
        self._publish = publish
        self.meters = CommitMeters()
        self._path = path
        self._ballast = ballast
        self._doubt: faults.Fault | None = None  # what the connection met last
        self.failing: str | None = None  # why nothing can be written; not for want of room
        self._pending: deque[_Entry] = deque()
        self._room = anyio.Semaphore(WAITING, fast_acquire=True)
        self._bell = asyncio.Event()  # anyio's cannot be cleared
        self._closing = False
        self._seq = 0

    async def start(self) -> None:
        """Read where the numbering of facts goes on."""
        self._seq = await self._link.run(events.head)

    async def write(self, call: Callable[[Transaction], T], urgent: bool) -> T:
        """Wait for room, then for the commit that holds ``call``."""
        async with self._room:
            if self._closing:
                raise Unavailable("closing")
            future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
            self._pending.append(_Entry(call, future, urgent))
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

    def _commit(self, _: sqlite3.Connection, group: list[_Entry]) -> None:
        """Run on the writer's thread: everything in one commit, or else each by itself.

        A failing disk fails whoever is left once it has failed one alone; a full one does not, as
        a small transaction may find the room that a large one did not.
        """
        error = self._attempt(group)
        for at, entry in enumerate(group if error is not None else ()):
            if len(group) > 1 or faults.of(error) == "failing":
                error = self._attempt([entry])
            if faults.of(error) == "full" and entry.urgent and self._ballast.drop():
                error = self._attempt([entry])
            if error is None:
                continue
            entry.error = faults.explained(error)
            if faults.of(error) in ("failing", "busy"):
                for other in group[at + 1 :]:
                    other.error = faults.explained(error)
                return

    def _attempt(self, group: list[_Entry]) -> sqlite3.Error | None:
        """Try one commit. If it fails, everything is undone and the error given back."""
        try:
            connection = self._sound()
        except sqlite3.Error as error:
            return self._note(error)
        seq = self._seq
        try:
            connection.execute("BEGIN IMMEDIATE")
            for entry in group:
                self._savepoint(connection, entry)
            failpoint.hit("store.commit", faults.refusal)
            connection.execute("COMMIT")
            failpoint.hit("store.publish")
        except sqlite3.Error as error:
            self._undo(connection)
            self._seq = seq
            for entry in group:
                entry.result, entry.error, entry.facts = None, None, []
            return self._note(error)
        self._note(None)
        return None

    def _sound(self) -> sqlite3.Connection:
        """Give the connection, opened anew and looked at when the disk failed it before.

        SQLite may tell of a full disk once for each connection and not again, and a connection
        that met an I/O error may hold pages in its cache that are on no disk.

        :raises sqlite3.Error: when it cannot be opened, or the file is not sound.
        """
        if self._doubt is None:
            return self._link.connection
        connection = self._link.renew()
        if self._doubt == "failing":
            link.examine(connection)
        self._seq = events.head(connection)
        self._doubt = None
        return connection

    def _undo(self, connection: sqlite3.Connection) -> None:
        try:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        except sqlite3.Error:  # the disk fails that, too; opening it anew undoes what is left
            self._doubt = "failing"

    def _note(self, error: sqlite3.Error | None) -> sqlite3.Error | None:
        """Remember how the last commit went, and call a full disk by its name."""
        if error is None:
            self._work()
            return None
        error = faults.located(error, self._path)
        fault = faults.of(error)
        if fault in ("full", "failing"):
            self._doubt = fault
        if fault == "full":
            self._work()
        elif fault == "failing":
            if self.failing is None:
                log.error("the database is failing: %s", error, extra={"action": "store.failing"})
            self.failing = str(error)
        return error

    def _work(self) -> None:
        if self.failing is not None:
            log.info("the database works again", extra={"action": "store.works"})
        self.failing = None

    def _savepoint(self, connection: sqlite3.Connection, entry: _Entry) -> None:
        tx = Transaction(connection, now(), self._seq)
        connection.execute("SAVEPOINT entry")
        try:
            entry.result = entry.call(tx)
        except BaseException as error:  # not swallowed: raised again where the caller waits
            if isinstance(error, sqlite3.Error) and faults.of(error) is not None:
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
