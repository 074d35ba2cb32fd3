"""Telling: how far a run is and what it loses, a few times a second and without a gap.

Each report becomes a fact, and the log of facts keeps so many: a run of a day must not push all
others out. So it tells less often the longer it takes, with more points at a time.
"""

import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, Trainer

from core.engine.outbox import Outbox
from core.ipc.reports import JobProgressed, TrainingBegan, TrainingLosses
from core.records.training import LossPoint

_GAP, _LONGEST = 0.2, 2.0  # seconds between two reports, of a run that began and of a long one
_AGE = 1800.0  # seconds of a run for each second that the gap grows by
_BOUND = 256  # points of one report


class Told(Callback):  # type: ignore[misc]  # no types
    """Reports every step of a run.

    :param moved: called with each step that is shown: a sign of life.
    """

    def __init__(
        self,
        outbox: Outbox,
        job: str,
        training: str,
        steps: int,
        moved: Callable[[int], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._began = clock()
        self._outbox = outbox
        self._job = job
        self._training = training
        self._steps = steps
        self._moved = moved
        self._points: list[LossPoint] = []
        self._sent = 0.0

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Say that the next thing is a step."""
        self._outbox.send(
            TrainingBegan(
                job=self._job, training=self._training, step=trainer.global_step, steps=self._steps
            )
        )

    def take(self, point: LossPoint) -> None:
        """Take the losses of a step."""
        self._points.append(point)
        self.progress(point.step)
        now = self._clock()
        gap = min(_LONGEST, _GAP + (now - self._began) / _AGE)
        if len(self._points) >= _BOUND or now - self._sent >= gap:
            self.flush()

    def progress(self, step: int, phase: str = "train") -> None:
        """Show how far the run is."""
        self._moved(step)
        self._outbox.progress(
            JobProgressed(job=self._job, node=None, phase=phase, step=step, steps=self._steps)
        )

    def flush(self) -> None:
        """Send what waits: before anything that takes a while, and at the end."""
        if self._points:
            points, self._points = self._points, []
            self._outbox.send(TrainingLosses(job=self._job, training=self._training, points=points))
            self._sent = self._clock()
