"""The start-up sweep of trainings: rows, jobs and folders say the same again.

A folder is written before its rows and deleted after them, so a server that dies in between leaves
a folder that nobody knows. What is listed and was deleted by another hand is listed no more.
"""

import logging
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import anyio.to_thread
from msgspec import Struct

from core.errors import Problem
from core.ids import is_id
from core.jobs.throttle import Throttle
from core.jobs.trainings import CHECKPOINTS, SNAPSHOTS
from core.paths import Layout
from core.records.training import CheckpointKind
from core.store import checkpoints, putback, trainings
from core.store.database import Database
from core.store.transaction import Transaction

log = logging.getLogger(__name__)
_PIECE = 200  # folders or rows
_FOLDERS: dict[CheckpointKind, str] = {"checkpoint": CHECKPOINTS, "snapshot": SNAPSHOTS}


class Swept(Struct, frozen=True, kw_only=True):
    """What the sweep found."""

    ended: int = 0  # trainings whose job had ended, or is gone
    deleted: int = 0  # folders without a row
    lost: int = 0  # checkpoints and snapshots that are gone


async def sweep(
    database: Database, layout: Layout, boot: str, throttle: Throttle | None = None
) -> Swept:
    """End trainings that nobody works on, delete folders without a row, forget what is gone.

    To be called once at start; broken off, it does no harm.

    :param boot: id of this run of the server, made before any training of it.
    """
    throttle = throttle or Throttle()
    ended = await database.write(_end)
    deleted = await _delete(database, layout, boot, throttle)
    lost = await _forget(database, layout, throttle)
    if ended or deleted or lost:
        log.info(
            "trainings: %d ended, %d unknown folders deleted, %d checkpoints lost",
            ended, deleted, lost, extra={"action": "reconcile"},
        )  # fmt: skip
    return Swept(ended=ended, deleted=deleted, lost=lost)


def _end(tx: Transaction) -> int:
    orphans = trainings.orphans(tx.connection)
    for training in orphans:
        trainings.abandoned(tx, training, Problem(code="training_gone"))
    return len(orphans)


async def _delete(database: Database, layout: Layout, boot: str, throttle: Throttle) -> int:
    names = await anyio.to_thread.run_sync(_names, layout.trainings)
    spared = await database.read(putback.spared)
    older = [name for name in names if is_id(name) and name < boot]
    if spared is not None:
        older = [name for name in older if not spared.holds_id(name)]
    count = 0
    for first in range(0, len(older), _PIECE):
        async with throttle.piece():
            some = older[first : first + _PIECE]
            there = await database.read(partial(trainings.known, trainings=some))
            gone = [layout.trainings / name for name in some if name not in there]
            await anyio.to_thread.run_sync(_remove, gone)
            count += len(gone)
    return count


async def _forget(database: Database, layout: Layout, throttle: Throttle) -> int:
    after, count = 0, 0
    if not await anyio.to_thread.run_sync(_names, layout.trainings):
        return 0  # an empty folder is one that is not mounted, and tells nothing
    while True:
        async with throttle.piece():
            rows = await database.read(partial(trainings.ids, after=after, limit=_PIECE))
            if not rows:
                return count
            after = rows[-1][0]
            for row, training, has_ended in rows:
                if has_ended:  # a run that goes on tells of what it keeps
                    count += await _compare(database, layout, row, training)


async def _compare(database: Database, layout: Layout, row: int, training: str) -> int:
    listed = await database.read(partial(checkpoints.names, row=row))
    folder = layout.trainings / training
    gone = await anyio.to_thread.run_sync(_gone, folder, listed)
    if gone:
        await database.write(partial(_lose, training=training, gone=gone))
    return len(gone)


def _lose(tx: Transaction, training: str, gone: Sequence[tuple[CheckpointKind, str]]) -> None:
    run = trainings.run(tx.connection, training)
    for kind in _FOLDERS:
        checkpoints.lose(tx, run, kind, [name for each, name in gone if each == kind])


def _gone(
    folder: Path, listed: Sequence[tuple[CheckpointKind, str]]
) -> list[tuple[CheckpointKind, str]]:
    return [(kind, name) for kind, name in listed if not (folder / _FOLDERS[kind] / name).is_dir()]


def _names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())


def _remove(folders: Sequence[Path]) -> None:
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
