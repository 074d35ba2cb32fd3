"""What a run tells on its way becomes rows and facts, in the order in which it is told.

First store, then publish: each report is one transaction. A report of an engine that is gone, or
of a job that is not the training's newest, changes nothing. Knows no engine.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
import msgspec
from anyio import CapacityLimiter, to_thread

from core.errors import DiskFull, NotFound, NotStored, Unavailable
from core.ipc.reports import (
    AnyTrainingReport,
    TrainingBegan,
    TrainingLosses,
    TrainingParked,
    TrainingPauses,
    TrainingSampled,
    TrainingSaved,
    TrainingWarned,
)
from core.jobs import gallery
from core.jobs.channel import Channel
from core.jobs.flight import Flight
from core.jobs.queue import Queue
from core.paths import Layout
from core.records.image import ImageFacts
from core.store import checkpoints, line, training_points, trainings, turns
from core.store.transaction import Transaction
from core.store.work import NewImage

log = logging.getLogger(__name__)
T = TypeVar("T")
_WAITING = 256  # reports that wait to be stored: then the engine's reports wait, too
_RETRY = 5.0  # seconds until a disk that refused is asked again
_TRIES = 6  # then a report is dropped: a curve may have a gap, and an engine is not held up
_DISK = CapacityLimiter(1)  # pictures keep their order


class TrainingReports:
    """Stores what trainings tell, one report after the other.

    :param flights: jobs that the engine has.
    :param freed: called when the engine may take jobs beside a training that was a suspect.
    """

    def __init__(
        self, queue: Queue, layout: Layout, flights: dict[str, Flight], freed: Callable[[], None]
    ) -> None:
        self._queue = queue
        self._layout = layout
        self._flights = flights
        self._freed = freed
        self._heard: Channel[tuple[AnyTrainingReport, int, Flight | None]] = Channel(_WAITING)
        self._told = 0  # reports that were heard
        self._stored = 0  # of them, that are done with
        self._moved = anyio.Event()

    async def hear(self, report: AnyTrainingReport, generation: int) -> None:
        """Take a report; waits while too many wait to be stored."""
        flight = self._flights.get(report.job)
        if flight is not None:
            flight.moved = time.monotonic()
        self._told += 1
        await self._heard.send((report, generation, flight))

    async def settled(self) -> None:
        """Return once all that was heard so far is stored."""
        due = self._told
        while self._stored < due:
            await self._moved.wait()

    async def run(self) -> None:
        """Store until closed, and what is left then."""
        async for report, generation, flight in self._heard:
            try:
                await self._store(report, generation, flight)
            finally:
                self._stored += 1
                self._moved.set()
                self._moved = anyio.Event()

    def close(self) -> None:
        """Take nothing more."""
        self._heard.close()

    async def _store(
        self, report: AnyTrainingReport, generation: int, flight: Flight | None
    ) -> None:
        if isinstance(report, TrainingSampled):
            await self._sampled(report, generation, flight)
            return
        done = await self._write(partial(apply, self._queue.boot, generation, report))
        if done == "acquitted":
            log.info("a training got on: others may run beside it", extra={"job": report.job})
            self._freed()

    async def _sampled(
        self, report: TrainingSampled, generation: int, flight: Flight | None
    ) -> None:
        """File first, row last; a picture that nobody wants leaves nothing."""
        image = msgspec.structs.replace(report.image, kind="sample")
        if flight is None or flight.generation != generation:
            await to_thread.run_sync(gallery.discard, self._layout, [image], limiter=_DISK)
            return
        name = flight.training.name if flight.training is not None else None
        facts = ImageFacts(prompt=report.prompt, seed=report.seed, model=name)
        try:
            placed = await to_thread.run_sync(
                gallery.place, self._layout, [image], lambda sink: facts, limiter=_DISK
            )
        except (DiskFull, gallery.ImageDamaged) as error:
            log.warning("sample not kept: %s", error, extra={"job": report.job})
            return
        call = partial(add_sample, self._queue.boot, generation, report, placed[0])
        if not await self._write(call):
            await to_thread.run_sync(gallery.remove, self._layout, placed, limiter=_DISK)

    async def _write(self, call: Callable[[Transaction], T]) -> T | None:
        for _ in range(_TRIES):
            try:
                return await self._queue.database.write(call)
            except NotStored as error:
                log.warning("%s: what a training told waits to be stored", error)
                await anyio.sleep(_RETRY)
            except Unavailable:  # the server closes; the run tells it again when it goes on
                return None
        log.warning("the disk refuses: a report of a training is dropped")
        return None


def apply(boot: str, generation: int, report: AnyTrainingReport, tx: Transaction) -> str | None:
    """Store one report; ``acquitted`` when the job was a suspect and is none any more."""
    run = _run_of(tx, boot, generation, report)
    if run is None:
        return None
    match report:
        case TrainingBegan():
            trainings.began(tx, run, report.job, report.step, report.steps)
        case TrainingLosses():
            further = training_points.add_losses(tx, run, report.points)
            if further and turns.acquit(tx, report.job):
                return "acquitted"
        case TrainingSaved():
            checkpoints.save(
                tx, run, name=report.name, step=report.step, kind=report.kind, size=report.size,
                metric=report.metric, best=report.best, removed=report.removed,
            )  # fmt: skip
        case TrainingPauses():
            trainings.pauses(tx, run, report.step, report.paused)
        case TrainingWarned():
            trainings.warned(tx, run, report.step, report.code, report.params)
        case TrainingSampled() | TrainingParked():
            raise AssertionError("stored elsewhere")
    return "stored"


def add_sample(
    boot: str, generation: int, report: TrainingSampled, placed: NewImage, tx: Transaction
) -> bool:
    """Store a picture whose file lies in its place; False when it is not wanted."""
    run = _run_of(tx, boot, generation, report)
    return run is not None and training_points.add_sample(
        tx, run, placed, report.step, report.prompt, report.seed, report.role
    )


def _run_of(
    tx: Transaction, boot: str, generation: int, report: AnyTrainingReport
) -> trainings.Run | None:
    """Find the run that a report may speak of: its job runs in that very engine."""
    try:
        job = line.get(tx.connection, report.job)
    except NotFound:
        return None
    if (job.status, job.boot, job.generation) != ("running", boot, generation):
        return None
    found = trainings.of_job(tx.connection, report.job)
    if found is None or found[0].shown.id != report.training:
        return None
    return found[0] if found[0].shown.job == report.job else None
