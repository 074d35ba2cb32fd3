"""Stamps: the files of a model, and whether they are still what the server looked up.

A name stands for content by its hash, or by size and time until the hash is known; a file that was
written anew since then must not be drawn with under the old name. Knows files alone.
"""

from collections.abc import Iterable
from pathlib import Path

from core.engine.values import Handle
from core.errors import Invalid, ModelUnreadable
from core.library import examine

_ROUNDING = 1  # milliseconds


def files_of(handle: Handle) -> list[Path]:
    """List the files of a model that is no folder: itself, or the parts that it is the first of.

    :raises ModelUnreadable: model_changed where they are not those of the handle's stamp; when one
        is missing.
    :raises OSError: when it cannot be read.
    """
    path = Path(handle.path)
    try:
        seen = examine.see(path, ())
    except Invalid as error:
        raise ModelUnreadable(model=path.name, reason="some of its files are missing") from error
    size, changed = handle.stamp
    late = int(seen.mtime * 1000) - changed
    if (size or changed) and (abs(late) > _ROUNDING or seen.bytes != size):
        raise ModelUnreadable("model_changed", model=path.name)
    return [*seen.shards] or [path]


def prove(handle: Handle, files: Iterable[Path]) -> None:
    """Look whether files of a part in a folder are newer than its stamp, where there is one.

    Of a folder the stamp's time is that of the newest file.

    :raises ModelUnreadable: model_changed.
    :raises OSError: when a file is gone.
    """
    _, changed = handle.stamp
    newest = max((int(file.stat().st_mtime * 1000) for file in files), default=0)
    if changed and newest > changed + _ROUNDING:
        raise ModelUnreadable("model_changed", model=Path(handle.path).name)
