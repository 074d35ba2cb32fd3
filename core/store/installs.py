"""Installs: what was asked for, what is known of its files, how it ended.

A change of status is a conditional update; whoever comes second finds nothing to change. Facts
are for the owner and for admins, since a source may be a path.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from core.errors import Conflict, Problem
from core.ids import new_id
from core.records.events import ModelInstall
from core.records.install import InstallStatus, PauseReason
from core.records.model import Model
from core.store import models
from core.store.install_rows import RUNNING, FileRow, InstallRow, get, rows
from core.store.transaction import Transaction
from core.store.work import NewModel

MAX_OPEN = 200  # installs that are not done, failed or canceled
KEPT = 1000  # that have ended
_Told = Literal["queued", "running", "paused", "succeeded", "failed", "canceled"]
_TOLD: dict[InstallStatus, _Told] = {
    "queued": "queued", "resolving": "running", "downloading": "running", "verifying": "running",
    "paused": "paused", "failed": "failed", "canceled": "canceled", "done": "succeeded",
}  # fmt: skip
_JSON = msgspec.json.Encoder()


class NewInstall(Struct, frozen=True, kw_only=True):
    """What is asked for."""

    owner: str
    source: str
    address: str
    name: str | None = None
    sha256: str | None = None
    in_place: bool = False


def add(tx: Transaction, new: NewInstall) -> InstallRow:
    """Add an install; one of the same address that has not ended is given back instead.

    :raises Conflict: ``list_full``.
    """
    opened = rows(tx.connection, "ended IS NULL", {})
    for one in opened:
        if (one.address, one.in_place, one.owner) == (new.address, new.in_place, new.owner):
            return one
    if len(opened) >= MAX_OPEN:
        raise Conflict("list_full", limit=MAX_OPEN)
    tx.connection.execute(
        """
        DELETE FROM installs
        WHERE row IN (
            SELECT row FROM installs WHERE ended IS NOT NULL ORDER BY row DESC LIMIT -1 OFFSET :kept
        )
        """,
        {"kept": KEPT},
    )
    install = new_id()
    tx.connection.execute(
        """
        INSERT INTO installs (id, owner, source, address, status, name, sha256, in_place, created)
        VALUES (:id, :owner, :source, :address, 'queued', :name, :sha256, :in_place, :created)
        """,
        {**msgspec.structs.asdict(new), "id": install, "created": tx.now},
    )
    return _told(tx, install)


def claim(tx: Transaction) -> InstallRow | None:
    """Begin with the oldest that waits; None when none does."""
    found = tx.connection.execute(
        """
        UPDATE installs
        SET status = 'resolving', started = COALESCE(started, :now)
        WHERE row = (SELECT MIN(row) FROM installs WHERE status = 'queued')
        RETURNING id
        """,
        {"now": tx.now},
    ).fetchone()
    return None if found is None else _told(tx, found[0])


def recover(tx: Transaction) -> None:
    """Let what ran when the last server ended wait anew, or be what was wished."""
    for one in rows(tx.connection, "status IN ('resolving', 'downloading', 'verifying')", {}):
        put_back(tx, one.id)


def put_back(tx: Transaction, install: str) -> None:
    """Let one that ran wait anew, or be what was wished."""
    held = get(tx.connection, install)
    if held.status not in RUNNING:
        return
    if held.wish is None:
        _set(tx, install, {"status": "queued"})
    else:
        stop(tx, install, held.wish, held.bytes)


def plan(
    tx: Transaction, install: str, files: Sequence[FileRow], name: str, revision: str | None
) -> InstallRow:
    """Keep what is to be fetched."""
    sizes = [file.bytes for file in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    values = {"status": "downloading", "name": name, "revision": revision, "total": total}
    return _set(tx, install, {**values, "files": _JSON.encode(files).decode()})


def learn(tx: Transaction, install: str, index: int, file: FileRow) -> InstallRow:
    """Keep what became known of one file."""
    files = list(get(tx.connection, install).files)
    files[index] = file
    sizes = [each.bytes for each in files]
    total = None if None in sizes else sum(size or 0 for size in sizes)
    return _set(tx, install, {"files": _JSON.encode(files).decode(), "total": total})


def verify(tx: Transaction, install: str, target: str | None) -> InstallRow:
    """Note that all is here, and under what name it will lie in the models folder."""
    return _set(tx, install, {"status": "verifying", "target": target})


def finish(tx: Transaction, install: str, new: NewModel, bytes_: int) -> Model:
    """Add the model whose files lie in their place, and end its install.

    A scan may have found it there before; where it comes from is known here alone.
    """
    tx.connection.execute(
        """
        UPDATE models
        SET source = :source
        WHERE root = :root AND file = :file
        """,
        {"source": new.source, "root": new.root, "file": new.file},
    )
    model = models.upsert(tx, new)
    tx.hit("install.row")
    _set(tx, install, {
        "status": "done", "model": model.id, "ended": tx.now, "bytes": bytes_, "error": None,
        "wish": None, "reason": None,
    })  # fmt: skip
    _told(tx, install)
    return model


def stop(
    tx: Transaction,
    install: str,
    status: Literal["paused", "failed", "canceled"],
    bytes_: int,
    *,
    reason: PauseReason = "asked",
    error: Problem | None = None,
    cleared: bool = False,
) -> InstallRow:
    """End or pause one.

    :param cleared: what had come of it is gone, so that the plan is made anew.
    """
    values: dict[str, object] = {
        "status": status, "wish": None, "bytes": bytes_,
        "reason": reason if status == "paused" else None,
        "error": None if error is None else _JSON.encode(error).decode(),
        "ended": None if status == "paused" else tx.now,
    }  # fmt: skip
    if cleared:
        values |= {"files": "[]", "target": None, "bytes": 0}
    _set(tx, install, values)
    return _told(tx, install)


def obey(
    tx: Transaction, install: str, asked: Literal["paused", "canceled"], bytes_: int
) -> InstallRow:
    """Note that one that ran has ended as was asked; a pause that was taken back is none."""
    if asked == "paused" and get(tx.connection, install).wish is None:
        return _set(tx, install, {"status": "queued", "bytes": bytes_})
    return stop(tx, install, asked, bytes_)


def wish(tx: Transaction, install: str, wanted: Literal["paused", "canceled"]) -> InstallRow:
    """Pause or cancel one that does not run; of one that runs, keep the wish.

    :raises NotFound: for an unknown id.
    :raises Conflict: ``install_ended``.
    """
    held = get(tx.connection, install)
    if held.status in RUNNING:
        return _set(tx, install, {"wish": wanted})
    if held.status in ("done", "canceled") or (held.status == "failed" and wanted == "paused"):
        raise Conflict("install_ended", status=held.status)
    if held.status == wanted == "paused" and held.reason == "asked":
        return held
    return stop(tx, install, wanted, held.bytes)


def resume(tx: Transaction, install: str) -> InstallRow:
    """Let a paused or failed one go on.

    :raises NotFound: for an unknown id.
    :raises Conflict: ``install_ended``.
    """
    held = get(tx.connection, install)
    if held.status in ("queued", *RUNNING):
        return held if held.wish is None else _set(tx, install, {"wish": None})
    if held.status in ("done", "canceled"):
        raise Conflict("install_ended", status=held.status)
    _set(tx, install, {"status": "queued", "reason": None, "error": None, "ended": None})
    return _told(tx, install)


def _set(tx: Transaction, install: str, values: dict[str, Any]) -> InstallRow:
    clauses = ", ".join(f"{name} = :{name}" for name in values)  # names of ours, never data
    tx.connection.execute(
        f"UPDATE installs SET {clauses} WHERE id = :id", {**values, "id": install}
    )
    return get(tx.connection, install)


def _told(tx: Transaction, install: str) -> InstallRow:
    row = get(tx.connection, install)
    tx.fact(
        ModelInstall(
            owner=row.owner, install=row.id, status=_TOLD[row.status], source=row.source,
            model=row.model, error=row.error,
        )
    )  # fmt: skip
    return row
