"""Walking through a folder of somebody's: what may be a picture, and what is none, and why.

No link is followed, so that no walk goes in circles or out of its folder. What begins with a dot
is passed over, and so are folders of thumbnails. Opens no file; knows no rows.
"""

import os
import stat
from collections.abc import Collection, Iterator

from msgspec import Struct

from core.store.walked import Met
from server.folders import MAX_BYTES

SUFFIXES = (b".png", b".jpg", b".jpeg", b".jpe", b".jfif", b".webp")
PIECE = 500  # entries of folders that are looked at in one go
_PASSED = frozenset({b"thumbnails", b"__pycache__"})
_MOST = (1 << 63) - 1


class Walk(Struct):
    """What one piece of a walk has met."""

    files: list[Met] = []
    refused: list[tuple[bytes, str]] = []  # path, and why: a key of ``imports.``


def walk(root: bytes, *, recursive: bool, without: Collection[bytes] = ()) -> Iterator[Walk]:
    """Walk a folder, piece by piece.

    :param root: its real path.
    :param without: real paths of folders that are passed over.
    """
    waiting, piece, seen = [root], Walk(), 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    _look(entry, piece, waiting if recursive else None, without)
                    seen += 1
                    if seen % PIECE == 0:
                        yield piece
                        piece = Walk()
        except OSError:
            piece.refused.append((folder, "unreadable"))
    yield piece


def _look(
    entry: "os.DirEntry[bytes]", piece: Walk, inside: list[bytes] | None, without: Collection[bytes]
) -> None:
    if entry.name.startswith(b"."):
        return
    try:
        if entry.is_symlink():
            piece.refused.append((entry.path, "link"))
        elif entry.is_dir(follow_symlinks=False):
            if inside is not None and entry.name not in _PASSED and entry.path not in without:
                inside.append(entry.path)
        elif why := _why_not(entry):
            piece.refused.append((entry.path, why))
        else:
            held = entry.stat(follow_symlinks=False)
            changed = max(-_MOST, min(held.st_mtime_ns, _MOST))
            piece.files.append(Met(entry.path, held.st_size, changed))
    except OSError:
        piece.refused.append((entry.path, "unreadable"))


def _why_not(entry: "os.DirEntry[bytes]") -> str | None:
    """Say why a file is not even opened."""
    if os.path.splitext(entry.name)[1].lower() not in SUFFIXES:
        return "not_a_picture"
    held = entry.stat(follow_symlinks=False)
    if not stat.S_ISREG(held.st_mode):
        return "not_a_picture"
    if held.st_size == 0:
        return "empty"
    return "image_too_large" if held.st_size > MAX_BYTES else None
