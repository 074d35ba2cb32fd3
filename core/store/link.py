"""One SQLite connection on a thread of its own, and how it is set up.

Knows no tables and no transactions.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.request import pathname2url

import aiosqlite
import anyio

T = TypeVar("T")
READ_SECONDS = 1.0
_STRIDE = 2_000  # instructions of SQLite's machine between two looks at the clock
_BOTH = (
    "PRAGMA foreign_keys = ON",
    "PRAGMA cell_size_check = ON",
    "PRAGMA busy_timeout = 5000",  # a safety net: there is one writer
    "PRAGMA temp_store = MEMORY",
)
_WRITER = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    "PRAGMA cache_size = -32768",
    "PRAGMA mmap_size = 0",
    "PRAGMA wal_autocheckpoint = 1000",
    "PRAGMA journal_size_limit = 67108864",
    "PRAGMA optimize = 0x10002",
)
_READER = (
    "PRAGMA trusted_schema = OFF",  # not for the writer: its triggers feed the search index
    "PRAGMA query_only = ON",
    "PRAGMA cache_size = -8192",
    f"PRAGMA mmap_size = {256 << 20 if os.name == 'posix' else 0}",
)


def writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes."""
    return _opened(path, "rw", _BOTH + _WRITER)


def reader(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write."""
    return _opened(path, "ro", _BOTH + _READER)


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file as ``ro``, ``rw`` or ``rwc``, with no implicit transactions and no pragmas."""
    uri = f"file:{pathname2url(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=256)


class Link:
    """A connection and its thread: give it callables, one runs after the other."""

    def __init__(self, opener: Callable[[], sqlite3.Connection]) -> None:
        self._opener = opener
        self._raw: sqlite3.Connection | None = None
        self._thread = aiosqlite.Connection(self._open, iter_chunk_size=64)

    async def start(self) -> None:
        """Start the thread and open the connection. Shielded: half a start leaks the thread."""
        with anyio.CancelScope(shield=True):
            await self._thread

    async def run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run a callable on the thread; it goes on to its end even if the caller is cancelled.

        ``_execute`` is what every public method of aiosqlite is one line around. There is no
        public one that runs a whole transaction, and one hop a statement would let a
        cancellation in between two statements.
        """
        assert self._raw is not None
        done: T = await self._thread._execute(call, self._raw)  # type: ignore[no-untyped-call]
        return done

    async def close(self) -> None:
        """Close the connection and end the thread, which would keep the process alive."""
        with anyio.CancelScope(shield=True):
            await self._thread.close()

    def _open(self) -> sqlite3.Connection:
        self._raw = self._opener()
        return self._raw


def snapshot(
    connection: sqlite3.Connection, call: Callable[[sqlite3.Connection], T], seconds: float
) -> T:
    """Run a reading callable in one snapshot; SQLite interrupts it when the time is over."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STRIDE)
    connection.execute("BEGIN")
    try:
        return call(connection)
    finally:
        connection.set_progress_handler(None, 0)
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _opened(path: Path, mode: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    connection = connect(path, mode)
    try:
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
