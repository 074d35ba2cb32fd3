"""Folders of pictures on the server's machine that requests may name: only below allowed roots.

No link is followed, neither on the way nor at a picture; what lies outside of the roots is refused
with the same words whether it is there or not. Knows no rows.
"""

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from core.errors import Invalid, Params, Problem

MAX_FILES = 200  # pictures of one folder
MAX_BYTES = 32 << 20  # of a picture
_ENTRIES = 10_000  # names of a folder that are looked at
_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp"})
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ |= getattr(os, "O_BINARY", 0)


def pictures(roots: Sequence[str], folder: str) -> list[Path]:
    """List the pictures of a folder by name, numbers by their size.

    :raises Invalid: ``folder_not_allowed``, ``folder_not_found``, ``folder_too_large``.
    """
    real = checked(roots, folder)
    found = []
    try:
        with os.scandir(real) as entries:
            for number, entry in enumerate(entries):
                if number >= _ENTRIES:
                    raise refused("folder_too_large", limit=MAX_FILES)
                path = Path(entry.path)
                if path.suffix.lower() in _SUFFIXES and entry.is_file(follow_symlinks=False):
                    found.append(path)
    except OSError as error:
        raise refused("folder_not_found") from error
    if len(found) > MAX_FILES:
        raise refused("folder_too_large", limit=MAX_FILES)
    return sorted(found, key=order)


def checked(roots: Sequence[str], folder: str) -> str:
    """Give the real path of a folder that may be named.

    :raises Invalid: ``folder_not_allowed``.
    """
    real = os.path.realpath(folder)
    allowed = [os.path.realpath(root) for root in roots]
    if not os.path.isabs(folder) or not any(_is_below(real, root) for root in allowed):
        raise refused("folder_not_allowed")
    return real


def read(path: Path) -> bytes:
    """Read a picture's file.

    :raises OSError: for a link, for anything but a plain file, and for one of over 32 MiB.
    """
    with os.fdopen(os.open(path, _READ), "rb") as file:
        held = os.fstat(file.fileno())
        if not stat.S_ISREG(held.st_mode) or held.st_size > MAX_BYTES:
            raise OSError("no plain file, or too large")
        return file.read(MAX_BYTES)


def _is_below(path: str, root: str) -> bool:
    return path == root or path.startswith(root.rstrip(os.sep) + os.sep)


def order(path: Path) -> list[tuple[int, str]]:
    """Order names as people do: numbers by their size."""
    parts = re.split(r"(\d{1,18})", path.stem.casefold())
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts] + [
        (-1, path.name)
    ]


def refused(code: str, **params: int) -> Invalid:
    """Make the refusal of a folder."""
    known: Params = dict(params)
    return Invalid(code, problems=(Problem(code=code, params=known),), **params)
