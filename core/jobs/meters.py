"""Figures of the queue since the server started: how long jobs waited and ran, and went back."""

from collections import Counter
from collections.abc import Iterable

from core.meters import LONG_SECONDS, Histogram
from core.store.work import Claimed, Finished, Requeued


class JobMeters:
    """Counts what the queue did; observed after the commit, on the loop's thread."""

    def __init__(self) -> None:
        self.waits = Histogram(LONG_SECONDS)  # seconds from acceptance to the first claim
        self.durations = {  # outcome → engine seconds of the last attempt
            status: Histogram(LONG_SECONDS) for status in ("succeeded", "failed", "canceled")
        }
        self.retried: Counter[str] = Counter()  # reason → jobs that went back to the queue
        self.quarantined = 0

    def claimed(self, jobs: Iterable[Claimed]) -> None:
        """Note jobs that leave the queue; one that went back has waited before."""
        for job in jobs:
            if job.attempt == 1:
                self.waits.observe(job.waited)

    def finished(self, job: Finished) -> None:
        """Note a job that ran and ended."""
        self.durations[job.status].observe(job.seconds)

    def returned(self, jobs: Requeued, reason: str) -> None:
        """Note jobs whose engine or server died under them."""
        if jobs.queued:
            self.retried[reason] += len(jobs.queued)
        self.quarantined += len(jobs.quarantined)
