"""Stamps: is a file still what it was when the server looked it up?

A name stands for content by its hash, or by size and time until the hash is known; a file that was
written anew since then must not be drawn with under the old name. Knows files alone.
"""

from collections.abc import Iterable
from pathlib import Path

from core.engine.values import Handle
from core.errors import ModelUnreadable

_ROUNDING = 1  # milliseconds


def prove(handle: Handle, files: Iterable[Path]) -> None:
    """Compare the files of a part with the stamp of its handle, where there is one.

    A file by itself has the stamp's size and time. In a folder the newest file of all gave the
    time, and sizes are those of all of them: no file of the part is newer.

    :raises ModelUnreadable: model_changed.
    :raises OSError: when a file is gone.
    """
    size, changed = handle.stamp
    if not size and not changed:
        return
    alone = not Path(handle.path).is_dir()
    for file in files:
        status = file.stat()
        late = int(status.st_mtime * 1000) - changed
        if late > _ROUNDING or (alone and (late < -_ROUNDING or status.st_size != size)):
            raise ModelUnreadable("model_changed", model=Path(handle.path).name)
