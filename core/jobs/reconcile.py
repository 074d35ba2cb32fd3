"""The start-up sweep: make the files and the rows of pictures say the same again.

A file is written before its row and deleted after it, so a server that dies in between leaves a
file that nobody knows, never a row without its file. Those are deleted. A row whose file vanished
by another hand is hidden, and shown again once the file is back. Works through folders and rows
in small pieces, for a tenth of a core, so it may run beside everything else. What this run of the
server makes meanwhile is told by its ids, which are higher than the boot's: no clock is asked.
"""

import logging
import os
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from msgspec import Struct

from core.ids import is_id
from core.jobs.throttle import Throttle
from core.paths import Layout
from core.store import images, putback
from core.store.database import Database
from core.store.images import ImageFile
from core.store.putback import Span
from core.store.transaction import Transaction

log = logging.getLogger(__name__)
_PIECE = 500  # files or rows


class Reconciled(Struct, frozen=True, kw_only=True):
    """What the sweep found."""

    deleted: int = 0  # files without a row
    lost: int = 0  # rows whose file vanished
    found: int = 0  # rows whose file is back


class _Strays(Struct, frozen=True):
    """Which ids may go when no row knows them."""

    boot: str
    spared: Span | None

    def among(self, names: set[str]) -> set[str]:
        older = {name for name in names if name < self.boot}
        if self.spared is None:
            return older
        return {name for name in older if not self.spared.holds_id(name)}


async def reconcile(
    database: Database, layout: Layout, boot: str, throttle: Throttle | None = None
) -> Reconciled:
    """Delete files without a row, hide rows without a file, show those whose file is back.

    To be called once at start; goes on in the background. Broken off, it does no harm: the next
    start begins again.

    :param boot: id of this run of the server, made before any picture of it.
    """
    throttle = throttle or Throttle()
    await database.write(putback.settle)
    strays = _Strays(boot, await database.read(putback.spared))
    deleted = 0
    for folder in (layout.images, layout.thumbnails):
        deleted += await _sweep(database, folder, strays, throttle)
    lost, found = await _examine(database, layout, throttle)
    log.info(
        "reconciled: %d unknown files deleted, %d pictures lost, %d found again",
        deleted, lost, found, extra={"action": "reconcile"},
    )  # fmt: skip
    return Reconciled(deleted=deleted, lost=lost, found=found)


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


async def _sweep(database: Database, folder: Path, strays: _Strays, throttle: Throttle) -> int:
    count = 0
    pieces = _pieces(folder)
    while True:
        async with throttle.piece():
            piece = await anyio.to_thread.run_sync(next, pieces, None)
            if piece is None:
                return count
            names = {path.name.partition(".")[0] for path in piece}
            unknown = names - await database.read(partial(images.known, images=[*names]))
            gone = strays.among(unknown)
            strange = [path for path in piece if path.name.partition(".")[0] in gone]
            count += await anyio.to_thread.run_sync(_unlink, strange)


def _pieces(folder: Path) -> Iterator[list[Path]]:
    """Walk files named by an id, some hundred at a time; what is not ours is left alone."""
    piece: list[Path] = []
    for below in sorted(entry.path for entry in os.scandir(folder) if entry.is_dir()):
        with os.scandir(below) as entries:
            for entry in entries:
                if is_id(entry.name.partition(".")[0]) and entry.is_file(follow_symlinks=False):
                    piece.append(Path(entry.path))
                if len(piece) >= _PIECE:
                    yield piece
                    piece = []
    if piece:
        yield piece


def _unlink(paths: Sequence[Path]) -> int:
    for path in paths:
        path.unlink(missing_ok=True)
    return len(paths)


async def _examine(database: Database, layout: Layout, throttle: Throttle) -> tuple[int, int]:
    """Compare rows with files. An empty folder is one that is not mounted, and tells nothing."""
    after, lost, found = 0, 0, 0
    blobs_only = not await anyio.to_thread.run_sync(lambda: any(layout.images.iterdir()))
    while True:
        async with throttle.piece():
            rows = await database.read(partial(images.files, after=after, limit=_PIECE))
            if not rows:
                return lost, found
            after = rows[-1].row
            looked = [row for row in rows if row.blob or row.external or not blobs_only]
            changed = await anyio.to_thread.run_sync(_changed, looked, layout)
            if changed:
                await database.write(partial(_store, changed=changed))
            found += sum(there for _, there in changed)
            lost += sum(not there for _, there in changed)


def _store(tx: Transaction, changed: Sequence[tuple[ImageFile, bool]]) -> None:
    for row, there in changed:
        images.set_lost(tx, row.id, lost=not there)


def _changed(rows: Sequence[ImageFile], layout: Layout) -> list[tuple[ImageFile, bool]]:
    """Find rows that say the opposite of what is on the disk, each with whether it is there."""
    return [
        (row, there) for row in rows if (there := os.path.isfile(_path(row, layout))) == row.lost
    ]


def _path(row: ImageFile, layout: Layout) -> Path | bytes:
    if row.external is not None:
        return row.external
    return layout.blobs / row.sha256[:2] / row.sha256 if row.blob else layout.image(row.id)
