"""A file in ``staging/``: what an engine writes before the server moves it into the gallery.

Knows folders and failpoints; nothing of what the bytes mean.
"""

import os
from pathlib import Path

from core import failpoint
from core.errors import DiskFull


def write(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a whole file; when it cannot be, nothing of it is left.

    :param sync: bring it to the disk before returning, so that a power cut takes nothing of it.
    :raises DiskFull: when there is no room.
    :raises OSError: when the disk fails.
    """
    half = len(data) // 2
    failpoint.hit("save.draw")
    try:
        with path.open("wb") as file:
            file.write(data[:half])
            failpoint.hit("save.write")
            file.write(data[half:])
            file.flush()
            failpoint.hit("save.sync")
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        if DiskFull.caused(error):
            raise DiskFull(path=path.name) from error
        raise
