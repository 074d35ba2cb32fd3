"""Runs imports: one at a time, begun anew after a restart, told as they go.

What an import added before it was broken off is known when it begins anew, and is passed over.
"""

import logging

import anyio

from core.errors import HeliographError
from core.store import imports
from server.importing import Importing
from server.imports import Live
from server.state import State

log = logging.getLogger(__name__)
TICK = 0.25  # seconds between two frames of progress
_RETRY = 5.0  # seconds after which a failing database is asked again


class Importer:
    """The loop of one server."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._imports = state.imports

    async def run(self) -> None:
        """Run what is asked for, until cancelled."""
        recovered = False
        while True:
            bell = self._imports.hang()
            try:
                if not recovered:
                    await self._state.db.write(imports.recover)
                    recovered = True
                row = None if self._state.stopping else await self._state.db.write(imports.claim)
            except HeliographError as error:
                log.warning("imports wait: %s", error)
                await anyio.sleep(_RETRY)
                continue
            if row is None:
                await bell.wait()
            else:
                await self._one(Live(row))

    async def _one(self, live: Live) -> None:
        """Run one to its end, whatever that is."""
        self._imports.live = live
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(self._tell, live)
                await Importing(self._state, live).run()
                group.cancel_scope.cancel()
        finally:
            self._imports.live = None
            live.ended.set()

    async def _tell(self, live: Live) -> None:
        """Show how far an import is, four times a second at most."""
        shown = None
        while True:
            frame = live.frame()
            if frame != shown:
                self._state.bus.show(frame, owner=live.row.owner)
                shown = frame
            await anyio.sleep(TICK)
