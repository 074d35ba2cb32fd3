"""The installs that run: how far each is, and how it is asked to end.

``server.installer`` runs them, ``server.installing`` knows what one does.
"""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
import msgspec

from core.library import contents
from core.library.stopping import Reason, Stop
from core.paths import Layout
from core.records.events import ModelProgress
from core.records.install import Install
from core.store import install_rows
from core.store.database import Database
from core.store.install_rows import InstallRow

if TYPE_CHECKING:
    pass

log = logging.getLogger(__name__)
SLOTS = 2  # installs that run at once; the others wait
TICK = 0.25  # seconds between two frames of progress
_ROOM = 5.0  # seconds between two looks whether a full disk has room again
_OBEYED = 10.0  # seconds that a pause or cancel is waited for before it is answered
_RETRY = 5.0  # seconds after which a failing database is asked again
_SMOOTH = 0.3  # weight of the newest pace


class Live:
    """One install that runs: how far it is, and how it is asked to end."""

    def __init__(self, row: InstallRow) -> None:
        self.row = row
        self.stop = Stop()
        self.ended = anyio.Event()
        self.before = 0  # bytes of the files that are whole
        self.current: Callable[[], int] = lambda: 0  # bytes of the file that comes
        self.per_second = 0.0
        self._seen: tuple[float, int] | None = None

    @property
    def bytes(self) -> int:
        """Count what is here."""
        return self.before + self.current()

    def measure(self, now: float) -> ModelProgress:
        """Take the pace since the last measure, and say how far it is."""
        here = self.bytes
        if self._seen is not None and now > self._seen[0]:
            pace = max(0, here - self._seen[1]) / (now - self._seen[0])
            old = self.per_second or pace
            self.per_second = old + _SMOOTH * (pace - old)
        self._seen = (now, here)
        return ModelProgress(
            install=self.row.id, bytes=here, total=self.row.total,
            per_second=round(self.per_second, 1), eta_seconds=self.eta(here),
        )  # fmt: skip

    def eta(self, here: int) -> float | None:
        """Estimate the seconds that are left; None where nothing is known."""
        if self.row.total is None or self.per_second <= 0:
            return None
        return round(max(0, self.row.total - here) / self.per_second, 1)

    def shown(self, held: Install) -> Install:
        """Add what only the running one knows."""
        here = self.bytes
        return msgspec.structs.replace(
            held, bytes=here, per_second=round(self.per_second, 1), eta_seconds=self.eta(here)
        )


class Installs:
    """The installs of one server."""

    def __init__(self, db: Database, layout: Layout) -> None:
        self._db = db
        self._layout = layout
        self._bell = anyio.Event()
        self.live: dict[str, Live] = {}
        self.pauses: tuple[float, ...] | None = None  # of a download, in place of its own

    @property
    def incoming(self) -> Path:
        """Name the folder where models lie that are not whole yet."""
        return self._layout.models / contents.INCOMING

    def hang(self) -> anyio.Event:
        """Give the bell that rings next."""
        self._bell = anyio.Event()
        return self._bell

    def ring(self) -> None:
        """Look for work: somebody asked for an install."""
        self._bell.set()

    def show(self, row: InstallRow) -> Install:
        """Show an install as it is now."""
        held = install_rows.record(row)
        live = self.live.get(row.id)
        return held if live is None else live.shown(held)

    async def ask(self, install: str, reason: Reason) -> None:
        """Ask a running one to end, and wait a little until it has."""
        live = self.live.get(install)
        if live is None:
            return
        live.stop.ask(reason)
        with anyio.move_on_after(_OBEYED):
            await live.ended.wait()

    async def drop(self, install: str) -> None:
        """Delete what has come of one."""
        await anyio.to_thread.run_sync(contents.drop, self.incoming / install)
