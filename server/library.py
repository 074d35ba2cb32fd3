"""The model library as the server keeps it: folders by label, and the scan into the store."""

import logging
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from core.config import Settings
from core.errors import HeliographError, NotFound
from core.library import scan
from core.library.scan import Found
from core.paths import Layout, shipped
from core.store import models
from core.store.models import ModelFile, NewModel
from core.store.transaction import Transaction
from server.state import State

log = logging.getLogger(__name__)
_RETRY = 5.0  # seconds until folders are read again that a full disk kept from being stored
_HASHES = 50  # rows that are looked at in one go
_HASHING = anyio.CapacityLimiter(1)  # a thread of its own: hashing is in nobody's way


def roots(settings: Settings, layout: Layout) -> list[tuple[str, Path]]:
    """List the folders that are scanned, each with the label that its rows carry."""
    found = [("starter", shipped("starter")), ("models", layout.models)]
    return found + [(folder, Path(folder).expanduser()) for folder in settings.models_dirs]


def places(settings: Settings, layout: Layout) -> dict[str, Path]:
    """Map each label to the folder that its rows' file names start from.

    A folder that is one model itself is named from its parent, as the scan does.
    """
    return {
        label: folder.parent if (folder / "model_index.json").is_file() else folder
        for label, folder in roots(settings, layout)
    }


async def keep_scanned(state: State, at_once: bool) -> None:
    """Scan whenever somebody asks, and at once if wanted."""
    asked = anyio.Event()
    if at_once:
        asked.set()
    else:
        state.scanned.set()

    def ask() -> None:
        asked.set()  # whichever event the loop waits for now

    state.rescan = ask
    while True:
        await asked.wait()
        asked = anyio.Event()
        try:
            await scan_once(state)
        except HeliographError as error:  # a full disk: once there is room, the models are wanted
            log.warning("The model folders were not read: %s", error)
            with anyio.move_on_after(_RETRY):
                await asked.wait()
            asked.set()


async def scan_once(state: State) -> None:
    """Bring the store up to date with the folders, one transaction for a folder."""
    for label, folder in await anyio.to_thread.run_sync(roots, state.settings, state.layout):
        if not await anyio.Path(folder).is_dir():
            continue
        found = await anyio.to_thread.run_sync(scan.scan, [(label, folder)])
        await state.db.write(partial(_store, label=label, found=found))
        log.info("%d models in %s", len(found), label, extra={"action": "scan"})
    state.scanned.set()
    state.unhashed.set()


def _store(tx: Transaction, label: str, found: list[Found]) -> None:
    for one in found:
        models.upsert(
            tx,
            NewModel(
                name=one.name, kind=one.kind, family=one.family, format=one.format,
                root=one.label, file=one.file, bytes=one.bytes, changed=int(one.mtime * 1000),
                defaults=one.defaults, source=label,
            ),
        )  # fmt: skip
    models.retain(tx, label, [one.file for one in found])


async def keep_hashed(state: State) -> None:
    """Compute missing hashes after every scan, one file at a time, beside everything else."""
    while True:
        fresh = state.unhashed
        await fresh.wait()
        state.unhashed = anyio.Event()
        try:
            await hash_missing(state)
        except HeliographError as error:
            log.warning("Hashes of models wait for the next scan: %s", error)


async def hash_missing(state: State) -> None:
    """Compute the hash of each model that has none, with `model.changed` for each."""
    known = await anyio.to_thread.run_sync(places, state.settings, state.layout)
    tried: set[str] = set()
    while True:
        held = await state.db.read(partial(models.unhashed, limit=len(tried) + _HASHES))
        left = [one for one in held if one.id not in tried]
        if not left:
            return
        for one in left:
            tried.add(one.id)
            await hash_one(state, one, known.get(one.root))


async def hash_one(state: State, held: ModelFile, root: Path | None) -> None:
    """Compute the hash of one model and store it, if the file is still the same."""
    if root is None:
        return
    try:
        digest = await anyio.to_thread.run_sync(
            scan.sha256_of, root / held.file, limiter=_HASHING, abandon_on_cancel=True
        )
    except OSError as error:
        log.info("cannot hash a model: %s", error.strerror, extra={"model": held.id})
        return
    try:
        now = await state.db.read(partial(models.file, model=held.id))
    except NotFound:
        return
    if (now.bytes, now.changed) != (held.bytes, held.changed):
        return  # it was changed meanwhile: the next scan asks again
    loaded = held.id in state.dispatcher.loaded
    await state.db.write(partial(models.set_sha256, model=held.id, sha256=digest, loaded=loaded))
