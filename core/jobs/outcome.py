"""How a job's last report is stored: pictures first, then one transaction. Knows no engine."""

import logging
import time
from collections.abc import Sequence

import anyio
import msgspec
from anyio import CapacityLimiter, to_thread

from core import failpoint
from core.errors import DatabaseFailing, DiskFull, NotFound, NotStored, Problem, Unavailable
from core.ipc.reports import JobCanceled, JobDone, JobFailed, TrainingParked
from core.jobs import gallery, making
from core.jobs.ending import Reason
from core.jobs.flight import Flight
from core.jobs.queue import Finished, NewImage, Queue
from core.paths import Layout
from core.store.work import NewModel

log = logging.getLogger(__name__)

_DISK = CapacityLimiter(8)  # threads that check and move pictures
_REST = 30.0  # seconds that a run which lacked memory waits, while others have it
_RETRY = 5.0  # seconds until the disk that refused is asked again

Last = JobDone | JobFailed | JobCanceled | TrainingParked


def called(models: Sequence[NewModel], flight: Flight) -> list[NewModel]:
    """Give models that a run made the words that they were taught."""
    if flight.training is None or not flight.training.subjects:
        return list(models)
    first = flight.training.subjects[0]
    words = f"{first.token} {first.class_word}"
    return [
        msgspec.structs.replace(
            model, token=first.token, class_word=first.class_word, trigger=words,
            trigger_words=model.trigger_words or [words],
        )
        for model in models
    ]  # fmt: skip


class Outcomes:
    """Stores how jobs ended, or gives them back to the queue."""

    def __init__(self, queue: Queue, layout: Layout) -> None:
        self._queue = queue
        self._layout = layout
        self._resting: float | None = None  # until when trainings rest that lacked memory

    async def store(self, report: Last, generation: int, flight: Flight | None) -> None:
        """Store a job's last report.

        :param flight: what is known of it; ``None`` for a job that this engine should not have.
        """
        match report:
            case JobDone():
                await self._done(report, generation, flight)
            case JobFailed():
                await self._failed(report, generation, flight)
            case JobCanceled():
                await self._canceled(report, generation, flight)
            case TrainingParked():
                await self._parked(report, generation)

    async def end(self, finished: Finished, placed: Sequence[NewImage] = ()) -> None:
        """Finish a job in the queue; unlink its pictures when nobody wants them any more.

        On a full disk the job goes back to the queue, which pauses. A database that fails is
        waited for, since the pictures are safe.
        """
        try:
            if await self._finish(finished):
                failpoint.hit("save.stored")
                return
        except DiskFull:
            await self.release(finished.generation, [finished.job], "disk_full")
        except (NotFound, Unavailable) as error:  # deleted meanwhile; or the server closes
            log.warning("job not stored: %s", error, extra={"job": finished.job})
        await to_thread.run_sync(gallery.remove, self._layout, placed, limiter=_DISK)
        await to_thread.run_sync(making.remove, self._layout, finished.models, limiter=_DISK)

    async def _finish(self, finished: Finished) -> bool:
        while True:
            try:
                return await self._queue.finish(finished)
            except DatabaseFailing:
                log.warning("database failing: an end waits", extra={"job": finished.job})
                await anyio.sleep(_RETRY)

    async def release(
        self,
        generation: int,
        jobs: Sequence[str] | None,
        reason: Reason,
        seconds: float = 0.0,
    ) -> None:
        """Give jobs back to the queue, however long the disk refuses to store it.

        :param jobs: ids; all of that generation without it.
        """
        while True:
            try:
                await self._queue.release(generation, jobs, reason, seconds)
                if reason == "disk_full":
                    await self._queue.pause("disk_full")
                return
            except NotStored as error:
                log.warning("%s: released jobs wait to be stored", error)
                await anyio.sleep(_RETRY)
            except Unavailable:  # the server closes; the next start finds them running
                return

    async def sweep(self, jobs: Sequence[str]) -> None:
        """Unlink what an engine left in staging of jobs that it no longer has."""
        await to_thread.run_sync(self._unlink, jobs, limiter=_DISK)

    def _unlink(self, jobs: Sequence[str]) -> None:
        for job in jobs:
            for file in self._layout.staging.glob(f"{job}-*"):
                file.unlink(missing_ok=True)
            making.sweep(self._layout, job)

    async def _done(self, report: JobDone, generation: int, flight: Flight | None) -> None:
        if flight is None or flight.generation != generation:
            await to_thread.run_sync(gallery.discard, self._layout, report.images, limiter=_DISK)
            await to_thread.run_sync(making.sweep, self._layout, report.job, limiter=_DISK)
            return
        try:
            models = await to_thread.run_sync(
                making.place, self._layout, report.made, report.job, limiter=_DISK
            )
            models = called(models, flight)
            placed = await to_thread.run_sync(
                gallery.place, self._layout, report.images, flight.facts, limiter=_DISK
            )
        except DiskFull:
            await self.release(generation, [report.job], "disk_full")
            return
        except (gallery.ImageDamaged, making.ModelDamaged) as error:
            problem = Problem(code=error.name, params=error.params)
            await self.end(self._finished(report, generation, "failed", problem))
            return
        for one in placed:
            log.debug(
                "picture saved", extra={
                    "job": report.job, "image": one.id, "request_id": flight.request_id,
                    "action": "image.saved",
                },
            )  # fmt: skip
        count = f"{len(placed)} picture{'' if len(placed) == 1 else 's'}"
        log.info(
            "job succeeded in %.2f s with %s saved", report.seconds, count,
            extra={
                "job": report.job, "request_id": flight.request_id, "action": "job.saved",
                "peak_bytes": report.peak_bytes, "ran": report.ran, "cached": report.cached,
            },
        )  # fmt: skip
        await self.end(
            Finished(
                job=report.job,
                generation=generation,
                status="succeeded",
                seconds=report.seconds,
                images=placed,
                degraded=report.degraded,
                cached=report.cached_nodes,
                models=models,
                result=report.result,
            ),
            placed,
        )

    async def _failed(self, report: JobFailed, generation: int, flight: Flight | None) -> None:
        log.warning(
            "job failed: %s %s", report.code, report.detail[-4000:],
            extra={
                "job": report.job, "request_id": flight.request_id if flight else "",
                "action": "job.failed",
            },
        )  # fmt: skip
        await self.sweep([report.job])  # pictures of sinks that ran before the one that failed
        if report.code == DiskFull.code:
            await self.release(generation, [report.job], "disk_full")
            return
        problem = Problem(
            code=report.code, node=report.node, path=report.path, params=report.params
        )
        await self.end(self._finished(report, generation, "failed", problem))

    async def _canceled(self, report: JobCanceled, generation: int, flight: Flight | None) -> None:
        await self.sweep([report.job])
        if flight is None or flight.canceled is None:  # a stopping engine cancels what it runs
            await self.release(generation, [report.job], "server_restart")
            return
        await self.end(self._finished(report, generation, "canceled"))

    async def _parked(self, report: TrainingParked, generation: int) -> None:
        """Give a run that saved itself back to the queue; one that lacked memory rests first."""
        await self.sweep([report.job])
        reason: Reason = "memory" if report.reason == "memory" else "server_restart"
        if reason == "memory":
            self._resting = time.monotonic() + _REST
        await self.release(generation, [report.job], reason, report.seconds)

    async def rested(self, now: float, *, idle: bool) -> None:
        """Let trainings that rested start again: after a while, or once nothing runs."""
        if self._resting is None or (now < self._resting and not idle):
            return
        self._resting = None
        try:
            await self._queue.balance()
        except Unavailable as error:
            log.warning("trainings rest on: %s", error)
            self._resting = now + _REST

    @staticmethod
    def _finished(
        report: JobDone | JobFailed | JobCanceled,
        generation: int,
        status: str,
        error: Problem | None = None,
    ) -> Finished:
        return Finished(
            job=report.job,
            generation=generation,
            status=status,  # type: ignore[arg-type]  # one of the three
            seconds=report.seconds,
            error=error,
            degraded=[] if isinstance(report, JobCanceled) else report.degraded,
            cached=[] if isinstance(report, JobCanceled) else report.cached_nodes,
        )
