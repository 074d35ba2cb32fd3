"""Whether work is done now, and if not, why: what ``/readyz`` says, and sockets are told.

A loop looks at disk, database, queue and engine every two seconds, so that asking costs nothing
and cannot hang. When nothing shows that the engine or the writer works, it makes them show it: a
Ping through the engine's mailbox and pipe, a row in the database.
"""

import logging
import shutil
import sqlite3
import time

import anyio
from anyio import CapacityLimiter, to_thread
from msgspec import Struct

from core.errors import EngineUnavailable, HeliographError
from core.ipc.commands import Ping
from core.records.events import Readiness
from core.store import counters
from server.state import State

log = logging.getLogger(__name__)

_DISK = CapacityLimiter(1)  # a dead disk costs one thread
_MIB = 1 << 20
PROBED = "probed"  # a setting of the database: when the writer last had to show that it writes


class Limits(Struct, frozen=True, kw_only=True):
    """How long each thing may take, in seconds."""

    tick: float = 2.0
    stuck: float = 6.0  # one thing may take a loop, a commit or this watchdog
    idle: float = 60.0  # without a sign of work from engine or writer: it is asked for one
    failing: float = 4.0  # between two tries of a writer that failed
    silent: float = 8.0  # for the engine's answer, and between its heartbeats
    given_up: float = 60.0  # without an answer: the engine is replaced


class Watchdog:
    """Finds reasons, and keeps them fresh."""

    def __init__(self, state: State, limits: Limits | None = None) -> None:
        self._state = state
        self._limits = limits or Limits()
        self._looked = time.monotonic()
        self._disk: str | None = None
        self._paused = False  # by the dispatcher, for a full disk
        self._starved: float | None = None  # since when work waits that nobody takes
        self._number = 0  # of the newest Ping
        self._asked: tuple[float, int] | None = None  # when it was sent, to which generation

    async def run(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self.look()
            await anyio.sleep(self._limits.tick)

    async def look(self) -> None:
        """Look once at everything that has to be waited for."""
        await self._look_at_disk()
        await self._look_at_database()
        await self._look_at_queue()
        self._look_at_engine()
        self._looked = time.monotonic()
        self._tell()

    def _tell(self) -> None:
        """Tell sockets what changed since the last look; who comes later hears it in the hello."""
        reasons = self.reasons()
        if reasons != self._state.told:
            self._state.told = reasons
            self._state.bus.show(Readiness(reasons=reasons))

    def reasons(self) -> list[str]:
        """List why no work is done now; empty when it is. Never waits."""
        state, limits = self._state, self._limits
        now, vitals = time.monotonic(), state.dispatcher.vitals
        stuck = vitals.stuck()
        starved = self._starved is not None and now - self._starved > limits.stuck
        found = {
            "stopping": state.stopping,
            f"engine_{state.executor.state}": state.executor.state != "ready",
            "engine_silent": max(vitals.silence(), self._waited(now)) > limits.silent,
            "library_scanning": not state.scanned.is_set(),
            "dispatcher_stuck": starved or (stuck is not None and stuck[1] > limits.stuck),
            "database_stuck": state.db.meters.running() > limits.stuck,
            "database_failing": state.db.failing is not None,
            "disk_full": self._paused or "disk_full" in (self._disk, state.db.meters.fault),
            "disk_stuck": self._disk == "disk_stuck",
            "checks_stuck": now - self._looked > limits.tick + limits.stuck,
        }
        return [reason for reason, holds in found.items() if holds]

    def _waited(self, now: float) -> float:
        """Give the seconds that the engine has owed an answer."""
        return 0.0 if self._asked is None else now - self._asked[0]

    async def _look_at_disk(self) -> None:
        settings, root = self._state.settings, self._state.layout.root
        with anyio.move_on_after(self._limits.stuck / 2) as waiting:
            usage = await to_thread.run_sync(
                shutil.disk_usage, root, abandon_on_cancel=True, limiter=_DISK
            )
            full = usage.free < settings.disk_floor_mb * _MIB
            self._disk = "disk_full" if full else None
        if waiting.cancelled_caught:
            self._disk = "disk_stuck"

    async def _look_at_database(self) -> None:
        """Make a writer that failed, or has not written for long, show whether it can."""
        meters, limits = self._state.db.meters, self._limits
        pause = limits.idle if meters.fault is None else limits.failing
        if meters.running() or time.monotonic() - meters.ended < pause:
            return
        try:
            await self._state.db.write(
                lambda tx: counters.set_setting(tx.connection, PROBED, tx.now)
            )
        except (HeliographError, sqlite3.Error) as error:  # the writer's meters keep it
            log.warning("the database cannot be written: %s", error)

    async def _look_at_queue(self) -> None:
        state = self._state
        try:
            queue = await state.queue.state()
        except (HeliographError, sqlite3.Error) as error:
            log.warning("the queue cannot be read: %s", error)
            return
        self._paused = queue.reason == "disk_full"  # it goes on at twice the floor
        waits = bool(queue.counts.get("queued")) and not queue.paused
        taken = bool(state.dispatcher.progress) or state.executor.state != "ready"
        if not waits or taken or state.stopping:
            self._starved = None
        elif self._starved is None:
            self._starved = time.monotonic()

    def _look_at_engine(self) -> None:
        """Ask an engine for a sign of life that has given none for long; replace a deaf one."""
        executor, vitals, limits = self._state.executor, self._state.dispatcher.vitals, self._limits
        now, generation = time.monotonic(), executor.generation
        if self._asked is not None:
            asked, whom = self._asked
            if vitals.ponged >= self._number or whom != generation:
                self._asked = None
            elif now - asked > limits.given_up:
                log.error("the engine beats but does not answer: it is replaced")
                self._asked = None
                executor.kill("no_answer")
            return
        if executor.state != "ready" or now - vitals.worked < limits.idle:
            return
        try:
            executor.send(Ping(number=self._number + 1))
        except EngineUnavailable:
            log.debug("the engine ended before it was asked")
        else:
            self._number += 1
            self._asked = (now, generation)
