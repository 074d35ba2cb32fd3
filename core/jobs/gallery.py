"""From staging to the gallery: pictures are checked, renamed and synced before any row says so.

File first, row last. Sync; meant for a worker thread. Knows no database.
"""

import hashlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from core import failpoint
from core.blobs import sync_folder
from core.errors import DiskFull, JobError
from core.ids import new_id
from core.ipc.reports import SavedImage
from core.paths import Layout
from core.records.image import ImageFacts
from core.store.work import NewImage

_CHUNK = 1 << 20


class ImageDamaged(JobError):
    """Raised when a staged picture is missing or not what the engine said; params: file."""

    code = "image_damaged"


_SYNCING = ThreadPoolExecutor(max_workers=8, thread_name_prefix="sync")


def place(
    layout: Layout, saved: Sequence[SavedImage], facts: Callable[[str], ImageFacts]
) -> list[NewImage]:
    """Check size and SHA-256 of staged pictures, and move each with its thumbnail to its place.

    When this returns they are on the disk under their new ids. When it raises nothing of them
    is left.

    :param facts: id of a sink → what made the picture that it saved.
    :raises ImageDamaged: for a picture that is missing or not what the engine said.
    :raises DiskFull: when there is no room for their names.
    """
    placed: list[NewImage] = []
    folders: dict[Path, None] = {}
    try:
        failpoint.hit("save.check")
        for one in saved:
            _check(layout.staging / one.path, one)
        for one in saved:
            placed.append(_named(one, facts(one.node)))
            _move(layout, one, placed[-1].id, folders)
        failpoint.hit("save.folder")
        # At once, as a journal takes syncs that come together in one commit; one of them here.
        here = next(iter(folders), None)
        waited = [_SYNCING.submit(sync_folder, each) for each in folders if each != here]
        if here is not None:
            sync_folder(here)
        for each in waited:
            each.result()
    except OSError as error:
        remove(layout, placed)
        discard(layout, saved)
        if DiskFull.caused(error):
            raise DiskFull from error
        raise ImageDamaged(file=Path(error.filename or "").name) from error
    except ImageDamaged:
        remove(layout, placed)
        discard(layout, saved)
        raise
    return placed


def remove(layout: Layout, placed: Sequence[NewImage]) -> None:
    """Unlink pictures that no row speaks of."""
    for image in placed:
        layout.image(image.id).unlink(missing_ok=True)
        layout.thumbnail(image.id).unlink(missing_ok=True)


def discard(layout: Layout, saved: Sequence[SavedImage]) -> None:
    """Unlink staged pictures that nobody wants."""
    for one in saved:
        for name in (one.path, one.thumbnail):
            (layout.staging / Path(name).name).unlink(missing_ok=True)


def _check(path: Path, one: SavedImage) -> None:
    if Path(one.path).name != one.path or Path(one.thumbnail).name != one.thumbnail:
        raise ImageDamaged(file=one.path)  # never a path of its own choosing
    digest = hashlib.sha256()
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    found = digest.hexdigest()
    if size != one.size or found != one.sha256:
        raise ImageDamaged(file=one.path)


def _named(one: SavedImage, facts: ImageFacts) -> NewImage:
    return NewImage(
        id=new_id(),
        width=one.width,
        height=one.height,
        bytes=one.size,
        sha256=one.sha256,
        kind=one.kind,
        index=one.index,
        facts=facts,
    )


def _move(layout: Layout, one: SavedImage, image: str, folders: dict[Path, None]) -> None:
    picture, thumbnail = layout.image(image), layout.thumbnail(image)
    for target in (picture, thumbnail):
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            folders[target.parent.parent] = None
        folders[target.parent] = None
    os.replace(layout.staging / one.thumbnail, thumbnail)
    failpoint.hit("save.rename")
    os.replace(layout.staging / one.path, picture)
