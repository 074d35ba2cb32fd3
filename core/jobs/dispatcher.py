"""The only loop that takes a job from the queue and gives it to the engine.

Beside it: cancels that the engine ignores. What the engine answers is ``core.jobs.reports``'s, the
disk ``core.jobs.disk``'s. Knows no HTTP.
"""

import logging
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import anyio
from anyio import TASK_STATUS_IGNORED
from anyio.abc import TaskStatus

from core import failpoint
from core.config import Settings
from core.errors import EngineUnavailable, NotStored, Problem, Unavailable
from core.events.bus import Bus
from core.graph.catalogue import Catalogue
from core.ipc.commands import Cancel, Run, RunGraph
from core.ipc.frames import FrameError
from core.jobs import tasks
from core.jobs.disk import DiskWatch
from core.jobs.executor import Executor
from core.jobs.flight import Flight
from core.jobs.imprint import imprint
from core.jobs.loaded import Identities, Loaded
from core.jobs.outcome import Outcomes
from core.jobs.preparation import Prepared, prepare
from core.jobs.queue import Claimed, Finished, Queue
from core.jobs.reports import Reports
from core.jobs.resolve import Resolver
from core.jobs.steering import Steering
from core.jobs.vitals import Vitals
from core.paths import Layout
from core.records.graph import Graph
from core.records.job import Progress
from core.store.database import Database

log = logging.getLogger(__name__)

_TICK = 1.0  # seconds between two looks at canceled jobs
_PATIENCE = 10.0  # seconds without progress that a canceled job gets
_CANCEL_CAP = 60.0  # seconds that it gets in any case
_EARLY = 256
_RETRY = 5.0  # seconds until a claim that the disk refused is tried again


class Dispatcher:
    """Take jobs from the queue and give them to the engine; store what it reports.

    One object for the server: ``await group.start(executor.run)``, then
    ``await group.start(dispatcher.run)``. At the end: ``dispatcher.close()`` (claims no more),
    ``await executor.stop(grace)``, ``await dispatcher.wait_ended()``: the last report is stored.

    :param roots: label of a model folder → where it lies.
    :param on_catalogue: called with each new catalogue of the engine; must not wait.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        executor: Executor,
        db: Database,
        bus: Bus,
        layout: Layout,
        settings: Settings,
        roots: Mapping[str, Path] | None = None,
        on_catalogue: Callable[[Catalogue], None] = lambda catalogue: None,
    ) -> None:
        self._queue = queue
        self._executor = executor
        self._db = db
        self._settings = settings
        self._layout = layout
        self.identities = Identities()
        self._resolver = Resolver(layout, roots or {}, self.identities)
        self._loaded = Loaded(db, self.identities)
        self._flights: dict[str, Flight] = {}
        self.steering = Steering(executor, self._flights)
        self._bell = anyio.Event()
        self._closed = False
        self._ended = anyio.Event()
        self._disk = DiskWatch(queue, db, layout.root, settings)
        self._outcomes = Outcomes(queue, layout)
        self._early: dict[str, float] = {}  # canceled between their claim and their flight
        self.vitals = Vitals()
        self._reports = Reports(
            queue=queue,
            executor=executor,
            db=db,
            bus=bus,
            outcomes=self._outcomes,
            layout=layout,
            loaded=self._loaded,
            vitals=self.vitals,
            flights=self._flights,
            freed=self._ring,
            on_catalogue=on_catalogue,
        )

    @property
    def progress(self) -> dict[str, Progress]:
        """Say how far each job is that the engine has."""
        return {job: flight.progress for job, flight in self._flights.items()}

    def eta(self, job: str) -> float | None:
        """Give the seconds that a job which runs still needs, as far as its steps tell."""
        flight = self._flights.get(job)
        return None if flight is None else flight.eta_seconds

    @property
    def loaded(self) -> frozenset[str]:
        """Name the models of which the engine has something in memory."""
        return self._loaded.models

    async def run(self, *, task_status: TaskStatus[None] = TASK_STATUS_IGNORED) -> None:
        """Work until the executor has ended and its last report is stored."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._listen)
            group.start_soon(self._feed)
            group.start_soon(self._watch_cancels)
            group.start_soon(self._disk.run)
            task_status.started()
            try:
                await self._reports.run()
            finally:
                self._ended.set()
            group.cancel_scope.cancel()

    async def wait_ended(self) -> None:
        """Return once the executor has ended and its last report is stored."""
        await self._ended.wait()

    def cancel(self, job: str) -> None:
        """Ask the engine to stop a job; call after ``queue.cancel`` said ``canceling``.

        A job that the engine does not have is no error. One that makes no progress for 10
        seconds afterwards costs the engine its life, and the job is canceled all the same.
        """
        flight = self._flights.get(job)
        if flight is None:
            self._early[job] = time.monotonic()
            if len(self._early) > _EARLY:
                del self._early[next(iter(self._early))]
            return
        if flight.canceled is None:
            flight.canceled = time.monotonic()
        if flight.generation == self._executor.generation:
            failpoint.hit("cancel.send")
            try:
                self._executor.send(Cancel(job=job))
            except EngineUnavailable:
                log.debug("the engine ended before the cancel", extra=_named(flight))

    def close(self) -> None:
        """Claim nothing more; what runs may end."""
        self._closed = True
        self._ring()

    def _ring(self) -> None:
        self._bell.set()

    async def _listen(self) -> None:
        while True:
            await self._queue.wait()
            self._ring()

    async def _feed(self) -> None:
        while not self._closed:
            bell = self._bell = anyio.Event()
            self.vitals.busy("feed")
            room = self._settings.in_flight - len(self._flights)
            claimed: list[Claimed] = []
            if room > 0 and self._executor.state == "ready":
                generation = self._executor.generation
                try:
                    claimed = await self._queue.claim(generation, room, alone=not self._flights)
                except NotStored as error:
                    with anyio.move_on_after(_RETRY):
                        await self._disk.refused(error)
                        await bell.wait()
                    continue
                await self._take(claimed, generation)
            if not claimed:
                self.vitals.rest("feed")
                await bell.wait()

    async def _take(self, claimed: list[Claimed], generation: int) -> None:
        """Send claimed jobs, in order. All of them are in flight from the start."""
        now = time.monotonic()
        for one in claimed:
            begun = self._flights[one.job] = Flight(
                one.job, one.owner, generation, now, one.request_id
            )
            begun.canceled = self._early.pop(one.job, None)
        ready: dict[str, Prepared] | None = {}
        catalogue = self._executor.catalogue
        if catalogue is not None:  # or the engine was lost; sending says so
            try:
                ready = await prepare(self._db, self._resolver, self._layout, catalogue, claimed)
            except Unavailable as error:
                log.warning("%d jobs not prepared: %s", len(claimed), error)
                ready = None
        for one in claimed:
            flight = self._flights.get(one.job)
            if flight is None:  # its engine was lost meanwhile
                continue
            if ready is None:
                await self._give_back(flight)
                continue
            prepared = ready.get(one.job)
            if prepared is not None:
                flight.graph, flight.resources = prepared.graph, prepared.resources
                flight.task, flight.hashes = prepared.task, prepared.hashes
                flight.training = prepared.training
            if prepared is not None and prepared.problem is not None:
                await self._refuse(flight, prepared.problem)
            elif flight.canceled is not None:
                await self._drop(flight, Finished(
                    job=one.job, generation=generation, status="canceled"
                ))  # fmt: skip
            else:
                await self._send(one, flight)

    async def _send(self, claimed: Claimed, flight: Flight) -> None:
        try:
            if flight.graph is None or flight.generation != self._executor.generation:
                raise EngineUnavailable(state="restarting")
            command = self._command(claimed, flight, flight.graph)
            failpoint.hit("claim.send")
            self._executor.send(command)
            failpoint.hit("claim.sent")
        except EngineUnavailable:
            await self._give_back(flight)
        except FrameError:
            await self._refuse(flight, Problem(code="command_too_large"))
        else:
            flight.moved = time.monotonic()
            self.steering.sent(flight)
            log.info("job started", extra={**_named(flight), "action": "job.started"})

    def _command(self, claimed: Claimed, flight: Flight, graph: Graph) -> Run:
        if flight.task is not None:
            return tasks.command(claimed, flight, self._layout.making)
        if flight.training is not None:
            return flight.training
        return RunGraph(
            job=claimed.job,
            graph=graph,
            resources=flight.resources,
            metadata=imprint(claimed, flight),
            request_id=claimed.request_id,
            exact=claimed.exact,
            alone=claimed.alone,
        )

    async def _give_back(self, flight: Flight) -> None:
        self._flights.pop(flight.job, None)
        await self._outcomes.release(flight.generation, [flight.job], "engine_lost")

    async def _refuse(self, flight: Flight, problem: Problem) -> None:
        await self._drop(flight, Finished(
            job=flight.job, generation=flight.generation, status="failed", error=problem
        ))  # fmt: skip

    async def _drop(self, flight: Flight, finished: Finished) -> None:
        """End a job that never reached the engine."""
        self._flights.pop(flight.job, None)
        await self._outcomes.end(finished)
        self._ring()

    async def _watch_cancels(self) -> None:
        while True:
            await anyio.sleep(_TICK)
            now = time.monotonic()
            await self._outcomes.rested(now, idle=not self._flights)
            for flight in self._flights.values():
                if flight.canceled is None or flight.generation != self._executor.generation:
                    continue
                silent = now - max(flight.moved, flight.canceled)
                if silent > _PATIENCE or now - flight.canceled > _CANCEL_CAP:
                    log.warning("cancel ignored: the engine is ended", extra=_named(flight))
                    self._executor.kill("cancel_ignored")
                    break


def _named(flight: Flight) -> dict[str, str]:
    """Name a job on a log line, and the request that asked for it."""
    return {"job": flight.job, "request_id": flight.request_id}
