"""One SQLite connection on a thread of its own, and how it is set up.

Knows no tables and no transactions.
"""

import sqlite3
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from urllib.request import pathname2url

import aiosqlite
import anyio

T = TypeVar("T")
READ_SECONDS = 1.0
EXAMINED = 64 << 20  # bytes: a file up to this size is checked in a tenth of a second
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
    "PRAGMA mmap_size = 0",  # no faster, measured; and a mapped page that cannot be read is SIGBUS
)


def writer(path: Path) -> sqlite3.Connection:
    """Open the one connection that writes."""
    return _opened(path, "rw", _BOTH + _WRITER)


def reader(path: Path) -> sqlite3.Connection:
    """Open a connection that cannot write."""
    return _opened(path, "ro", _BOTH + _READER)


def folded(text: str) -> str:
    """Give a text as it is compared by who searches: ``LIKE`` knows small letters of ASCII alone.

    Source: The Unicode Standard, section 3.13.5, compatibility caseless matching.
    """
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold())


def connect(path: Path, mode: str) -> sqlite3.Connection:
    """Open a file as ``ro``, ``rw`` or ``rwc``, with no implicit transactions and no pragmas."""
    uri = f"file:{pathname2url(str(path.absolute()))}?mode={mode}"
    return sqlite3.connect(uri, uri=True, isolation_level=None, cached_statements=256)


class Link:
    """A connection and its thread: give it callables, one runs after the other."""

    def __init__(self, opener: Callable[[], sqlite3.Connection]) -> None:
        self._opener = opener
        self._raw: sqlite3.Connection | None = None
        self.sound = True  # for its user to say; opened anew it is
        self._thread = aiosqlite.Connection(self._open, iter_chunk_size=64)

    async def start(self) -> None:
        """Start the thread and open the connection. Shielded: half a start leaks the thread."""
        with anyio.CancelScope(shield=True):
            await self._thread

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection as it is now; to be touched on the thread alone."""
        assert self._raw is not None
        return self._raw

    async def run(self, call: Callable[[sqlite3.Connection], T]) -> T:
        """Run a callable on the thread; it goes on to its end even if the caller is cancelled.

        ``_execute`` is what every public method of aiosqlite is one line around. There is no
        public one that runs a whole transaction, and one hop a statement would let a
        cancellation in between two statements.
        """
        done: T = await self._thread._execute(call, self.connection)  # type: ignore[no-untyped-call]
        return done

    def renew(self) -> sqlite3.Connection:
        """Close the connection and open it anew. To be called on the thread, inside ``run``.

        :raises sqlite3.Error: when it cannot be opened; the next ``renew`` may do better.
        """
        self.connection.close()
        made = self._open()
        self.sound = True
        return made

    async def close(self) -> None:
        """Close the connection and end the thread, which would keep the process alive."""
        with anyio.CancelScope(shield=True):
            await self.run(sqlite3.Connection.close)  # the thread only knows the first one
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


def examine(connection: sqlite3.Connection) -> None:
    """Look whether a connection that failed reads a sound file; a large one only where it begins.

    :raises sqlite3.Error: when it does not.
    """
    pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    each = int(connection.execute("PRAGMA page_size").fetchone()[0])
    connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()
    if pages * each <= EXAMINED:
        found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            error = sqlite3.DatabaseError(found)
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error


def _opened(path: Path, mode: str, pragmas: tuple[str, ...]) -> sqlite3.Connection:
    """Open a connection that knows ``holds(text, part)``, with `part` folded."""
    connection = connect(path, mode)
    try:
        connection.create_function("holds", 2, lambda text, part: part in folded(text or ""))
        for pragma in pragmas:
            connection.execute(pragma).fetchall()
    except sqlite3.Error:
        connection.close()
        raise
    return connection
