"""InvokeAI's boards and stars, from its database: opened to read, never written, never waited for.

Its file is a stranger's: tables may lack columns, hold anything, or be no tables at all.
"""

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct

from core.errors import Invalid, Problem

_STEPS = 200_000  # thousands of steps of SQLite's machine for one picture, after which it is none
_MAX_TEXT = 1 << 20  # bytes of one value
_MAX_NAME = 200  # characters of a board's
_WANTED = ("starred", "is_intermediate", "created_at", "metadata", "image_category")


class Placed(Struct, frozen=True, kw_only=True):
    """What InvokeAI knows of a picture besides its file."""

    board: str | None = None  # its name
    starred: bool = False
    intermediate: bool = False  # a step on the way, which InvokeAI does not show
    mask: bool = False
    made: int | None = None  # milliseconds since 1970
    metadata: str | None = None  # JSON, as it stands in the file's ``invokeai_metadata``


class ForeignBoards:
    """An open database. For one thread at a time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        held = {str(row[1]) for row in connection.execute("PRAGMA table_info (images)")}
        columns = ", ".join(
            f"images.{name}" if name in held else f"NULL AS {name}" for name in _WANTED
        )  # names of ours, never data
        self._question = f"""
            SELECT {columns}, boards.board_name
            FROM images
            LEFT JOIN board_images ON board_images.image_name = images.image_name
            LEFT JOIN boards ON boards.board_id = board_images.board_id
            WHERE images.image_name = :name
            LIMIT 1
        """
        self.of("")  # so that what is no such database is told at once

    def of(self, name: str) -> Placed | None:
        """Look a picture up by the name of its file; None where InvokeAI does not know it.

        :raises sqlite3.Error: where the file is damaged, or no such database.
        """
        found = self._connection.execute(self._question, {"name": name}).fetchone()
        if found is None:
            return None
        starred, intermediate, made, metadata, category, board = found
        return Placed(
            board=board.strip()[:_MAX_NAME] or None if isinstance(board, str) else None,
            starred=starred == 1,
            intermediate=intermediate == 1,
            mask=category == "mask",
            made=_milliseconds(made),
            metadata=metadata if isinstance(metadata, str) else None,
        )


@contextmanager
def opened(file: Path, scratch: Path) -> Iterator[ForeignBoards]:
    """Open InvokeAI's database; nothing in its folder is written.

    SQLite writes beside a database that has a log of changes, even to read it: where there is one,
    both are copied and the copy is read.

    :param scratch: where the copy may lie; it is deleted afterwards.
    :raises Invalid: ``invokeai_unreadable``.
    """
    try:
        with _copied(file, scratch) as held:
            uri = f"{held.absolute().as_uri()}?mode=ro"
            uri += "" if held == scratch else "&immutable=1"
            with closing(
                sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            ) as connection:
                connection.set_progress_handler(lambda: 1, _STEPS)
                connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MAX_TEXT)
                connection.execute("PRAGMA trusted_schema = OFF")
                boards = ForeignBoards(connection)
                yield boards
    except (sqlite3.Error, OSError, ValueError) as error:
        raise unreadable() from error


def unreadable() -> Invalid:
    """Say that a file is no database of InvokeAI's, or a damaged one."""
    return Invalid(problems=(Problem(code="invokeai_unreadable", pointer="/invokeai_database"),))


@contextmanager
def _copied(file: Path, scratch: Path) -> Iterator[Path]:
    log = file.with_name(file.name + "-wal")
    if not log.is_file() or not log.stat().st_size:
        yield file
        return
    try:
        shutil.copyfile(file, scratch)
        shutil.copyfile(log, scratch.with_name(scratch.name + "-wal"))
        yield scratch
    finally:
        for end in ("", "-wal", "-shm"):
            scratch.with_name(scratch.name + end).unlink(missing_ok=True)


def _milliseconds(text: object) -> int | None:
    """Read a time as SQLite's ``STRFTIME`` writes it, in UTC."""
    if not isinstance(text, str):
        return None
    with contextlib.suppress(ValueError, OverflowError):
        at = datetime.fromisoformat(text)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max(0, int(at.timestamp() * 1000))
    return None
