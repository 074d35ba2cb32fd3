"""What a data directory needs now and then: broken ends, the trash, old facts."""

import logging
import time
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread

from core.blobs import Blobs
from core.errors import HeliographError
from core.jobs import reconcile as sweep
from core.store import events, images
from server import files
from server.state import State

log = logging.getLogger(__name__)
INTERVAL = 600.0  # seconds
BLOB_GRACE = 3600.0  # seconds
_DAY = 24 * 3600 * 1000  # milliseconds
_STRETCH = 500  # rows looked at in one go


async def reconcile(state: State) -> None:
    """Make files and rows of pictures say the same again, once, beside everything else."""
    try:
        await sweep.reconcile(state.db, state.layout)
    except (HeliographError, OSError) as error:
        log.warning("reconciling was put off to the next start: %s", error)


async def keep_tidy(state: State) -> None:
    """Empty the trash, sweep uploads and forget the oldest facts, every ten minutes."""
    while True:
        try:
            await tidy(state)
        except (HeliographError, OSError) as error:
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
    await sweep_blobs(state)


async def sweep_blobs(state: State, grace: float = BLOB_GRACE) -> None:
    """Delete uploads that no picture needs any more, in the trash or not.

    :param grace: seconds; younger ones stay, since their row may be on its way.
    """
    needed: set[str] = set()
    after = 0
    while held := await state.db.read(partial(images.files, after=after, limit=_STRETCH)):
        after = held[-1].row
        needed |= {one.sha256 for one in held if one.blob}
    blobs = Blobs(state.layout.blobs)
    gone = await anyio.to_thread.run_sync(blobs.sweep, needed, grace)
    if gone.files:
        log.info("%d unused uploads deleted", gone.files, extra={"action": "blobs.swept"})
