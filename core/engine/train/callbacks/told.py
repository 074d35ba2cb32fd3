"""Telling: how far a run is and what it loses, a few times a second and without a gap."""

import time
from collections.abc import Callable
from typing import Any

from pytorch_lightning import Callback, Trainer

from core.engine.outbox import Outbox
from core.ipc.reports import JobProgressed, TrainingBegan, TrainingLosses
from core.records.training import LossPoint

_GAP = 0.2  # seconds between two reports
_BOUND = 256  # points of one report


class Told(Callback):  # type: ignore[misc]  # no types
    """Reports every step of a run.

    :param moved: called with each step that is shown: a sign of life.
    """

    def __init__(
        self, outbox: Outbox, job: str, training: str, steps: int, moved: Callable[[int], None]
    ) -> None:
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
        if len(self._points) >= _BOUND or time.monotonic() - self._sent >= _GAP:
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
            self._sent = time.monotonic()
