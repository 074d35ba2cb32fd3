"""The database: one writer that folds what waits into one commit, and three readers.

Knows no tables. A transaction is one callable on the writer's thread; nothing is awaited
between two of its statements.
"""

import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from core.errors import Unavailable
from core.store import link, migrate
from core.store.link import Link
from core.store.meters import CommitMeters
from core.store.transaction import Transaction
from core.store.writer import Publish, Writer

T = TypeVar("T")
READERS = 3


class Database:
    """One SQLite file, opened by this process alone."""

    def __init__(self, writer: Writer, readers: list[Link]) -> None:
        self._writer = writer
        self._idle = readers
        self._readers = anyio.Semaphore(len(readers), fast_acquire=True)

    @classmethod
    @asynccontextmanager
    async def open(
        cls, path: Path, *, publish: Publish, backups: Path, migrations: Path
    ) -> AsyncIterator["Database"]:
        """Bring the file up to date, open it, and close every thread in the end.

        :param publish: gets each commit's facts in order, on the loop's thread; never waits.
        :raises StartError: ``database_newer``, ``database_corrupt``, ``migration_changed``,
            ``migration_failed``, ``no_room_for_backup``.
        """
        prepare = partial(migrate.prepare, path, backups=backups, migrations=migrations)
        await anyio.to_thread.run_sync(prepare)
        async with AsyncExitStack() as stack:
            links = []
            for opener in (link.writer, *[link.reader] * READERS):
                made = Link(partial(opener, path))
                await made.start()
                stack.push_async_callback(made.close)
                links.append(made)
            writer = Writer(links[0], publish)
            await writer.start()
            stack.push_async_callback(links[0].run, _tidy)
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(writer.run)
                    try:
                        yield cls(writer, links[1:])
                    finally:
                        writer.close()
            except BaseExceptionGroup as group_error:
                # The group is ours; who uses the database sees its own error as it was.
                if len(group_error.exceptions) == 1:
                    raise group_error.exceptions[0] from None
                raise

    @property
    def meters(self) -> CommitMeters:
        """Give the figures of the writer."""
        return self._writer.meters

    async def write(self, call: Callable[[Transaction], T]) -> T:
        """Run a callable in a transaction and give back its result once it is on the disk.

        What waits at the same time shares the commit, each in a savepoint of its own, so a
        callable that raises undoes only itself. Shielded: a cancelled caller's transaction is
        committed or was never begun. A callable may be run again after a full disk, so it
        must touch nothing but ``tx``.

        :raises DiskFull: when the commit has no room.
        :raises Unavailable: ``closing`` when the database is being closed.
        """
        return await self._writer.write(call)

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run a callable on a read-only connection, in one snapshot, for a second at most.

        :raises Unavailable: ``read_too_slow`` when the second is over.
        """
        async with self._readers:
            reader = self._idle.pop()
            try:
                # Shielded, as the connection is busy until the callable returns.
                with anyio.CancelScope(shield=True):
                    found = await reader.run(
                        lambda connection: link.snapshot(connection, call, link.READ_SECONDS)
                    )
                return found
            except sqlite3.OperationalError as error:
                if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
                    raise Unavailable("read_too_slow") from error
                raise
            finally:
                self._idle.append(reader)


def _tidy(connection: sqlite3.Connection) -> None:
    """Refresh the planner's statistics where they are stale, before the file is closed."""
    connection.execute("PRAGMA optimize").fetchall()
