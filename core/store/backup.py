"""Copies of the database: made while it is in use, checked, and only then given their name.

Synchronous: call it in a thread. Knows no tables.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.store.link import connect

KEPT = 3
_PAGES = 1_000  # copied in one step; between two steps writers get their turn
_MAGIC = b"SQLite format 3\0"


def backup(source: Path, target: Path) -> None:
    """Copy a database, its unfinished write-ahead log included, and check the copy.

    The file gets its name only once it is whole, checked and on the disk.

    :raises sqlite3.Error: when the source cannot be read or the copy is not sound.
    :raises OSError: when there is no room for it.
    """
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        with closing(connect(source, "ro")) as old, closing(connect(part, "rwc")) as new:
            old.backup(new, pages=_PAGES, sleep=0.001)
            new.execute("PRAGMA journal_mode = DELETE").fetchall()  # a copy is a single file
            fault = _fault(new)
            if fault is not None:
                raise sqlite3.DatabaseError(fault)
        with part.open("rb+") as file:
            os.fsync(file.fileno())
        part.replace(target)
        sync_folder(target.parent)
    finally:
        part.unlink(missing_ok=True)


def fault(path: Path) -> str | None:
    """Say what is wrong with a database file; None if it is sound. Changes nothing."""
    try:
        with path.open("rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return "file is not a database"
        with closing(connect(path, "ro")) as connection:
            return _fault(connection)
    except (sqlite3.Error, OSError) as error:
        return str(error)


def newest(folder: Path) -> Path | None:
    """Find the newest sound backup of a folder."""
    return next((path for path in _newest_first(folder) if fault(path) is None), None)


def keep(folder: Path, count: int = KEPT) -> None:
    """Delete all but the newest backups."""
    for path in list(_newest_first(folder))[count:]:
        path.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Bring a folder's names to the disk, where the system can (not on Windows)."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _newest_first(folder: Path) -> Iterator[Path]:
    return iter(sorted(folder.glob("heliograph-*.db"), key=lambda path: path.name, reverse=True))


def _fault(connection: sqlite3.Connection) -> str | None:
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if found == "ok" else found
