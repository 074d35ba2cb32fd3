"""The model library as the server keeps it: folders by label, and the scan into the store."""

import logging
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from core.config import Settings
from core.errors import HeliographError
from core.library import scan
from core.library.scan import Found
from core.paths import Layout, shipped
from core.store import models
from core.store.models import NewModel
from core.store.transaction import Transaction
from server.state import State

log = logging.getLogger(__name__)


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
        except HeliographError as error:
            log.warning("The model folders were not read: %s", error)
        state.scanned.set()


async def scan_once(state: State) -> None:
    """Bring the store up to date with the folders, one transaction for a folder."""
    for label, folder in roots(state.settings, state.layout):
        if not folder.is_dir():
            continue
        found = await anyio.to_thread.run_sync(scan.scan, [(label, folder)])
        await state.db.write(partial(_store, label=label, found=found))
        log.info("%d models in %s", len(found), label, extra={"action": "scan"})
    state.scanned.set()
    await _hash_missing(state)


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


async def _hash_missing(state: State) -> None:
    """Compute hashes in the background, one file at a time."""
    known = places(state.settings, state.layout)
    for held in await state.db.read(models.unhashed):
        root = known.get(held.root)
        if root is None:
            continue
        try:
            digest = await anyio.to_thread.run_sync(scan.sha256_of, root / held.file)
        except OSError:
            log.info("cannot hash a model", extra={"model": held.id})
            continue
        await state.db.write(partial(models.set_sha256, model=held.id, sha256=digest))
