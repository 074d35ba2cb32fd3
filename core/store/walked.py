"""What a walk through a folder has found, oldest first, on the disk and not in memory.

A scratch database of one import: nobody misses it after a crash, since the walk is done anew.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from msgspec import Struct


class Met(Struct, frozen=True):
    """A file that may be a picture."""

    path: bytes
    bytes: int
    changed: int  # nanoseconds since 1970


class Walked:
    """The files of one walk. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, files: Sequence[Met]) -> None:
        """Add some files."""
        self._connection.executemany(
            """
            INSERT INTO files (changed, path, bytes)
            VALUES (?, ?, ?)
            ON CONFLICT DO NOTHING
            """,
            [(file.changed, file.path, file.bytes) for file in files],
        )

    def pieces(self, count: int) -> Iterator[list[Met]]:
        """Give them, the oldest first and those of one time by name, some at a time."""
        last = (-(1 << 62), b"")
        while True:
            found = self._connection.execute(
                """
                SELECT path, bytes, changed
                FROM files
                WHERE (changed, path) > (:changed, :path)
                ORDER BY changed, path
                LIMIT :count
                """,
                {"changed": last[0], "path": last[1], "count": count},
            ).fetchall()
            if not found:
                return
            piece = [Met(*row) for row in found]
            last = (piece[-1].changed, piece[-1].path)
            yield piece


@contextmanager
def scratch(file: Path) -> Iterator[Walked]:
    """Make an empty list in a file, and delete that afterwards.

    :raises sqlite3.Error: where the disk is full or fails.
    """
    file.unlink(missing_ok=True)
    try:
        with closing(
            sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        ) as connection:
            for line in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -4096"):
                connection.execute(f"PRAGMA {line}")
            connection.execute(
                """
                CREATE TABLE files (
                    changed INTEGER NOT NULL,
                    path BLOB NOT NULL,
                    bytes INTEGER NOT NULL,
                    PRIMARY KEY (changed, path)
                ) WITHOUT ROWID, STRICT
                """
            )
            yield Walked(connection)
    finally:
        file.unlink(missing_ok=True)
