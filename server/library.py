"""The model library as the server keeps it: folders by label, and the scan into the store."""

import logging
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread

from core.config import Settings
from core.errors import HeliographError, NotFound
from core.library import scan
from core.library.scan import Found, Scan
from core.paths import Layout, shipped
from core.records.model import ModelRoot
from core.store import foreign, models
from core.store import roots as stored_roots
from core.store.models import ModelFile
from core.store.transaction import Transaction
from server import moved
from server.moved import Moves
from server.state import State

log = logging.getLogger(__name__)
STARTER, OWN = "starter", "models"  # labels of what ships with us, and of the data directory's
_RETRY = 5.0  # seconds until folders are read again that a full disk kept from being stored
_HASHES = 50  # rows that are looked at in one go
_STORED = 200  # models that one transaction takes
_HASHING = anyio.CapacityLimiter(1)  # a thread of its own: hashing is in nobody's way


def roots(
    settings: Settings, layout: Layout, added: Iterable[ModelRoot] = ()
) -> list[tuple[str, Path]]:
    """List the folders that are scanned, each with the label that its rows carry.

    :param added: those that were added by hand.
    """
    found = [(STARTER, shipped("starter")), (OWN, layout.models)]
    found += [(folder, Path(folder).expanduser()) for folder in settings.models_dirs]
    known = {label for label, _ in found}
    return found + [(one.path, Path(one.path)) for one in added if one.path not in known]


def places(folders: Iterable[tuple[str, Path]]) -> dict[str, Path]:
    """Map each label to the folder that its rows' file names start from. Reads files."""
    return {label: scan.base(folder) for label, folder in folders}


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
    """Bring the store up to date with the folders: only what changed is read and written."""
    held = await state.db.read(models.everything)
    added = await state.db.read(stored_roots.everything)
    folders = await anyio.to_thread.run_sync(roots, state.settings, state.layout, added)
    state.roots.update(await anyio.to_thread.run_sync(places, folders))
    known = {(one.root, one.file): one.stamp for one in held if not one.missing}
    made = await anyio.to_thread.run_sync(
        partial(scan.look, folders, known, state.broken, names=foreign.names)
    )
    state.broken = made.broken
    moves = moved.match(made.found, held, _gone(made, held, {label for label, _ in folders}))
    doubtful = {(one.label, one.file) for one, _ in moves.doubtful}
    await _store(state, [one for one in made.found if (one.label, one.file) not in doubtful], moves)
    log.info(
        "%d models, %d of them new or changed", len(made.found) + len(made.same), len(made.found),
        extra={"action": "scan"},
    )  # fmt: skip
    state.scanned.set()
    await _settle(state, moves)
    state.unhashed.set()


def _gone(made: Scan, held: Sequence[ModelFile], labels: set[str]) -> list[ModelFile]:
    """List the rows whose files a whole look no longer found, or whose folder is asked no more."""
    there = made.same | {(one.label, one.file) for one in made.found}
    return [
        one for one in held
        if (one.root, one.file) not in there
        and (one.root in made.whole or one.root not in labels)
    ]  # fmt: skip


async def _store(state: State, found: Sequence[Found], moves: Moves) -> None:
    for start in range(0, len(found), _STORED):
        part = found[start : start + _STORED]
        await state.db.write(partial(_upsert, state=state, found=part, moves=moves))
    gone = [one.id for one in moves.gone if not one.missing]
    for start in range(0, len(gone), _STORED):
        await state.db.write(partial(models.lose, gone=gone[start : start + _STORED]))


def _upsert(tx: Transaction, state: State, found: Sequence[Found], moves: Moves) -> None:
    for one in found:
        key = (one.label, one.file)
        before = moves.moved.get(key)
        row = before or moves.held.get(key)
        models.upsert(
            tx,
            moved.row_of(one, before.sha256 if before else None),
            moved=before.id if before else None,
            loaded=row is not None and row.id in state.dispatcher.loaded,
        )


async def _settle(state: State, moves: Moves) -> None:
    """Hash what may be a lost model at another place: it is that one if the hash is the same."""
    for one, rows in moves.doubtful:
        try:
            digest = await anyio.to_thread.run_sync(
                scan.sha256_of, one.path, limiter=_HASHING, abandon_on_cancel=True
            )
        except OSError as error:
            log.info("cannot hash a model: %s", error.strerror, extra={"file": one.file})
            digest = None
        was = next((row for row in rows if row.sha256 == digest), None)
        await state.db.write(
            partial(models.upsert, found=moved.row_of(one, digest), moved=was.id if was else None)
        )


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
    tried: set[str] = set()
    while True:
        held = await state.db.read(partial(models.unhashed, limit=len(tried) + _HASHES))
        left = [one for one in held if one.id not in tried]
        if not left:
            return
        for one in left:
            tried.add(one.id)
            await hash_one(state, one, state.roots.get(one.root))


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
