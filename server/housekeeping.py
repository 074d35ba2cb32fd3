"""What a data directory needs now and then: broken ends, the trash, old facts."""

import logging
import time
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread

from core.errors import HeliographError
from core.store import events, images
from core.store.images import ImageFile
from server import files
from server.state import State

log = logging.getLogger(__name__)
INTERVAL = 600.0  # seconds
_DAY = 24 * 3600 * 1000  # milliseconds
_STRETCH = 500  # rows looked at in one go


async def reconcile(state: State) -> None:
    """Hide rows whose file a crash has taken, rather than show them broken."""
    after, lost = 0, 0
    while True:
        held = await state.db.read(partial(images.files, after=after, limit=_STRETCH))
        if not held:
            break
        missing = await anyio.to_thread.run_sync(_missing, state, held)
        for one in held:
            if one.id in missing:
                lost += 1
                await state.db.write(partial(images.set_lost, image=one.id, lost=True))
        after = held[-1].row
    if lost:
        log.warning("%d pictures have lost their files", lost, extra={"action": "reconcile"})


async def keep_tidy(state: State) -> None:
    """Empty the trash and forget the oldest facts, every ten minutes."""
    while True:
        try:
            await tidy(state)
        except HeliographError as error:
            log.warning("tidying was put off: %s", error)
        await anyio.sleep(INTERVAL)


async def tidy(state: State) -> None:
    """Delete what is older than it may be."""
    before = int(time.time() * 1000) - state.settings.trash_days * _DAY
    for image in await state.db.read(lambda connection: images.expired(connection, before)):
        gone = await state.db.write(partial(images.purge, image=image))
        await files.remove(state, gone)
    keep = state.settings.fact_retention
    while await state.db.write(lambda tx: events.prune(tx.connection, keep)):
        await anyio.lowlevel.checkpoint()


def _missing(state: State, held: list[ImageFile]) -> set[str]:
    return {one.id for one in held if not files.path_of(state, one).is_file()}
