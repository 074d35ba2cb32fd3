"""Pictures that stayed where they were when they were imported: read as they were then, or not.

What is read has the SHA-256 that was looked at and found to be a picture. Nothing outside of the
data directory is ever written or deleted here.
"""

import hashlib
import logging
import os
from pathlib import Path

import anyio.to_thread

from core.errors import NotFound
from core.store.images import ImageFile
from server import folders

log = logging.getLogger(__name__)


def path_of(held: ImageFile) -> Path:
    """Name the file."""
    assert held.external is not None
    return Path(os.fsdecode(held.external))


async def read(held: ImageFile) -> bytes:
    """Read the file of a picture.

    :raises NotFound: ``file_not_found`` when it is not there, or is another one by now.
    """
    return await anyio.to_thread.run_sync(_read, held)


async def png(held: ImageFile) -> bytes:
    """Read a picture as a PNG like those of our own, with its texts.

    :raises NotFound: as ``read``.
    """
    from core.media import arrivals  # Pillow would cost every start 40 ms

    made = await arrivals.look(await read(held), keep=True)
    assert made.data is not None
    return made.data


def _read(held: ImageFile) -> bytes:
    try:
        data = folders.read(path_of(held))
    except OSError as error:
        raise NotFound("file_not_found") from error
    if hashlib.sha256(data).hexdigest() != held.sha256:
        log.warning("an imported picture has changed where it lies", extra={"image": held.id})
        raise NotFound("file_not_found")
    return data
