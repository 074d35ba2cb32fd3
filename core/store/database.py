"""The database: one writer that folds what waits into one commit, and three readers.

Knows no tables. A transaction is one callable on the writer's thread; nothing is awaited
between two of its statements.
"""

import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

import anyio
import anyio.to_thread

from core.errors import DatabaseFailing, DiskFull, StartError, Unavailable
from core.store import faults, link, migrate
from core.store.ballast import Ballast
from core.store.link import Link
from core.store.meters import CommitMeters
from core.store.transaction import Transaction
from core.store.writer import Publish, Writer

T = TypeVar("T")
READERS = 3
_OPENERS = (link.writer, *[link.reader] * READERS)


class Database:
    """One SQLite file, opened by this process alone."""

    def __init__(self, writer: Writer, readers: list[Link], ballast: Ballast) -> None:
        self.ballast = ballast
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
            ``migration_failed``, ``no_room_for_backup``; ``database_unreadable`` when the disk
            fails, or somebody else writes for longer than five seconds.
        :raises DiskFull: when there is no room for opening it.
        """
        prepare = partial(migrate.prepare, path, backups=backups, migrations=migrations)
        ballast = Ballast(path.with_name(Ballast.NAME))
        async with AsyncExitStack() as stack:
            try:
                await anyio.to_thread.run_sync(_make_room, ballast, path)
                await anyio.to_thread.run_sync(prepare)
                links = [await _linked(stack, opener, path) for opener in _OPENERS]
                writer = Writer(links[0], publish, path, ballast)
                await writer.start()
            except sqlite3.Error as error:
                if faults.of(faults.located(error, path)) == "full":
                    raise DiskFull from error
                raise StartError("database_unreadable", reason=str(error)) from error
            stack.push_async_callback(links[0].run, _tidy)
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(writer.run)
                    try:
                        yield cls(writer, links[1:], ballast)
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

    @property
    def failing(self) -> str | None:
        """Why nothing can be written now, in SQLite's words; a full disk is none of it."""
        return self._writer.failing

    def refuse_when_full(self) -> None:
        """Keep new things out of the room that the ballast gave for ending old ones.

        :raises DiskFull: until the ballast is aboard again.
        """
        if self.ballast.thrown:
            raise DiskFull

    async def write(self, call: Callable[[Transaction], T], *, urgent: bool = False) -> T:
        """Run a callable in a transaction and give back its result once it is on the disk.

        What waits at the same time shares the commit, each in a savepoint of its own, so a
        callable that raises undoes only itself. Shielded: a cancelled caller's transaction is
        committed or was never begun. A callable may be run again after a full disk, so it
        must touch nothing but ``tx``.

        :param urgent: on a full disk the ballast makes room for it.
        :raises DiskFull: when the commit has no room.
        :raises DatabaseFailing: when the disk or the file fails.
        :raises Unavailable: ``closing`` when the database is being closed.
        """
        return await self._writer.write(call, urgent)

    async def read(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run a callable on a read-only connection, in one snapshot, for a second at most.

        :raises DatabaseFailing: when the disk or the file fails.
        :raises Unavailable: ``read_too_slow`` when the second is over.
        """
        async with self._readers:
            reader = self._idle.pop()
            try:
                # Shielded, as the connection is busy until the callable returns.
                with anyio.CancelScope(shield=True):
                    found = await reader.run(partial(_look, reader, call))
                return found
            finally:
                self._idle.append(reader)


def _make_room(ballast: Ballast, path: Path) -> None:
    """Throw the ballast overboard before a disk that is full is asked for anything."""
    if ballast.aboard and not faults.has_room(path):
        ballast.drop()


async def _linked(
    stack: AsyncExitStack, opener: Callable[[Path], sqlite3.Connection], path: Path
) -> Link:
    made = Link(partial(opener, path))
    await made.start()
    stack.push_async_callback(made.close)
    return made


def _look(reader: Link, call: Callable[[sqlite3.Connection], T], _: sqlite3.Connection) -> T:
    """Read on the reader's thread; a connection that the disk failed is opened anew."""
    try:
        connection = reader.connection if reader.sound else reader.renew()
        return link.snapshot(connection, call, link.READ_SECONDS)
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", 0)
        if code == sqlite3.SQLITE_INTERRUPT:
            raise Unavailable("read_too_slow") from error
        if faults.of(error) != "failing" or code == sqlite3.SQLITE_READONLY:  # it tried to write
            raise
        reader.sound = False
        raise DatabaseFailing from error


def _tidy(connection: sqlite3.Connection) -> None:
    """Refresh the planner's statistics where they are stale, before the file is closed."""
    with contextlib.suppress(sqlite3.Error):  # a disk that fails now failed whoever wrote
        connection.execute("PRAGMA optimize").fetchall()
