"""Where the server of a data directory is reached: a note in it, as long as the server runs.

Knows no server, so that a command which only asks for one need not import it (0.4 s).
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from core.errors import DiskFull, NotStored
from core.paths import Layout

RUNNING = "server.json"  # in the data directory


class Running(Struct, frozen=True, kw_only=True):
    """How to reach the server of a data directory."""

    pid: int
    url: str
    boot: str


def running(layout: Layout) -> Running | None:
    """Read how the server of a data directory is reached; ``None`` when none says so."""
    file: Path = layout.root / RUNNING
    try:
        return msgspec.json.decode(file.read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None


@contextlib.contextmanager
def announced(layout: Layout, url: str, boot: str) -> Iterator[None]:
    """Say in the data directory how this process is reached, while it is.

    :raises DiskFull: when there is no room for the note.
    :raises NotStored: when it cannot be written for another reason.
    """
    file = layout.root / RUNNING
    fresh = file.with_suffix(".new")
    try:
        fresh.write_bytes(msgspec.json.encode(Running(pid=os.getpid(), url=url, boot=boot)))
    except OSError as error:
        raise (DiskFull() if DiskFull.caused(error) else NotStored()) from error
    os.replace(fresh, file)
    try:
        yield
    finally:
        file.unlink(missing_ok=True)
