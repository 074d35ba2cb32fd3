"""Whether work may leave the queue, and the bell that wakes whoever takes it."""

from collections.abc import Callable
from typing import Literal

import anyio

from core.jobs.admission import balance
from core.records.events import QueueChanged
from core.store import counters, jobs
from core.store.database import Database
from core.store.transaction import Transaction
from core.store.work import QueueState

Reason = Literal["asked", "disk_full", "engine_unavailable"]
PAUSED = "paused"  # a setting of the database: the reason


class Switch:
    """The part of the queue that stands between what waits and who takes it."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._bell = anyio.Event()
        self.on_wake: Callable[[], None] = lambda: None  # somebody else who looks at each change

    async def pause(self, reason: Reason = "asked") -> bool:
        """Let nothing more start; False if it was paused already."""

        def write(tx: Transaction) -> bool:
            if counters.setting(tx.connection, PAUSED, str) is not None:
                return False
            counters.set_setting(tx.connection, PAUSED, reason)
            tx.fact(QueueChanged(paused=True, reason=reason))
            return True

        return await self.database.write(write, urgent=reason == "disk_full")

    async def resume(self, reason: Reason | None = None) -> bool:
        """Let work start again; with a reason only if it was paused for that very reason."""

        def write(tx: Transaction) -> bool:
            paused = counters.setting(tx.connection, PAUSED, str)
            if paused is None or reason not in (None, paused):
                return False
            counters.set_setting(tx.connection, PAUSED, None)
            tx.fact(QueueChanged(paused=False, reason=reason or "asked"))
            return True

        done = await self.database.write(write)
        self.wake()
        return done

    async def balance(self) -> None:
        """See which trainings may start now, after what changes that without changing a job."""
        await self.database.write(balance)
        self.wake()

    async def state(self) -> QueueState:
        """Read counts, pause and ETA, without counting anything."""
        return await self.database.read(
            lambda connection: QueueState(
                counts=jobs.counts(connection),
                paused=counters.setting(connection, PAUSED, str) is not None,
                reason=counters.setting(connection, PAUSED, str),
                eta_seconds=jobs.eta(connection),
            )
        )

    async def wait(self) -> None:
        """Return when something may have become claimable since the last return."""
        await self._bell.wait()
        self._bell = anyio.Event()

    def wake(self) -> None:
        """Make ``wait`` return; any change of the queue does so by itself."""
        self._bell.set()
        self.on_wake()
