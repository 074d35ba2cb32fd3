"""Copies of the database: made while it is in use, checked, only then named; and put back.

Synchronous: call it in a thread. Knows no tables.
"""

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from core.errors import StartError
from core.store import putback
from core.store.link import connect
from core.store.times import iso, now

KEPT = 3
_MIGRATED = re.compile(r"heliograph-.*-\d{4}\.db")
_APPLICATION = 0x48454C49  # "HELI", written by the first migration
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
            # One snapshot: without it each write of another process would start the copy anew.
            old.execute("BEGIN")
            old.execute("SELECT 1 FROM sqlite_master").fetchone()
            new.execute("PRAGMA journal_mode = OFF").fetchall()  # it has no name until it is whole
            new.execute("PRAGMA synchronous = OFF")
            old.backup(new, pages=_PAGES, sleep=0.001)
            old.execute("ROLLBACK")
            new.execute("PRAGMA journal_mode = DELETE").fetchall()  # a copy is a single file
            putback.mark(new)
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


def named(folder: Path, version: int | None = None) -> Path:
    """Name a new copy after the time; with the version that it has when a migration makes it."""
    stamp = re.sub("[:-]", "", iso(now()))
    return folder / f"heliograph-{stamp}{'' if version is None else f'-{version:04}'}.db"


def keep(folder: Path, made: Path, count: int = KEPT) -> None:
    """Delete the oldest of what migrations copied; never what people did, nor ``made``."""
    old = [path for path in _newest_first(folder) if _MIGRATED.fullmatch(path.name)]
    for path in [path for path in old if path != made][count - 1 :]:
        path.unlink(missing_ok=True)


def restore(copy: Path, database: Path, backups: Path, newest: int) -> Path | None:
    """Put a copy in the place of a database that nobody has open; give where the old one lies.

    Killed at any moment it leaves the old database, the new one, or none and both as files: then
    no server starts until it was asked for again.

    :param newest: the schema's version that this program knows.
    :raises StartError: ``not_a_backup`` for a file that is not sound, not ours or too new.
    :raises OSError: when there is no room for it, with everything as it was.
    """
    reason = fault(copy) or _foreign(copy, newest)
    if reason is not None:
        raise StartError("not_a_backup", file=str(copy), reason=reason)
    part = database.with_name(database.name + ".part")
    try:
        backup(copy, part)
    except sqlite3.Error as error:
        raise StartError("not_a_backup", file=str(copy), reason=str(error)) from error
    log_index = database.with_name(database.name + "-shm")
    old = [path for path in (database, database.with_name(database.name + "-wal")) if path.exists()]
    aside = backups / named(backups).stem.replace("heliograph", "replaced") if old else None
    if aside is not None:
        aside.mkdir(mode=0o700)
        for path in old:
            path.replace(aside / path.name)
        sync_folder(aside)
    log_index.unlink(missing_ok=True)
    part.replace(database)
    sync_folder(database.parent)
    return aside


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


def _foreign(copy: Path, newest: int) -> str | None:
    with closing(connect(copy, "ro")) as connection:
        kind = int(connection.execute("PRAGMA application_id").fetchone()[0])
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
    if kind != _APPLICATION or version < 1:
        return "it is not Heliograph's"
    return f"its version {version} is newer than {newest}" if version > newest else None


def _fault(connection: sqlite3.Connection) -> str | None:
    found = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    return None if found == "ok" else found
