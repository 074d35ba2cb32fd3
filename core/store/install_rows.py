"""Installs as they are kept, read: what was asked for, the files, how far it came.

``core.store.installs`` changes them.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from core.errors import NotFound, Problem
from core.records.install import Install, InstallFile, InstallStatus, PauseReason
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso, maybe

RUNNING = ("resolving", "downloading", "verifying")
_COLUMNS = """
    row, id, owner, source, address, status, wish, reason, name, sha256, in_place, revision, files,
    bytes, total, target, error, model, created, started, ended
"""
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))
_PROBLEM = msgspec.json.Decoder(Problem)


class FileRow(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One file as it is kept: what the plan says of it, and what was learned since."""

    target: str  # name inside the model
    url: str  # where it comes from; a path for a copy
    bytes: int | None = None
    sha256: str | None = None
    git: str | None = None
    etag: str | None = None  # of what lies in the part
    name: str | None = None  # that a server gives it
    done: bool = False


_FILES = msgspec.json.Decoder(list[FileRow])


class InstallRow(Struct, frozen=True, kw_only=True):
    """An install as it is kept."""

    row: int
    id: str
    owner: str
    source: str
    address: str
    status: InstallStatus
    wish: Literal["paused", "canceled"] | None
    reason: PauseReason | None
    name: str | None
    sha256: str | None
    in_place: bool
    revision: str | None
    files: list[FileRow]
    bytes: int
    total: int | None
    target: str | None
    error: Problem | None
    model: str | None
    created: int
    started: int | None
    ended: int | None


def starved(connection: sqlite3.Connection) -> list[InstallRow]:
    """Read those that wait for room on the disk."""
    return rows(connection, "status = 'paused' AND reason = 'disk_full'", {})


def kept(connection: sqlite3.Connection) -> set[str]:
    """Name those of which a part may lie on the disk: what has not ended well, or for good."""
    return {
        row[0]
        for row in connection.execute(
            "SELECT id FROM installs WHERE status NOT IN ('done', 'canceled')"
        )
    }


def get(connection: sqlite3.Connection, install: str) -> InstallRow:
    """Read one.

    :raises NotFound: for an unknown id.
    """
    found = rows(connection, "id = :id", {"id": install})
    if not found:
        raise NotFound(what="install", id=install)
    return found[0]


def page(
    connection: sqlite3.Connection, cursor: str | None = None, limit: int = 50
) -> Page[Install]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM installs
        WHERE row < :before
        ORDER BY row DESC
        LIMIT :limit
        """,
        {"before": pages.decode(cursor, "installs"), "limit": pages.clamp(limit) + 1},
    ).fetchall()
    return pages.cut(found, limit, lambda each: record(_row(each)), "installs")


def record(row: InstallRow) -> Install:
    """Show one as clients see it."""
    return Install(
        id=row.id, source=row.source, status=row.status, reason=row.reason, name=row.name,
        in_place=row.in_place, revision=row.revision, bytes=row.bytes, total=row.total,
        files=[
            InstallFile(name=file.target, bytes=file.bytes, sha256=file.sha256)
            for file in row.files
        ],
        error=row.error, model=row.model, owner=row.owner, created=iso(row.created),
        started=maybe(row.started), ended=maybe(row.ended),
    )  # fmt: skip


def rows(connection: sqlite3.Connection, where: str, values: dict[str, object]) -> list[InstallRow]:
    """Read those of which a condition, in SQL of ours, holds; the oldest first."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM installs WHERE {where} ORDER BY row", values
    )
    return [_row(each) for each in found]


def _row(found: Sequence[Any]) -> InstallRow:
    fields = dict(zip(_NAMES, found, strict=True))
    fields["in_place"] = bool(fields["in_place"])
    fields["files"] = _FILES.decode(fields["files"])
    fields["error"] = None if fields["error"] is None else _PROBLEM.decode(fields["error"])
    return InstallRow(**fields)
