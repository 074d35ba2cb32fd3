"""A file that only takes room, so that a full disk has some left for what must be said.

When a commit that must not fail finds the disk full, the ballast is thrown overboard; it is taken
on again when there is room. Synchronous; knows no tables.
"""

import contextlib
import os
import shutil
from pathlib import Path

from core.errors import DiskFull

SIZE = 16 << 20  # bytes: four times what the log holds before it is folded into the database
_PIECE = 1 << 20


class Ballast:
    """The ballast of one data directory. Every method may be called from any thread."""

    NAME = "ballast"  # of its file, beside the database

    def __init__(self, file: Path, size: int = SIZE) -> None:
        self._file = file
        self._size = size
        self.thrown = False  # since it was last aboard: the room that there is, is its own

    @property
    def aboard(self) -> bool:
        """Say whether the whole of it is there."""
        try:
            return self._file.stat().st_size == self._size
        except OSError:
            return False

    def drop(self) -> bool:
        """Give its room to whoever needs it now; False when there was none."""
        try:
            self._file.unlink()
        except OSError:
            return False
        self.thrown = True
        return True

    def load(self) -> bool:
        """Take the ballast on again, if four times its size is free; say whether it is aboard.

        It is noise, written out: a file with a hole, or one that a file system packs, holds no
        room. So this also says whether there is truly room, whatever quotas there are.
        """
        if self.aboard:
            self.thrown = False
            return True
        part = self._file.with_name(self._file.name + ".part")
        try:
            if shutil.disk_usage(self._file.parent).free < 4 * self._size:
                return False
            with part.open("wb") as file:
                for _ in range(0, self._size, _PIECE):
                    file.write(os.urandom(min(_PIECE, self._size)))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._file)
            self.thrown = False
        except OSError as error:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            if DiskFull.caused(error):
                return False
            raise
        return True
