"""Snapshots of trainings as what an engine draws with: the base, and files on top of it.

Looks into the folder of a snapshot; reads no weights.
"""

import hashlib
import sqlite3
from collections.abc import Callable
from pathlib import Path

import msgspec

from core.graph.catalogue import OnTop, Resource, Resources
from core.paths import Layout
from core.store import drawable

SNAPSHOTS = "snapshots"  # folder of a run
_SUFFIX, _SMALL, _WORD = ".safetensors", "lora", "embedding-"
_ABOUT = ("manifest.json", "snapshot.json", "state.json")  # what says what is in it; small
_MOST = 1 << 20  # bytes of those

Models = Callable[[str, str], Resource | None]  # id, kind → what it is


class _About(msgspec.Struct, frozen=True):
    """What a snapshot says of itself, as far as it matters to who draws with it."""

    alone: bool = True


def resource(
    connection: sqlite3.Connection, layout: Layout, model: Models, name: str, kind: str
) -> Resource | None:
    """Give what the settled name of a snapshot means; ``None`` where it, or its base, is gone."""
    found = drawable.of(connection, name)
    folder = None if found is None else _folder(layout, found)
    digest = None if folder is None else _digest(folder)
    if found is None or folder is None or digest is None:
        return None
    run = found.run
    base = model(run.shown.base_model, "checkpoint")
    small = folder / f"{_SMALL}{_SUFFIX}"
    adapters = [(f"{digest}:{_SMALL}", str(small), 1.0)] if small.is_file() else []
    if base is None or (kind == "lora" and not adapters):
        return None
    if kind == "lora":
        return Resource(
            id=name, kind=kind, path=str(small), identity=adapters[0][0], family=base.family,
            name=name, format="single", stamp=_stamp(small),
        )  # fmt: skip
    start = run.recipe.start_lora
    if start is not None and not _about(folder).alone:
        beside = model(start, "lora")
        if beside is None:
            return None
        adapters.insert(0, (beside.identity, beside.path, 1.0))
    identity = hashlib.sha256(f"{base.identity}+{digest}".encode()).hexdigest()
    weights = {
        file.name.removesuffix(_SUFFIX): str(file)
        for file in sorted(folder.glob(f"*{_SUFFIX}"))
        if file != small and not file.name.startswith(_WORD)
    }
    on_top = OnTop(base=base.identity, adapters=adapters, weights=weights)
    return msgspec.structs.replace(base, id=name, name=name, identity=identity, on_top=on_top)


def words(connection: sqlite3.Connection, layout: Layout, name: str) -> Resources:
    """Give the words that a snapshot learned, as embeddings, by the keys that prompts look for."""
    found = drawable.of(connection, name)
    folder = None if found is None else _folder(layout, found)
    digest = None if folder is None else _digest(folder)
    if found is None or folder is None or digest is None:
        return {}
    made: Resources = {}
    for number, subject in enumerate(found.run.shown.subjects):
        file = folder / f"{_WORD}{number}{_SUFFIX}"
        if file.is_file():
            made[f"embedding:{subject.token}"] = Resource(
                id=f"{name}:{number}", kind="embedding", path=str(file), name=subject.token,
                identity=f"{digest}:{number}", format="single", stamp=_stamp(file),
            )  # fmt: skip
    return made


def _folder(layout: Layout, found: drawable.Snapshot) -> Path:
    return layout.trainings / found.run.shown.id / SNAPSHOTS / found.kept.name


def _digest(folder: Path) -> str | None:
    """Name the content of a snapshot by what it says of its files, which are named by theirs."""
    said = hashlib.sha256(str(folder).encode())
    there = False
    for name in _ABOUT:
        try:
            with (folder / name).open("rb") as file:
                said.update(file.read(_MOST))
            there = True
        except OSError:
            continue
    return said.hexdigest() if there else None


def _about(folder: Path) -> _About:
    try:
        with (folder / "snapshot.json").open("rb") as file:
            return msgspec.json.decode(file.read(_MOST), type=_About)
    except (OSError, msgspec.MsgspecError):
        return _About()


def _stamp(file: Path) -> tuple[int, int]:
    told = file.stat()
    return told.st_size, told.st_mtime_ns // 1_000_000
