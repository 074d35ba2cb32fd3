"""The start-up sweep: make the files and the rows of pictures say the same again.

A file is written before its row and deleted after it, so a server that dies in between leaves a
file that nobody knows, never a row without its file. Those are deleted. A row whose file vanished
by another hand is hidden, and shown again once the file is back. Works through folders and rows
in small pieces, so it may run beside everything else; pictures younger than the sweep are left.
"""

import logging
import os
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from msgspec import Struct

from core.ids import is_id
from core.paths import Layout
from core.store import images
from core.store.database import Database
from core.store.images import ImageFile

log = logging.getLogger(__name__)
_PIECE = 500  # files or rows
_YOUNG = 600.0  # seconds: the row of such a file may still be on its way


class Reconciled(Struct, frozen=True, kw_only=True):
    """What the sweep found."""

    deleted: int = 0  # files without a row
    lost: int = 0  # rows whose file vanished
    found: int = 0  # rows whose file is back


async def reconcile(database: Database, layout: Layout, young: float = _YOUNG) -> Reconciled:
    """Delete files without a row, hide rows without a file, show those whose file is back.

    To be called once at start; may go on in the background.

    :param young: seconds; younger files in ``images/`` and ``thumbnails/`` are left alone.
    """
    deleted = 0
    for folder in (layout.images, layout.thumbnails):
        deleted += await _sweep(database, folder, time.time() - young)
    lost, found = await _examine(database, layout)
    done = Reconciled(deleted=deleted, lost=lost, found=found)
    if done != Reconciled():
        log.info(
            "reconciled: %d unknown files deleted, %d pictures lost, %d found again",
            deleted, lost, found, extra={"action": "reconcile"},
        )  # fmt: skip
    return done


def empty(staging: Path) -> int:
    """Delete every file below ``staging/``; nobody waits for what an earlier boot left there.

    To be called before an engine is started; gives the number of files.
    """
    count = 0
    for path in sorted(staging.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
            count += 1
    return count


async def _sweep(database: Database, folder: Path, before: float) -> int:
    count = 0
    pieces = _pieces(folder)
    while piece := await anyio.to_thread.run_sync(next, pieces, None):
        names = {path.name.partition(".")[0] for path in piece}
        known = await database.read(partial(images.known, images=[*names]))
        strange = [path for path in piece if path.name.partition(".")[0] not in known]
        count += await anyio.to_thread.run_sync(_unlink, strange, before)
    return count


def _pieces(folder: Path) -> Iterator[list[Path]]:
    """Walk files named by an id, some hundred at a time; what is not ours is left alone."""
    piece: list[Path] = []
    for below in sorted(entry.path for entry in os.scandir(folder) if entry.is_dir()):
        for entry in os.scandir(below):
            if entry.is_file(follow_symlinks=False) and is_id(entry.name.partition(".")[0]):
                piece.append(Path(entry.path))
            if len(piece) >= _PIECE:
                yield piece
                piece = []
    if piece:
        yield piece


def _unlink(paths: Sequence[Path], before: float) -> int:
    count = 0
    for path in paths:
        if path.stat().st_mtime < before:
            path.unlink(missing_ok=True)
            count += 1
    return count


async def _examine(database: Database, layout: Layout) -> tuple[int, int]:
    after, lost, found = 0, 0, 0
    while rows := await database.read(partial(images.files, after=after, limit=_PIECE)):
        after = rows[-1].row
        for row, there in await anyio.to_thread.run_sync(_changed, rows, layout):
            await database.write(partial(images.set_lost, image=row.id, lost=not there))
            found, lost = found + there, lost + (not there)
    return lost, found


def _changed(rows: Sequence[ImageFile], layout: Layout) -> list[tuple[ImageFile, bool]]:
    return [
        (row, there)
        for row in rows
        if (there := _path(row, layout).is_file()) == row.lost  # not as the row says
    ]


def _path(row: ImageFile, layout: Layout) -> Path:
    return layout.blobs / row.sha256[:2] / row.sha256 if row.blob else layout.image(row.id)
