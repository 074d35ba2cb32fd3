"""Imports: which folder was asked for, how far it is, how it ended.

A change of status is a conditional update. Facts are for the owner and for admins, since they name
a path. The files themselves are ``core.store.imported``'s.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from core.errors import Conflict, NotFound, Problem
from core.ids import new_id
from core.records.events import ImportChanged
from core.records.imports import Import, ImportMode, Refusal
from core.store import page as pages
from core.store.page import Page
from core.store.times import iso, maybe
from core.store.transaction import Transaction

MAX_OPEN = 50  # imports that have not ended
KEPT = 200  # that have
_COLUMNS = """
    row, id, owner, folder, mode, recursive, board, by_folder, invokeai, status, found, added,
    known, refused, reasons, refusals, error, created, started, ended
"""
_NAMES = tuple(name.strip() for name in _COLUMNS.split(","))
_JSON = msgspec.json.Encoder()
_PROBLEM = msgspec.json.Decoder(Problem)
_REASONS = msgspec.json.Decoder(dict[str, int])
_REFUSALS = msgspec.json.Decoder(list[Refusal])


class NewImport(Struct, frozen=True, kw_only=True):
    """What is asked for."""

    owner: str
    folder: str  # absolute
    mode: ImportMode
    recursive: bool = True
    board: str | None = None
    by_folder: bool = False
    invokeai: str | None = None


class Tally(Struct, kw_only=True):
    """What became of the files so far."""

    found: int = 0
    added: int = 0
    known: int = 0
    refused: int = 0
    reasons: dict[str, int] = {}
    refusals: list[Refusal] = []


def add(tx: Transaction, new: NewImport) -> Import:
    """Add an import; the same one that has not ended is given back instead.

    :raises Conflict: ``list_full``.
    """
    opened = _rows(tx.connection, "ended IS NULL", {})
    for one in opened:
        if _asked(one) == new:
            return one
    if len(opened) >= MAX_OPEN:
        raise Conflict("list_full", limit=MAX_OPEN)
    tx.connection.execute(
        """
        DELETE FROM imports
        WHERE row IN (
            SELECT row FROM imports WHERE ended IS NOT NULL ORDER BY row DESC LIMIT -1 OFFSET :kept
        )
        """,
        {"kept": KEPT},
    )
    made = new_id()
    tx.connection.execute(
        """
        INSERT INTO imports (
            id, owner, folder, mode, recursive, board, by_folder, invokeai, status, created
        )
        VALUES (
            :id, :owner, :folder, :mode, :recursive, :board, :by_folder, :invokeai, 'queued',
            :created
        )
        """,
        {**msgspec.structs.asdict(new), "id": made, "created": tx.now},
    )
    return _told(tx, made)


def claim(tx: Transaction) -> Import | None:
    """Begin with the oldest that waits, its figures at nought; None when none does."""
    found = tx.connection.execute(
        """
        UPDATE imports
        SET status = 'running', started = COALESCE(started, :now), found = 0, added = 0, known = 0,
            refused = 0, reasons = '{}', refusals = '[]'
        WHERE row = (SELECT MIN(row) FROM imports WHERE ended IS NULL AND status = 'queued')
        RETURNING id
        """,
        {"now": tx.now},
    ).fetchone()
    return None if found is None else _told(tx, found[0])


def recover(tx: Transaction) -> None:
    """Let what ran when the last server ended wait anew."""
    tx.connection.execute(
        "UPDATE imports SET status = 'queued' WHERE ended IS NULL AND status = 'running'"
    )


def count(tx: Transaction, import_id: str, tally: Tally) -> bool:
    """Keep how far a running one is; no fact, as frames tell it. False where it runs no more."""
    changed = tx.connection.execute(
        """
        UPDATE imports
        SET found = :found, added = :added, known = :known, refused = :refused, reasons = :reasons,
            refusals = :refusals
        WHERE id = :id AND status = 'running'
        """,
        {"id": import_id, **_figures(tally)},
    ).rowcount
    return changed == 1


def finish(
    tx: Transaction,
    import_id: str,
    status: Literal["succeeded", "failed", "canceled"],
    tally: Tally,
    error: Problem | None = None,
) -> Import:
    """End one that runs; one that has ended already stays as it is."""
    changed = tx.connection.execute(
        """
        UPDATE imports
        SET status = :status, ended = :now, error = :error, found = :found, added = :added,
            known = :known, refused = :refused, reasons = :reasons, refusals = :refusals
        WHERE id = :id AND ended IS NULL
        """,
        {
            "id": import_id, "status": status, "now": tx.now,
            "error": None if error is None else _JSON.encode(error).decode(),
            **_figures(tally),
        },
    ).rowcount  # fmt: skip
    return _told(tx, import_id) if changed else get(tx.connection, import_id)


def cancel(tx: Transaction, import_id: str) -> Import:
    """End one that waits or runs; what it added stays.

    :raises NotFound: for an unknown id.
    :raises Conflict: ``import_ended``.
    """
    held = get(tx.connection, import_id)
    if held.ended is not None:
        raise Conflict("import_ended", status=held.status)
    tx.connection.execute(
        "UPDATE imports SET status = 'canceled', ended = :now WHERE id = :id",
        {"id": import_id, "now": tx.now},
    )
    return _told(tx, import_id)


def get(connection: sqlite3.Connection, import_id: str) -> Import:
    """Read one.

    :raises NotFound: for an unknown id.
    """
    found = _rows(connection, "id = :id", {"id": import_id})
    if not found:
        raise NotFound(what="import", id=import_id)
    return found[0]


def page(
    connection: sqlite3.Connection, cursor: str | None = None, limit: int = 50
) -> Page[Import]:
    """Read a page, newest first.

    :raises Malformed: ``cursor_mismatch``.
    """
    found = connection.execute(
        f"""
        SELECT {_COLUMNS}
        FROM imports
        WHERE row < :before
        ORDER BY row DESC
        LIMIT :limit
        """,
        {"before": pages.decode(cursor, "imports"), "limit": pages.clamp(limit) + 1},
    ).fetchall()
    return pages.cut(found, limit, _record, "imports")


def _asked(one: Import) -> NewImport:
    return NewImport(
        owner=one.owner, folder=one.folder, mode=one.mode, recursive=one.recursive,
        board=one.board, by_folder=one.by_folder, invokeai=one.invokeai_database,
    )  # fmt: skip


def _figures(tally: Tally) -> dict[str, object]:
    return {
        "found": tally.found, "added": tally.added, "known": tally.known,
        "refused": tally.refused, "reasons": _JSON.encode(tally.reasons).decode(),
        "refusals": _JSON.encode(tally.refusals).decode(),
    }  # fmt: skip


def _rows(connection: sqlite3.Connection, where: str, values: Mapping[str, object]) -> list[Import]:
    """Read those of which a condition, in SQL of ours, holds; the oldest first."""
    found = connection.execute(f"SELECT {_COLUMNS} FROM imports WHERE {where} ORDER BY row", values)
    return [_record(each) for each in found]


def _record(found: Sequence[Any]) -> Import:
    fields = dict(zip(_NAMES[1:], found[1:], strict=True))
    fields["invokeai_database"] = fields.pop("invokeai")
    for name in ("recursive", "by_folder"):
        fields[name] = bool(fields[name])
    fields["reasons"] = _REASONS.decode(fields["reasons"])
    fields["refusals"] = _REFUSALS.decode(fields["refusals"])
    fields["error"] = None if fields["error"] is None else _PROBLEM.decode(fields["error"])
    fields["created"] = iso(fields["created"])
    fields["started"], fields["ended"] = maybe(fields["started"]), maybe(fields["ended"])
    return Import(**fields)


def _told(tx: Transaction, import_id: str) -> Import:
    held = get(tx.connection, import_id)
    tx.fact(
        ImportChanged(
            owner=held.owner, import_id=held.id, status=held.status, added=held.added,
            refused=held.refused, error=held.error,
        )
    )  # fmt: skip
    return held
