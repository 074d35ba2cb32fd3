"""What becomes of each report: one function a kind; first store, then publish.

Knows the queue, the store and the bus; nothing of how the engine is run.
"""

import logging
import time
from collections.abc import Callable

import anyio
from anyio.abc import TaskGroup

from core.errors import EngineUnavailable, NotStored, Unavailable
from core.events.bus import Bus, Watched
from core.graph.catalogue import Catalogue
from core.ipc.commands import Watch
from core.ipc.reports import (
    CatalogueChanged,
    Degraded,
    Fatal,
    Heartbeat,
    Hello,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    Pong,
    Previewed,
    TrainingBegan,
    TrainingLosses,
    TrainingParked,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
    TrainingWarned,
)
from core.jobs.ending import Reason
from core.jobs.executor import Changed, Executor, Lost, Stamped
from core.jobs.flight import Flight
from core.jobs.loaded import Loaded
from core.jobs.outcome import Last, Outcomes
from core.jobs.queue import Queue
from core.jobs.trained import TrainingReports
from core.jobs.vitals import Vitals
from core.paths import Layout
from core.records.events import EngineState, JobPreview, Memory
from core.store.database import Database

log = logging.getLogger(__name__)

_STORING = 32  # ended jobs that are being stored; then the engine's reports wait
_MEMORY_GAP = 2.0  # seconds between two frames
_RETRY = 5.0  # seconds until a full disk is tried again
_BLAMELESS: dict[str, Reason] = {
    "stopped": "server_restart",
    "cancel_ignored": "engine_lost",
    "renewed": "engine_lost",
}


class Reports:
    """Consume an executor's reports until they end.

    :param flights: jobs that the engine has; an ended one is removed before it is stored.
    :param loaded: told of what the engine has in memory.
    :param vitals: told of what shows that reports come and are stored.
    :param freed: called when the engine may take another job.
    :param on_catalogue: called with each new catalogue.
    """

    def __init__(
        self,
        *,
        queue: Queue,
        executor: Executor,
        db: Database,
        bus: Bus,
        outcomes: Outcomes,
        layout: Layout,
        loaded: Loaded,
        vitals: Vitals,
        flights: dict[str, Flight],
        freed: Callable[[], None],
        on_catalogue: Callable[[Catalogue], None],
    ) -> None:
        self._queue = queue
        self._executor = executor
        self._db = db
        self._bus = bus
        self._outcomes = outcomes
        self._flights = flights
        self._freed = freed
        self._on_catalogue = on_catalogue
        self._storing = 0
        self._stored = anyio.Event()
        self._memory_at = 0.0
        self._loaded = loaded
        self._vitals = vitals
        self._trainings = TrainingReports(queue, layout, flights, freed)
        bus.on_watch(self._watch)

    async def run(self) -> None:
        """Work until the executor has ended and its last report is stored."""
        async with anyio.create_task_group() as group:
            group.start_soon(self._trainings.run)
            async for item in self._executor.reports():
                self._vitals.busy("reports")
                match item:
                    case Stamped():
                        await self._hear(item, group)
                    case Lost():
                        await self._lost(item)
                    case Changed():
                        await self._changed(item)
                self._vitals.rest("reports")
            self._trainings.close()

    async def _hear(self, stamped: Stamped, group: TaskGroup) -> None:
        report, generation = stamped.report, stamped.generation
        match report:
            case JobProgressed():
                self._progressed(report)
            case Previewed():
                self._previewed(report)
            case Heartbeat():
                await self._beat(report)
            case JobDone() | JobFailed() | JobCanceled() | TrainingParked():
                await self._ended(report, generation, group)
            case (
                TrainingBegan()
                | TrainingLosses()
                | TrainingSampled()
                | TrainingSaved()
                | TrainingPauses()
                | TrainingWarned()
            ):
                await self._trainings.hear(report, generation)
            case Hello() | CatalogueChanged():
                self._on_catalogue(report.catalogue)
            case Pong():
                self._vitals.pong(report.number)
            case Degraded():
                log.info(
                    "memory ran short: %s (needed %d, free %d)",
                    report.rung, report.needed, report.free,
                    extra={"job": report.job, "action": "job.degraded"},
                )  # fmt: skip
            case Fatal():
                log.error("engine failed: %s", report.reason, extra={"action": "engine.fatal"})

    def _progressed(self, report: JobProgressed) -> None:
        flight = self._flights.get(report.job)
        if flight is not None:
            self._bus.show(flight.advance(report, time.monotonic()), owner=flight.owner)

    def _previewed(self, report: Previewed) -> None:
        flight = self._flights.get(report.job)
        if flight is None:
            return
        flight.moved = time.monotonic()
        preview = JobPreview(
            job=report.job,
            node=report.node,
            step=report.step,
            steps=report.steps,
            width=report.width,
            height=report.height,
            mime=report.mime,
            data=report.data,
        )
        self._bus.show(preview, owner=flight.owner)

    async def _beat(self, report: Heartbeat) -> None:
        self._vitals.beat(report)
        await self._loaded.hold(report.models)
        now, hello = time.monotonic(), self._executor.hello
        if hello is None or now - self._memory_at < _MEMORY_GAP * 0.9:
            return
        self._memory_at = now
        self._bus.show(
            Memory(
                device=hello.device,
                used=report.used,
                total=report.total,
                rss=report.rss,
                models=report.models,
            )
        )

    async def _ended(self, report: Last, generation: int, group: TaskGroup) -> None:
        """Free the engine's place at once; store beside the reports that follow."""
        while self._storing >= _STORING:
            await self._a_store()
        flight = self._flights.pop(report.job, None)
        self._storing += 1
        self._vitals.worked = time.monotonic()
        group.start_soon(self._store, report, generation, flight)
        self._freed()

    async def _store(self, report: Last, generation: int, flight: Flight | None) -> None:
        try:
            if flight is not None and flight.training is not None:
                await self._trainings.settled()
            await self._outcomes.store(report, generation, flight)
        finally:
            self._storing -= 1
            self._stored.set()
        self._queue.wake()

    async def _a_store(self) -> None:
        self._stored = anyio.Event()
        await self._stored.wait()

    async def _lost(self, lost: Lost) -> None:
        """Take back an engine's jobs, once all that it finished is stored."""
        self._vitals.lost(lost.reason)
        while self._storing:
            await self._a_store()
        await self._trainings.settled()
        jobs = [f.job for f in self._flights.values() if f.generation == lost.generation]
        for job in jobs:
            del self._flights[job]
        await self._loaded.hold(())
        await self._outcomes.sweep(jobs)
        if lost.reason in _BLAMELESS:
            await self._outcomes.release(lost.generation, None, _BLAMELESS[lost.reason])
        else:
            await self._requeue(lost)
        self._freed()

    async def _requeue(self, lost: Lost) -> None:
        while True:
            try:
                done = await self._queue.lost(
                    lost.generation,
                    exit_code=lost.exit_code,
                    reason=lost.reason,
                    log_tail=lost.log_tail,
                )
            except NotStored:
                await anyio.sleep(_RETRY)
                continue
            except Unavailable:  # the server closes; the next start finds them running
                return
            for job in done.quarantined:
                log.error("job quarantined: the engine died under it twice", extra={"job": job})
            return

    async def _changed(self, changed: Changed) -> None:
        fact = EngineState(
            state=changed.state,
            generation=changed.generation,
            device=changed.device,
            reason=changed.reason,
        )
        try:
            await self._db.write(lambda tx: tx.fact(fact))
        except Unavailable as error:  # a full disk, or the server closes
            log.warning("engine.state %s is not stored: %s", changed.state, error)
        if changed.state == "ready":
            self._watch(self._bus.watched())
        self._freed()

    def _watch(self, watched: Watched) -> None:
        if self._executor.state != "ready":
            return  # told once it is
        try:
            self._executor.send(Watch(jobs=None if watched is None else sorted(watched)))
        except EngineUnavailable:
            log.debug("the engine ended before it heard whom to watch")
