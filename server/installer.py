"""Runs installs: two at a time, gone on with after a restart, told as they come.

``server.installing`` knows what one does.
"""

import logging
import shutil
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
from anyio.abc import TaskGroup

from core.errors import HeliographError, NotFound
from core.library import contents
from core.store import install_rows, installs
from server.installing import Installing
from server.installs import SLOTS, Live
from server.state import State

log = logging.getLogger(__name__)
TICK = 0.25  # seconds between two frames of progress
_BEAT = 10.0  # seconds after which it is told that nothing comes
_ROOM = 5.0  # seconds between two looks whether a full disk has room again
_RETRY = 5.0  # seconds after which a failing database is asked again


class Installer:
    """The loop of one server."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._db = self._state.db
        self._live = state.installs.live

    async def run(self) -> None:
        """Run what is asked for, until cancelled."""
        while True:
            if await self._recovered():
                break
            await anyio.sleep(_RETRY)
        async with anyio.create_task_group() as group:
            group.start_soon(self._keep_looking_for_room)
            try:
                while True:
                    bell = self._state.installs.hang()
                    wait = await self._fill(group)
                    with anyio.move_on_after(wait):
                        await bell.wait()
            finally:
                for live in self._live.values():
                    live.stop.ask("closing")

    async def _recovered(self) -> bool:
        try:
            await self._db.write(installs.recover)
            kept = await self._db.read(install_rows.kept)
            await anyio.to_thread.run_sync(_sweep, self._state.installs.incoming, kept)
        except (HeliographError, OSError) as error:
            log.warning("installs wait: %s", error)
            return False
        return True

    async def _fill(self, group: TaskGroup) -> float | None:
        """Begin what has a slot; give the seconds after which to look again, if it must be."""
        while len(self._live) < SLOTS and not self._state.stopping:
            try:
                row = await self._db.write(installs.claim)
            except HeliographError as error:
                log.warning("installs wait: %s", error)
                return _RETRY
            if row is None:
                break
            self._live[row.id] = live = Live(row)
            group.start_soon(self.one, live)
        return None

    async def one(self, live: Live) -> None:
        """Run one to its end, whatever that is."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._tell, live)
                try:
                    await self._heed(live)
                    await Installing(self._state, live).run()
                except HeliographError as error:  # its end could not be stored
                    log.warning("an install waits for the database: %s", error)
                    await self._put_back(live)
                group.cancel_scope.cancel()
        finally:
            del self._live[live.row.id]
            live.ended.set()
            self._state.installs.ring()

    async def _heed(self, live: Live) -> None:
        """Take up a wish that was stored between the claim and now."""
        live.row = await self._db.read(partial(install_rows.get, install=live.row.id))
        if live.row.wish is not None:
            live.stop.ask(live.row.wish)

    async def _put_back(self, live: Live) -> None:
        """Let one wait anew, as soon as the database takes that."""
        while True:
            with suppress(HeliographError):
                await self._db.write(partial(installs.put_back, install=live.row.id))
                return
            await anyio.sleep(_RETRY)

    async def _tell(self, live: Live) -> None:
        """Show how far an install is, four times a second at most, while bytes come."""
        shown, at = -1, 0.0
        while True:
            now = time.monotonic()
            frame = live.measure(now)
            if frame.bytes != shown or now - at > _BEAT:
                self._state.bus.show(frame, owner=live.row.owner)
                shown, at = frame.bytes, now
            await anyio.sleep(TICK)

    async def _keep_looking_for_room(self) -> None:
        while True:
            with suppress(HeliographError, OSError):
                await self.look_for_room()
            await anyio.sleep(_ROOM)

    async def look_for_room(self) -> None:
        """Let those go on that a full disk had paused, once it has room for them."""
        waiting = await self._db.read(install_rows.starved)
        if not waiting:
            return
        usage = await anyio.to_thread.run_sync(shutil.disk_usage, self._state.layout.models)
        room = usage.free - 2 * (self._state.settings.disk_floor_mb << 20)
        for row in waiting:
            needed = max(row.total or 0, row.bytes)
            if room < needed or self._state.db.ballast.thrown:
                return
            room -= needed
            with suppress(NotFound):
                await self._db.write(partial(installs.resume, install=row.id))
                log.info("there is room again: an install goes on", extra={"install": row.id})
        self._state.installs.ring()


def _sweep(incoming: Path, kept: set[str]) -> None:
    """Delete what came of installs that are no more, or were canceled."""
    if incoming.is_dir():
        for entry in list(incoming.iterdir()):
            if entry.name not in kept:
                contents.drop(entry)
