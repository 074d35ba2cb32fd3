"""What an error of SQLite means: no room, a failing disk or file, somebody else's lock.

Knows the codes and nothing of who asked.
"""

import contextlib
import errno
import os
import sqlite3
from pathlib import Path
from typing import Final, Literal

from core.errors import DatabaseFailing, DiskFull

Fault = Literal["full", "failing", "busy"]
_FAULTS: Final[dict[int, Fault]] = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_IOERR: "failing",
    sqlite3.SQLITE_CORRUPT: "failing",
    sqlite3.SQLITE_NOTADB: "failing",
    sqlite3.SQLITE_CANTOPEN: "failing",
    sqlite3.SQLITE_READONLY: "failing",  # the file system was mounted anew, to read only
    sqlite3.SQLITE_PROTOCOL: "failing",
    sqlite3.SQLITE_BUSY: "busy",
    sqlite3.SQLITE_LOCKED: "busy",
}
_DAMAGE: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PROBE = 64 * 1024  # bytes


def of(error: BaseException | None) -> Fault | None:
    """Name the fault behind an error; ``None`` when the statement itself is to blame."""
    return _FAULTS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)


def is_damage(error: sqlite3.Error) -> bool:
    """Say whether the file itself is to blame, and not the disk under it."""
    return (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _DAMAGE


def located(error: sqlite3.Error, database: Path) -> sqlite3.Error:
    """Tell a full disk that SQLite calls a failing one by its name.

    A quota, and a full disk on which the shared memory of the log cannot grow, are
    ``SQLITE_IOERR`` to SQLite; only the system knows better.
    """
    if (getattr(error, "sqlite_errorcode", 0) & 0xFF) != sqlite3.SQLITE_IOERR or has_room(database):
        return error
    full = refusal(errno.ENOSPC)
    full.__cause__ = error
    return full


def has_room(database: Path) -> bool:
    """Say whether the disk takes another 64 KiB beside a database; any other trouble is room."""
    probe = database.with_name(f"{database.name}-probe")
    try:
        with probe.open("wb") as file:
            file.write(os.urandom(_PROBE))
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return not DiskFull.caused(error)
    finally:
        with contextlib.suppress(OSError):  # it was never made, as the folder cannot be written
            probe.unlink()
    return True


def explained(error: sqlite3.Error) -> Exception:
    """Make the error that callers meet; one that is theirs stays what it is."""
    fault = of(error)
    if fault is None:
        return error
    made = DiskFull() if fault == "full" else DatabaseFailing()
    made.__cause__ = error
    return made


def refusal(number: int) -> sqlite3.OperationalError:
    """Make the error that SQLite raises for an ``errno``."""
    full = number == errno.ENOSPC
    error = sqlite3.OperationalError("database or disk is full" if full else "disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL if full else sqlite3.SQLITE_IOERR
    return error
