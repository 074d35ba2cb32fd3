"""Bring a database file up to date before anybody opens it, or say why that cannot be.

Forward only: ``NNNN_what.sql``, each in one transaction with its own record, after a checked
copy of the file. A damaged or newer file is left exactly as it is. Synchronous.
"""

import hashlib
import logging
import re
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from core import failpoint
from core.errors import DiskFull, StartError
from core.store import backup, faults
from core.store.link import connect
from core.store.times import now

log = logging.getLogger(__name__)
_FILE = re.compile(r"(\d{4})_(\w+)\.sql")
_QUICK = 16 << 20  # bytes: a file up to this size is checked at every start; it takes 20 ms
_ROOM = 2.2  # times the file's size: its copy, and pages written while it is migrated
_RECORDS = """
    CREATE TABLE IF NOT EXISTS applied (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        checksum TEXT NOT NULL,
        at INTEGER NOT NULL
    ) STRICT
"""


class Migration(Struct, frozen=True, kw_only=True):
    """One file of SQL."""

    id: int
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        """Hash the text, so that a file that was changed after the fact is noticed."""
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read(folder: Path) -> list[Migration]:
    """Read every migration, in order.

    :raises ValueError: for a gap or a double number: a fault of ours.
    """
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _FILE.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name} is not called NNNN_what.sql")
        found.append(Migration(id=int(match[1]), name=match[2], sql=path.read_text("utf-8")))
    if not found or [each.id for each in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"migrations in {folder} are not numbered 1, 2, 3 …")
    return found


def prepare(path: Path, *, backups: Path, migrations: Path) -> None:
    """Check a database file and bring it up to date; make a new one where there is none.

    :raises StartError: ``database_newer``, ``database_corrupt``, ``migration_changed``,
        ``migration_failed``, ``no_room_for_backup``; the file is then as it was.
    """
    steps = read(migrations)
    if _is_new(path, backups):
        _apply(path, steps)
        return
    version, records = _examine(path, backups)
    if version > len(steps):
        raise StartError("database_newer", version=version, known=len(steps))
    for step, (name, checksum) in zip(steps, records, strict=False):
        if checksum != step.checksum:
            raise StartError("migration_changed", migration=f"{step.id:04}_{name}")
    if version < len(steps):
        if version > 0:
            _copy(path, backups, version)
        _apply(path, steps[version:])


def statements(sql: str) -> Iterator[str]:
    """Split a script into statements; triggers stay whole."""
    part = ""
    for line in sql.splitlines(keepends=True):
        part += line
        if sqlite3.complete_statement(part):
            yield part.strip()
            part = ""
    assert not _bare(part), f"unfinished statement: {part}"


def _bare(part: str) -> str:
    return "".join(line.partition("--")[0] for line in part.splitlines()).strip()


def _is_new(path: Path, backups: Path) -> bool:
    """Say whether there is nothing yet. A file of zero bytes is what a killed first start leaves,
    but only while there is neither a log of changes, nor an earlier copy, nor a picture.
    """
    wal = path.with_name(path.name + "-wal")
    if path.exists() and path.stat().st_size > 0:
        return False
    if wal.exists() and wal.stat().st_size > 0:
        raise _corrupt(backups, "the file is missing or empty, its write-ahead log is not")
    copies = (*backups.glob("heliograph-*.db"), *backups.glob("replaced-*"))
    if copies or _has_pictures(path.with_name("images")):
        raise _corrupt(backups, "the file is empty" if path.exists() else "the file is missing")
    return True


def _has_pictures(folder: Path) -> bool:
    """Say whether a gallery lies beside the database: a new one would take it for strays."""
    return any(path.is_file() for path in folder.glob("*/*"))


def _examine(path: Path, backups: Path) -> tuple[int, Sequence[tuple[str, str]]]:
    """Read version and records through a connection that can change nothing."""
    with path.open("rb") as file:
        header = file.read(100)
    if len(header) < 100 or not header.startswith(b"SQLite format 3\0"):
        raise _corrupt(backups, "file is not a database")
    try:
        with closing(connect(path, "ro")) as connection:
            version = int(connection.execute("PRAGMA user_version").fetchone()[0])
            tables = connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]
            if version == 0 and tables > 0:
                raise _corrupt(backups, "the file holds tables of something else")
            _check_size(connection, path, backups)
            records = (
                connection.execute("SELECT name, checksum FROM applied ORDER BY id").fetchall()
                if version > 0
                else []
            )
    except sqlite3.Error as error:
        if faults.of(error) is not None and not faults.is_damage(error):
            raise  # the disk fails or is full: that says nothing of the file
        raise _corrupt(backups, str(error)) from error
    return version, records


def _check_size(connection: sqlite3.Connection, path: Path, backups: Path) -> None:
    size = path.stat().st_size
    wal = path.with_name(path.name + "-wal")
    pages = int(connection.execute("PRAGMA page_count").fetchone()[0])
    each = int(connection.execute("PRAGMA page_size").fetchone()[0])
    whole = wal.exists() and wal.stat().st_size > 0  # then pages may still stand in the log
    if size < pages * each and not whole:
        raise _corrupt(backups, "the file is cut short")
    if size <= _QUICK:
        found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if found != "ok":
            raise _corrupt(backups, str(found))


def _copy(path: Path, backups: Path, version: int) -> None:
    needed = int(path.stat().st_size * _ROOM)
    free = shutil.disk_usage(backups).free
    no_room = StartError("no_room_for_backup", needed=needed, free=free)
    if free < needed:
        raise no_room
    target = backup.named(backups, version)
    try:
        backup.backup(path, target)
    except OSError as error:
        if not DiskFull.caused(error):
            raise
        raise no_room from error
    except sqlite3.Error as error:
        if faults.of(faults.located(error, target)) == "full":
            raise no_room from error
        raise _corrupt(backups, str(error)) from error
    backup.keep(backups, target)
    log.info("database copied to %s before it is migrated", target.name)


def _apply(path: Path, steps: Sequence[Migration]) -> None:
    with closing(connect(path, "rwc")) as connection:
        connection.execute("PRAGMA journal_mode = WAL").fetchall()
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = OFF")  # tables may be rebuilt; checked below
        for step in steps:
            try:
                _step(connection, step)
            except sqlite3.Error as error:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                name = f"{step.id:04}_{step.name}"
                raise StartError("migration_failed", migration=name, reason=str(error)) from error


def _step(connection: sqlite3.Connection, step: Migration) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_RECORDS)
    for statement in statements(step.sql):
        failpoint.hit("migrate.statement", faults.refusal)
        connection.execute(statement)
    connection.execute(
        """
        INSERT INTO applied (id, name, checksum, at)
        VALUES (:id, :name, :checksum, :at)
        """,
        {"id": step.id, "name": step.name, "checksum": step.checksum, "at": now()},
    )
    connection.execute(f"PRAGMA user_version = {step.id:d}")  # a pragma takes no parameters
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        raise sqlite3.IntegrityError(f"foreign key of table {broken[0]}")
    failpoint.hit("migrate.commit", faults.refusal)
    connection.execute("COMMIT")


def _corrupt(backups: Path, reason: str) -> StartError:
    good = backup.newest(backups)
    return StartError("database_corrupt", reason=reason, backup=good.name if good else None)
