"""Pictures as files: where they lie, how they are kept and how they go.

Knows the layout and the blobs; rows are ``core.store``'s. Pillow is imported only when a picture
is first decoded: it would cost every start 40 ms.
"""

import contextlib
import errno
import logging
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import anyio.to_thread

from core import failpoint
from core.blobs import Blobs
from core.errors import DiskFull, NotFound, NotStored
from core.ids import new_id
from core.store import images
from core.store.images import ImageFile
from core.store.work import NewImage
from server import externals
from server.state import State

if TYPE_CHECKING:
    from core.media.decode import Normalised

log = logging.getLogger(__name__)
T = TypeVar("T")
# A pipe in the place of a picture must not make its reader wait for a writer.
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ |= getattr(os, "O_BINARY", 0)


def new_image_id() -> str:
    """Make the id of a picture."""
    return new_id()


async def decode(data: bytes) -> "Normalised":
    """Make untrusted bytes safe in a worker process; raises what ``core.media.decode`` raises."""
    from core.media.decode import decode as decode_apart

    return await decode_apart(data)


async def keep(state: State, new: NewImage, safe: "Normalised") -> None:
    """Write an upload's blob and thumbnail, both synced, before its row is written.

    :raises DiskFull: when there is no room, or less than the floor; no part of a file is left.
    :raises NotStored: when the disk fails.
    """

    def write() -> None:
        failpoint.hit("upload.blob")
        Blobs(state.layout.blobs).put(safe.data)
        _write(state.layout.thumbnail(new.id), safe.thumbnail)

    await _kept(state, write)


async def keep_arrival(
    state: State, image: str, data: bytes | None, thumbnail: bytes
) -> str | None:
    """Write an imported picture's thumbnail, and its blob where it is copied, both synced.

    :returns: the blob's SHA-256.
    :raises DiskFull: as ``keep``.
    :raises NotStored: as ``keep``.
    """

    def write() -> str | None:
        failpoint.hit("import.blob")
        made = None if data is None else Blobs(state.layout.blobs).put(data)
        _write(state.layout.thumbnail(image), thumbnail)
        return made

    return await _kept(state, write)


async def keep_blobs(state: State, *contents: bytes) -> list[str]:
    """Write blobs of a dataset, synced, before the row that names them; give their SHA-256.

    :raises DiskFull: as ``keep``.
    :raises NotStored: as ``keep``.
    """

    def write() -> list[str]:
        failpoint.hit("dataset.blob")
        blobs = Blobs(state.layout.blobs)
        return [blobs.put(each) for each in contents]

    return await _kept(state, write)


async def _kept(state: State, write: Callable[[], T]) -> T:
    state.db.refuse_when_full()
    floor = state.settings.disk_floor_mb << 20

    def checked() -> T:
        if shutil.disk_usage(state.layout.root).free < floor:
            raise DiskFull
        return write()

    try:
        return await anyio.to_thread.run_sync(checked)
    except OSError as error:
        raise (DiskFull() if DiskFull.caused(error) else NotStored()) from error


async def remove(state: State, gone: ImageFile) -> None:
    """Unlink the files of a picture whose row is gone; blobs are swept when nobody needs them."""
    paths = [state.layout.thumbnail(gone.id)]
    if not gone.blob and gone.external is None:
        paths.append(state.layout.image(gone.id))

    def unlink() -> None:
        failpoint.hit("delete.file")
        for path in paths:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()

    await anyio.to_thread.run_sync(unlink)


async def drop_thumbnail(state: State, image: str) -> None:
    """Unlink the thumbnail of an upload whose row could not be written."""
    path = state.layout.thumbnail(image)
    await anyio.to_thread.run_sync(lambda: path.unlink(missing_ok=True))


async def locate(state: State, image: str, owner: str | None) -> tuple[ImageFile, Path]:
    """Find a picture's file.

    :raises NotFound: unknown, or somebody else's.
    """
    held = await state.db.read(lambda connection: images.file(connection, image, owner))
    return held, path_of(state, held)


def path_of(state: State, held: ImageFile) -> Path:
    """Name a picture's file."""
    if held.external is not None:
        return externals.path_of(held)
    if held.blob:
        return Blobs(state.layout.blobs).path(held.sha256)
    return state.layout.image(held.id)


async def picture(state: State, image: str, owner: str | None) -> bytes:
    """Read a picture as a PNG.

    :raises NotFound: unknown, somebody else's, or not there.
    """
    held, path = await locate(state, image, owner)
    return await read(state, path) if held.external is None else await externals.png(held)


async def read(state: State, path: Path) -> bytes:
    """Read a whole file of the data directory; no link on the way to it is followed.

    :raises NotFound: when it is not there, or is no plain file.
    """
    root = state.layout.root

    def load() -> bytes:
        with os.fdopen(_open_beneath(root, path), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a plain file")
            return file.read()

    try:
        return await anyio.to_thread.run_sync(load)
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("%s was not opened: %s", path.relative_to(root), error.strerror)
        raise NotFound("file_not_found") from error


def _open_beneath(root: Path, path: Path) -> int:
    """Open a file beneath a folder, one step of its path after the other, following no link."""
    if os.open not in os.supports_dir_fd:
        return os.open(path, _READ)
    *folders, name = path.relative_to(root).parts
    held = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=held)
            os.close(held)
            held = inner
        return os.open(name, _READ, dir_fd=held)
    finally:
        os.close(held)


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_suffix(".new")
    try:
        with open(fresh, "wb") as out:
            out.write(data)
            out.flush()
            os.fsync(out.fileno())
        os.replace(fresh, path)
    except OSError:
        fresh.unlink(missing_ok=True)
        raise
