"""The disk under the queue: when it is full nothing starts, and all goes on by itself afterwards.

Knows the queue and the ballast; nothing of jobs.
"""

import logging
import shutil
from pathlib import Path

import anyio
from anyio import to_thread

from core.config import Settings
from core.errors import DiskFull, NotStored, Unavailable
from core.jobs.queue import Queue
from core.store import counters
from core.store.database import Database

log = logging.getLogger(__name__)

TICK = 5.0  # seconds between two looks
_CALM = 12  # looks, a minute: a server that ends sooner has written no ballast
_MIB = 1 << 20
_PROBED = "probed"  # a setting of the database: when a failing one was last tried


class DiskWatch:
    """Pauses the queue below the floor, resumes it at twice the floor, and keeps the ballast.

    :param folder: anything on the disk that is watched.
    """

    def __init__(self, queue: Queue, db: Database, folder: Path, settings: Settings) -> None:
        self._queue = queue
        self._db = db
        self._folder = folder
        self._floor = settings.disk_floor_mb * _MIB
        self._looks = 0

    async def run(self) -> None:
        """Look every five seconds."""
        while True:
            try:
                await self.look()
            except OSError as error:  # the disk itself is gone, or fails
                log.warning("the disk could not be looked at: %s", error.strerror)
            except Unavailable as error:  # told where it was found; the next look tries again
                log.debug("the look at the disk was put off: %s", error)
            await anyio.sleep(TICK)

    async def look(self) -> None:
        """Compare what is free with the floor, and do what follows from it.

        A disk that refused a commit is only trusted again when it took the ballast: free space
        says nothing of quotas.
        """
        if self._db.failing is not None:
            await self._db.write(lambda tx: counters.set_setting(tx.connection, _PROBED, tx.now))
        ballast = self._db.ballast
        paused = (await self._queue.state()).reason == "disk_full"
        free = (await to_thread.run_sync(shutil.disk_usage, self._folder)).free
        if free >= 2 * self._floor and (paused or ballast.thrown or self._looks >= _CALM):
            loaded = await to_thread.run_sync(ballast.load)
            if loaded and paused:
                await self._queue.resume("disk_full")
                log.info("there is room again: all goes on", extra={"action": "queue.resumed"})
                return
        self._looks += 1
        if free < self._floor or ballast.thrown:
            await self.pause()

    async def pause(self) -> None:
        """Let nothing more start until there is room."""
        try:
            if await self._queue.pause("disk_full"):
                log.warning("disk full: the queue pauses", extra={"action": "queue.paused"})
        except Unavailable as error:
            log.warning("the queue pauses, which could not be stored: %s", error)

    async def refused(self, error: NotStored) -> None:
        """Do what follows from a commit that the disk refused."""
        if isinstance(error, DiskFull):
            await self.pause()
