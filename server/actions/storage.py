"""What lies on the disk: the folders of the data directory, and how much room is left."""

import os
import shutil
import stat
from pathlib import Path
from typing import Annotated, Literal

import anyio.to_thread
from anyio import CapacityLimiter
from msgspec import Meta, Struct

from core.paths import Layout
from core.store.ballast import Ballast
from server.actions.queue import Nothing
from server.principal import Principal
from server.state import State

_WALKS = CapacityLimiter(1)  # a slow disk costs one thread

Part = Literal[
    "images", "uploads", "models", "trainings", "cache", "database", "backups", "reserve", "other"
]


class Stored(Struct, frozen=True, kw_only=True):
    """One part of the data directory. Links count as nothing."""

    name: Part
    bytes: int
    files: int


class Storage(Struct, frozen=True, kw_only=True):
    """The data directory by parts, and the disk that it lies on. Bytes."""

    parts: list[Stored]
    free: int
    total: int
    floor: Annotated[int, Meta(description="Free bytes below which the queue pauses.")]


async def storage(state: State, principal: Principal, ask: Nothing) -> Storage:
    """Measure the data directory by looking at every file of it."""
    parts = await anyio.to_thread.run_sync(
        _measured, state.layout, limiter=_WALKS, abandon_on_cancel=True
    )
    disk = await anyio.to_thread.run_sync(shutil.disk_usage, state.layout.root, limiter=_WALKS)
    floor = state.settings.disk_floor_mb << 20
    return Storage(parts=parts, free=disk.free, total=disk.total, floor=floor)


def _measured(layout: Layout) -> list[Stored]:
    places: dict[str, Part] = {
        layout.images.name: "images", layout.thumbnails.name: "images",
        layout.blobs.name: "uploads", layout.models.name: "models",
        layout.trainings.name: "trainings", layout.training_cache.name: "cache",
        layout.backups.name: "backups",
    }  # fmt: skip
    sums: dict[Part, list[int]] = {}
    for folder, _, names in os.walk(layout.root):
        inside = Path(folder).relative_to(layout.root).parts
        for name in names:
            part = places.get(inside[0], "other") if inside else _loose(layout, name)
            held = sums.setdefault(part, [0, 0])
            try:
                found = os.lstat(os.path.join(folder, name))
            except OSError:  # gone meanwhile
                continue
            if stat.S_ISREG(found.st_mode):
                held[0] += found.st_size
                held[1] += 1
    parts = [Stored(name=part, bytes=size, files=files) for part, (size, files) in sums.items()]
    return sorted(parts, key=lambda part: -part.bytes)


def _loose(layout: Layout, name: str) -> Part:
    if name == Ballast.NAME:
        return "reserve"  # for the day on which the disk is full
    return "database" if name.startswith(layout.database.name) else "other"
