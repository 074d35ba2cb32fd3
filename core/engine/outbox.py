"""The outbox: reports on their way to the server, written by one thread, so nobody waits.

Reports that matter keep their order in a bounded queue. Progress, previews and heartbeats have
one slot each, in which the newest wins. When a job ends its slots are emptied, so nothing of it
follows its last report. Knows frames, not what is behind the pipe.
"""

import logging
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from core.ipc import exits, frames
from core.ipc.reports import (
    AnyReport,
    Heartbeat,
    JobCanceled,
    JobDone,
    JobFailed,
    JobProgressed,
    Previewed,
    TrainingParked,
)

if TYPE_CHECKING:  # this floor must stand before torch is imported
    import torch

log = logging.getLogger(__name__)

_BOUND = 4096  # waiting reports; the server takes thousands a second, so more is a bug
_SHARE = 0.015  # of the time that previews may take: where they cost much they come less often
_MEMORY = 0.8  # of what they cost so far, in the mean that is kept
_PACE = 0.005  # seconds between two slots: a burst of progress wakes the writer once
_ENDED = (JobDone, JobFailed, JobCanceled, TrainingParked)


class _Sketch:
    """A preview that is not encoded yet: the writer does that, unless a newer one replaces it."""

    def __init__(
        self, job: str, node: str, step: int, steps: int, pixels: "torch.Tensor", cost: float
    ) -> None:
        self.job = job
        self.node = node
        self.step = step
        self.steps = steps
        self.pixels = pixels
        self.cost = cost  # seconds of a processor so far; of one that does not draw it is free

    def report(self, longest: int) -> Previewed:
        from core.engine.pictures import jpeg

        begun = time.thread_time()
        data, width, height = jpeg(self.pixels, longest)
        if self.pixels.device.type == "cpu":
            self.cost += time.thread_time() - begun
        return Previewed(
            job=self.job, node=self.node, step=self.step, steps=self.steps,
            width=width, height=height, mime="image/jpeg", data=data,
        )  # fmt: skip


class Outbox:
    """Reports to the server. Every method returns at once, from any thread.

    :param rate: previews a second and job; 0 turns them off.
    :param size: longest side of a preview, in pixels.
    """

    def __init__(self, stream: BinaryIO, *, rate: float = 8.0, size: int = 256) -> None:
        self._stream = stream
        self._gap: float | None = None
        self.tune(rate)
        self._size = size
        self._condition = threading.Condition()
        self._queue: deque[AnyReport] = deque()
        self._slots: dict[tuple[str, str], AnyReport | _Sketch] = {}
        self._jobs: dict[str, float] = {}  # running job → when its last preview was taken
        self._watched: frozenset[str] | None = frozenset()  # None: all
        self._cost = 0.0  # seconds that a preview takes of what pictures are drawn with
        self._busy = False
        self._slot_due = 0.0  # when the next slot may be written
        self._closed = False
        self._thread = threading.Thread(target=self._write, name="outbox", daemon=True)

    def start(self) -> None:
        """Start the writer."""
        self._thread.start()

    def begin(self, job: str) -> None:
        """Let progress and previews of a job pass from now on, until its last report."""
        with self._condition:
            self._jobs[job] = 0.0

    def watch(self, jobs: list[str] | None) -> None:
        """Say whose previews are wanted; ``None`` means every job's."""
        self._watched = None if jobs is None else frozenset(jobs)

    def tune(self, rate: float) -> None:
        """Set the previews a second and job from now on; 0 turns them off."""
        self._gap = 1 / rate if rate else None

    def send(self, report: AnyReport) -> None:
        """Queue a report. A job's last report empties its slots first."""
        with self._condition:
            if isinstance(report, _ENDED):
                self._jobs.pop(report.job, None)
                for key in [key for key in self._slots if key[1] == report.job]:
                    del self._slots[key]
            if len(self._queue) >= _BOUND:
                log.critical("The server takes no reports: %d wait", len(self._queue))
                os._exit(exits.OVERFLOW)
            self._queue.append(report)
            self._condition.notify()

    def beat(self, heartbeat: Heartbeat) -> None:
        """Offer a heartbeat; the newest wins."""
        with self._condition:
            self._fill(("heartbeat", ""), heartbeat)

    def progress(self, report: JobProgressed) -> None:
        """Offer a job's progress; the newest wins. Dropped once the job has ended."""
        with self._condition:
            if report.job in self._jobs:
                self._fill(("progress", report.job), report)

    def wants_preview(self, job: str) -> bool:
        """Say whether somebody watches the job and its last preview is old enough.

        Jobs that are watched share the time that previews may take.
        """
        if self._gap is None or (self._watched is not None and job not in self._watched):
            return False
        last = self._jobs.get(job)
        jobs = self._jobs.keys()
        watched = len(jobs if self._watched is None else jobs & self._watched)
        gap = max(self._gap, self._cost * watched / _SHARE)
        return last is not None and time.monotonic() - last >= gap

    def preview(
        self, job: str, node: str, step: int, steps: int, pixels: "torch.Tensor", cost: float = 0.0
    ) -> None:
        """Offer a preview: uint8 (H, W, 3) RGB on any device; encoded later, the newest wins.

        :param cost: seconds of a processor that drawing it took.
        """
        with self._condition:
            if job in self._jobs:
                self._jobs[job] = time.monotonic()
                self._fill(("preview", job), _Sketch(job, node, step, steps, pixels, cost))

    def drain(self, seconds: float) -> bool:
        """Wait until everything is written, at most ``seconds``; say whether it is."""
        deadline = time.monotonic() + seconds
        with self._condition:
            while self._queue or self._slots or self._busy:
                rest = deadline - time.monotonic()
                if rest <= 0:
                    return False
                self._condition.wait(min(rest, 0.1))
        return True

    def close(self) -> None:
        """End the writer; what still waits is lost."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()

    def _write(self) -> None:
        while (message := self._next()) is not None:
            try:
                report = self._encoded(message) if isinstance(message, _Sketch) else message
                frames.write(self._stream, report)
            except frames.FrameError as error:
                self._too_large(message, error)
            except OSError:  # nobody reads any more
                os._exit(exits.ORPHAN)
            except RuntimeError:  # of torch: the copy to the CPU found a device that is lost
                log.exception("A preview could not be drawn")

    def _encoded(self, sketch: _Sketch) -> Previewed:
        report = sketch.report(self._size)
        before = self._cost or sketch.cost
        self._cost = before * _MEMORY + sketch.cost * (1 - _MEMORY)
        return report

    def _fill(self, key: tuple[str, str], message: "AnyReport | _Sketch") -> None:
        if not self._slots:  # else the writer is awake, or knows when to wake
            self._condition.notify_all()
        self._slots[key] = message

    def _next(self) -> "AnyReport | _Sketch | None":
        with self._condition:
            self._busy = False
            self._condition.notify_all()  # those who drain
            while not self._closed:
                wait = 60.0
                if self._queue:
                    self._busy = True
                    return self._queue.popleft()
                if self._slots:
                    wait = self._slot_due - time.monotonic()
                    if wait <= 0:
                        self._busy = True
                        self._slot_due = time.monotonic() + _PACE
                        return self._slots.pop(next(iter(self._slots)))
                self._condition.wait(wait)
            return None

    def _too_large(self, message: AnyReport | _Sketch, error: frames.FrameError) -> None:
        log.error("A report was dropped: %s", error)
        if isinstance(message, JobDone):  # plain outputs over the cap
            self.send(JobFailed(job=message.job, code="output_too_large", seconds=message.seconds))
