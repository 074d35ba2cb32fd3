"""Folders of steps that are whole or not there, whatever ends the process that writes them.

A folder is filled under another name, sealed, synced and renamed; one that goes loses its name
first. Knows names, renames and syncs; nothing of what the files hold.
"""

import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from core import failpoint
from core.engine.train.keep import manifest
from core.engine.train.keep.manifest import Manifest
from core.errors import CheckpointUnreadable, DiskFull

_NAMED = re.compile(r"step-(\d{6,9})")
_LEFT = re.compile(r"(step-\d{6,9})\.(tmp|gone|old)-[0-9a-f]{32}")


def name_of(step: int) -> str:
    """Name the folder of a step."""
    return f"step-{step:06d}"


def step_of(name: str) -> int | None:
    """Give the step of a folder's name; None for any other name."""
    match = _NAMED.fullmatch(name)
    return int(match[1]) if match else None


def placed(folder: Path, name: str, fill: Callable[[Path], Manifest], key: bytes) -> Manifest:
    """Make a folder that is whole or not there: filled, sealed, synced, and renamed.

    :raises DiskFull: when there is no room; nothing of it is left.
    :raises OSError: when the disk fails.
    """
    made = folder / f"{name}.tmp-{uuid4().hex}"
    try:
        made.mkdir(parents=True)
        told = fill(made)
        manifest.write(made, told, key)
        failpoint.hit("train.sync")
        sync(made)
        failpoint.hit("train.rename")
        _rename(made, folder / name)
        failpoint.hit("train.placed")
        sync(folder)
    except BaseException as error:
        shutil.rmtree(made, ignore_errors=True)
        if isinstance(error, OSError) and DiskFull.caused(error):
            raise DiskFull(path=name) from error
        raise
    return told


def remove(path: Path) -> None:
    """Remove a checkpoint or snapshot: first its name, so that no part of it is taken for whole.

    :raises OSError: when the disk refuses.
    """
    gone = path.with_name(f"{path.name}.gone-{uuid4().hex}")
    try:
        path.rename(gone)
    except FileNotFoundError:
        return
    failpoint.hit("train.remove")
    shutil.rmtree(gone)


def sweep(folder: Path) -> None:
    """Remove what was left by a process that ended while it wrote or removed; one at a time.

    :raises OSError: when the disk refuses.
    """
    for entry in sorted(folder.iterdir()) if folder.is_dir() else []:
        match = _LEFT.fullmatch(entry.name)
        if match is None:
            continue
        if match[2] == "old" and not (folder / match[1]).exists():
            entry.rename(folder / match[1])  # what was to take its place never came
        else:
            shutil.rmtree(entry)


def held(path: Path) -> bool:
    """Say whether somebody needs a checkpoint: a file of its name and ``.hold`` lies beside it."""
    return path.with_name(f"{path.name}.hold").exists()


def steps(folder: Path) -> list[Path]:
    """List what bears the name of a step, the newest first, whole or not."""
    entries = list(folder.iterdir()) if folder.is_dir() else []
    found = [(step, entry) for entry in entries if (step := step_of(entry.name)) is not None]
    return [entry for _, entry in sorted(found, reverse=True)]


def whole(path: Path, *, verify: bool = False) -> Manifest | None:
    """Give the manifest of a folder that is whole, else None.

    :param verify: look into the files, too, and not at their sizes alone.
    """
    try:
        told = manifest.read(path)
        if verify:
            manifest.verify(path, told)
    except CheckpointUnreadable:
        return None
    return told


def sync(folder: Path) -> None:
    """Bring the names in a folder to the disk."""
    if os.name == "nt":  # which opens no folders
        return
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _rename(made: Path, wanted: Path) -> None:
    """Give a folder its name; another one that has it is set aside until it is done."""
    old = wanted.with_name(f"{wanted.name}.old-{uuid4().hex}")
    try:
        wanted.rename(old)
    except FileNotFoundError:
        made.rename(wanted)
        return
    try:
        made.rename(wanted)
    except OSError:
        old.rename(wanted)
        raise
    shutil.rmtree(old, ignore_errors=True)
