"""The durable queue: what may become of a job, and the facts that say so.

Knows no engine and no SQL; every change is one transaction, whose callable stands in
``admission``, ``renewal``, ``taking`` or ``ending``. Facts are stored with the change and
published after it.
"""

from collections.abc import Callable, Collection
from typing import Literal

from core import failpoint
from core.config import Settings
from core.errors import Conflict, Params, Problem
from core.jobs import admission, ending, renewal, taking
from core.jobs.meters import JobMeters
from core.jobs.switch import Switch
from core.records.events import QueueChanged
from core.store import batches, clients, counters, line
from core.store.database import Database
from core.store.transaction import Transaction
from core.store.work import (
    Added,
    Claimed,
    Finished,
    NewBatch,
    NewImage,
    QueueState,
    Requeued,
)

__all__ = [
    "Added",
    "Claimed",
    "Finished",
    "NewBatch",
    "NewImage",
    "Queue",
    "QueueState",
    "Requeued",
]
Also = Callable[[Transaction, Added], None]
_AT_ONCE = 500  # jobs canceled in one transaction, so that others get theirs in between
_TAIL = 4_000  # characters of an engine's log that a quarantined job keeps
_REACH = 10_000  # places of a line that ``reorder`` looks along


class Queue(Switch):
    """Jobs from their acceptance to their terminal state."""

    def __init__(self, database: Database, settings: Settings, boot: str) -> None:
        super().__init__(database)
        self.settings = settings
        self.boot = boot  # id of this run of the server
        self.meters = JobMeters()

    async def add(self, new: NewBatch, also: Also | None = None) -> Added:
        """Accept a batch: all of it is on the disk when this returns, or nothing is.

        :param also: what is written in the same transaction, unless the key was known.
        :raises QueueFull: when the queue would hold more than ``queue_max`` jobs, or this client
            more than ``queue_max_per_client``.
        :raises Invalid: ``too_many_jobs`` for more than 10,000, ``no_jobs`` for none.
        :raises Conflict: ``idempotency_mismatch`` when the key came with another body.
        :raises DiskFull: when there is no room.
        """
        cells = admission.checked(new)
        self.database.refuse_when_full()
        room = self._room()

        def write(tx: Transaction) -> Added:
            added = admission.accept(tx, new, cells, room)
            if also is not None and not added.repeated:
                also(tx, added)
            return added

        added = await self.database.write(write)
        failpoint.hit("accept.reply")
        self.wake()
        return added

    async def claim(self, generation: int, limit: int, alone: bool = False) -> list[Claimed]:
        """Take up to ``limit`` jobs for the engine of ``generation``; they run from now on.

        :param alone: nothing is in flight in that engine. Only then is a suspect given out,
            as the only job; while a suspect waits or runs, nothing else is given out.
        """
        claimed = await self.database.write(
            lambda tx: taking.take(tx, self.boot, generation, limit, alone=alone)
        )
        self.meters.claimed(claimed)
        return claimed

    async def finish(self, finished: Finished) -> bool:
        """End a running job: pictures, status and facts in one transaction.

        False when the job no longer runs under this boot and that generation: nothing was
        written, and the caller unlinks the files.

        :raises NotFound: for an unknown job.
        :raises DiskFull: when there is no room; ``release`` the job then.
        """
        done = await self.database.write(lambda tx: ending.finish(tx, self.boot, finished))
        if done:
            self.meters.finished(finished)
        self.wake()
        return done

    async def lost(
        self, generation: int, *, exit_code: int | None = None, reason: str = "", log_tail: str = ""
    ) -> Requeued:
        """Take back every job of an engine that died.

        A job that was alone in flight is to blame: two such crashes quarantine it, with the
        tail of the engine's log. Several are suspects, and are tried again one at a time.
        """
        params: Params = {"exit": exit_code, "reason": reason, "log": log_tail[-_TAIL:]}
        error = Problem(code="engine_crashed", params=params)
        done = await self.database.write(
            lambda tx: ending.crashed(tx, self.boot, generation, error), urgent=True
        )
        self.meters.returned(done, "engine_lost")
        self.wake()
        return done

    async def release(
        self,
        generation: int,
        jobs: Collection[str] | None = None,
        reason: ending.Reason = "server_restart",
        seconds: float = 0.0,
    ) -> Requeued:
        """Take back jobs through no fault of theirs: a stopping server, a full disk.

        :param jobs: ids; all of that generation without it.
        :param seconds: engine time of a job that saved what it did.
        """
        only = None if jobs is None else tuple(jobs)
        done = await self.database.write(
            lambda tx: ending.release(tx, self.boot, generation, only, reason, seconds), urgent=True
        )
        self.meters.returned(done, reason)
        self.wake()
        return done

    async def recover(self) -> Requeued:
        """Take back what earlier runs of the server left running; called once, at start."""
        done = await self.database.write(lambda tx: ending.recover(tx, self.boot), urgent=True)
        self.meters.returned(done, "server_restart")
        self.wake()
        return done

    async def cancel(self, job: str, owner: str | None = None) -> Literal["canceled", "canceling"]:
        """Cancel a job: ``canceled`` if it waited; ``canceling`` if it runs, for ``finish``.

        :param owner: whose it must be; without one, anybody's.
        :raises NotFound: for an unknown job, or somebody else's.
        :raises Conflict: ``job_ended``.
        """
        done = await self.database.write(lambda tx: ending.cancel(tx, job, owner), urgent=True)
        self.wake()
        return done

    async def cancel_batch(self, batch: str, owner: str | None = None) -> list[str]:
        """Cancel what waits of a batch, and give back ids of jobs that run: now ``canceling``.

        :raises NotFound: for an unknown batch, or somebody else's.
        """
        row = await self.database.read(lambda connection: batches.row_of(connection, batch, owner))
        # What waits goes first: what is claimed meanwhile is then found running.
        await self._cancel_waiting(batch=row)
        return await self.database.write(lambda tx: line.mark_batch_canceling(tx, row))

    async def retry(self, job: str, owner: str | None = None) -> Added:
        """Ask for an ended job again: a new job in a batch of its own, as ended is for good.

        :raises NotFound: for an unknown job, or somebody else's.
        :raises Conflict: ``job_not_ended``.
        :raises QueueFull: likewise.
        """
        room = self._room()
        self.database.refuse_when_full()
        added = await self.database.write(lambda tx: renewal.again(tx, job, owner, room))
        self.wake()
        return added

    async def retry_batch(self, batch: str, owner: str | None = None) -> Added:
        """Ask for every cell of a batch again whose job failed or was canceled.

        New jobs of the same batch stand for those cells; the old ones stay as they ended.

        :raises NotFound: for an unknown batch, or somebody else's.
        :raises Conflict: ``nothing_to_retry``.
        :raises QueueFull: likewise.
        """
        room = self._room()
        self.database.refuse_when_full()
        added = await self.database.write(lambda tx: renewal.renew(tx, batch, owner, room))
        self.wake()
        return added

    async def reorder(
        self,
        job: str,
        priority: int | None = None,
        position: int | None = None,
        owner: str | None = None,
    ) -> None:
        """Move a waiting job: another priority, or a place in its client's own line, 0 first.

        A place takes the priority of whoever stood there.

        :raises NotFound: for an unknown job, or somebody else's.
        :raises Conflict: ``job_not_queued``.
        """
        await self.database.write(lambda tx: _reorder(tx, job, priority, position, owner))
        self.wake()

    async def clear(self, owner: str | None = None) -> int:
        """Cancel everything that waits; gives back how many jobs that were."""
        count = await self._cancel_waiting(owner=owner)

        def write(tx: Transaction) -> None:
            paused = counters.setting(tx.connection, "paused", str) is not None
            tx.fact(QueueChanged(owner=owner, paused=paused, reason="cleared"))

        await self.database.write(write)
        self.wake()
        return count

    def _room(self) -> admission.Room:
        return admission.Room(self.settings.queue_max, self.settings.queue_max_per_client)

    async def _cancel_waiting(self, *, batch: int | None = None, owner: str | None = None) -> int:
        def write(tx: Transaction) -> int:
            found = line.some_queued(tx.connection, _AT_ONCE, batch=batch, owner=owner)
            for job in found:
                ending.end(tx, job, "canceled")
            return len(found)

        total = 0
        while True:
            count = await self.database.write(write)
            total += count
            if count < _AT_ONCE:
                return total


def _reorder(
    tx: Transaction, job: str, priority: int | None, position: int | None, owner: str | None
) -> None:
    found = line.get(tx.connection, job, owner)
    if found.status != "queued":
        raise Conflict("job_not_queued", status=found.status)
    if priority is not None:
        clients.move(tx.connection, found.row, priority, float(found.row))
    if position is not None:
        _place(tx, found, max(0, min(position, _REACH)))
    admission.settle(tx, found.client)
    paused = counters.setting(tx.connection, "paused", str) is not None
    tx.fact(QueueChanged(owner=found.owner, paused=paused, reason="reordered"))


def _place(tx: Transaction, job: line.Row, position: int) -> None:
    """Put a job where, after it left its line, ``position`` others stand before it."""
    others = clients.around(tx.connection, job.client, job.row, position)
    before, after = others
    if after is None:
        if before is not None:
            clients.move(tx.connection, job.row, -before.turn, before.place + 1)
        return
    low = before.place if before is not None and before.turn == after.turn else after.place - 2
    middle = (low + after.place) / 2
    if not low < middle < after.place:  # no number in between: make room
        clients.shift(tx.connection, after)
        middle = after.place - 0.5
    clients.move(tx.connection, job.row, -after.turn, middle)
