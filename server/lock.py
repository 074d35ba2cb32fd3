"""One server for each data directory: an advisory lock the system gives back when we die.

Knows nothing of what it protects.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import DataDirInUse


@contextmanager
def held(file: Path) -> Iterator[None]:
    """Hold the lock of a data directory.

    The file stays: unlinking a lock file lets two servers hold two different ones.

    :raises DataDirInUse: at once, when another process holds it.
    :raises OSError: when the file cannot be opened, or its file system knows no locks.
    """
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            _take(descriptor)
        except (BlockingIOError, PermissionError) as error:  # the second is Windows' word for it
            raise DataDirInUse(folder=str(file.parent)) from error
        yield
    finally:
        os.close(descriptor)


def is_held(file: Path) -> bool:
    """Say whether some process holds the lock."""
    if not file.exists():
        return False
    try:
        with held(file):
            return False
    except DataDirInUse:
        return True


if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
