"""What a data directory needs now and then: broken ends, the trash, old facts."""

import logging
import time
from collections.abc import Callable
from functools import partial

import anyio
import anyio.lowlevel
import anyio.to_thread

from core.blobs import GRACE, Blobs
from core.errors import HeliographError
from core.jobs import reconcile as sweep
from core.jobs import run_sweep
from core.jobs.throttle import Throttle
from core.store import deliveries, events, images, needs, putback
from core.store.times import now
from server import files
from server.state import State

log = logging.getLogger(__name__)
INTERVAL = 600.0  # seconds
STEADY = 3600.0  # seconds that the clock must have run without a jump before the trash is emptied
_JUMP = 60.0  # seconds that a clock may be set by, of an evening or by the network
_DAY = 24 * 3600 * 1000  # milliseconds


class Steadiness:
    """Watches the clock of the wall by one that only runs.

    A machine whose clock says 2100 must not empty the trash: what is deleted for good is no more.

    :param wall: milliseconds since 1970.
    :param ticks: seconds; never goes back.
    """

    def __init__(
        self, wall: Callable[[], int] = now, ticks: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall, self._ticks = wall, ticks
        self._since = self._seen = ticks()
        self._said = wall()

    def seconds(self) -> float:
        """Say for how long the clock has run without a jump, as far as it was asked."""
        said, seen = self._wall(), self._ticks()
        if abs((said - self._said) / 1000 - (seen - self._seen)) > _JUMP:
            log.warning("the clock jumped: the trash is kept for an hour more")
            self._since = seen
        self._said, self._seen = said, seen
        return seen - self._since


async def reconcile(state: State) -> None:
    """Make files and rows of pictures say the same again, once, beside everything else."""
    try:
        await sweep.reconcile(state.db, state.layout, state.boot)
        await run_sweep.sweep(state.db, state.layout, state.boot)
    except (HeliographError, OSError) as error:
        log.warning("reconciling was put off to the next start: %s", error)


async def keep_tidy(state: State) -> None:
    """Empty the trash, sweep uploads and forget the oldest facts, every ten minutes."""
    clock = Steadiness()
    while True:
        try:
            await tidy(state, empty_trash=clock.seconds() >= STEADY)
        except (HeliographError, OSError) as error:
            log.warning("tidying was put off: %s", error)
        await anyio.sleep(INTERVAL)


async def tidy(state: State, *, empty_trash: bool = True) -> None:
    """Delete what is older than it may be.

    :param empty_trash: whether the clock can be believed.
    """
    before = now() - state.settings.trash_days * _DAY
    while empty_trash and (
        expired := await state.db.read(lambda connection: images.expired(connection, before))
    ):
        for image in expired:
            gone = await state.db.write(partial(images.purge, image=image))
            await files.remove(state, gone)
    keep = state.settings.fact_retention
    while await state.db.write(lambda tx: events.prune(tx.connection, keep)):
        await anyio.lowlevel.checkpoint()
    while await state.db.write(deliveries.sweep):
        await anyio.lowlevel.checkpoint()
    await sweep_blobs(state)


async def sweep_blobs(state: State, grace: float = GRACE, throttle: Throttle | None = None) -> None:
    """Delete uploads that no picture needs any more, in the trash or not.

    Goes through the folder in small pieces, for a tenth of a core, and holds none of it in memory.

    :param grace: seconds; younger ones stay, since their row may be on its way.
    """
    throttle = throttle or Throttle()
    blobs = Blobs(state.layout.blobs)
    missed = await state.db.read(putback.spared)
    spared = (missed.since / 1000, missed.until / 1000) if missed is not None else (0.0, 0.0)
    pieces = blobs.pieces()
    count = 0
    while True:
        async with throttle.piece():
            piece = await anyio.to_thread.run_sync(next, pieces, None)
            if piece is None:
                break
            names = [path.name for path in piece]
            used = await state.db.read(partial(needs.blobs, digests=names))
            unused = [path for path in piece if path.name not in used]
            count += (await anyio.to_thread.run_sync(blobs.sweep, unused, grace, spared)).files
    if count:
        log.info("%d unused uploads deleted", count, extra={"action": "blobs.swept"})
