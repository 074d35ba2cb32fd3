"""Samples: what a run draws at a step, by the same words and seeds each time.

A sample changes nothing of the run, and what goes wrong with one is told and no more.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import torch
from PIL.Image import Image
from pytorch_lightning import Callback, Trainer

from core.engine.faults import poisoned
from core.engine.train.draw.drawing import Drawn, Wanted, Way
from core.errors import HeliographError
from core.ipc.reports import SavedImage, TrainingSampled, TrainingWarned
from core.records.training import SampleRole

log = logging.getLogger(__name__)

FAILURES = (
    HeliographError, RuntimeError, MemoryError, OSError, ValueError, TypeError, LookupError,
    AttributeError,
)  # fmt: skip


class Asked(NamedTuple):
    """A picture that is drawn at each sample."""

    wanted: Wanted
    role: SampleRole


class _Draws(Protocol):
    def draw(self, wanted: Sequence[Wanted], way: Way) -> list[Drawn]: ...

    def opened(self, saved: SavedImage) -> Image: ...


class _Tracker(Protocol):
    def log_sample(self, image: Image, step: int, role: str, prompt: str, seed: int) -> None: ...


class Sampled(Callback):  # type: ignore[misc]  # no types
    """Draws samples on a schedule; without the baton.

    :param every: steps; 0 draws none but those that are asked for.
    :param send: takes reports.
    :param begun: called before anything is drawn.
    """

    def __init__(
        self,
        drawing: _Draws,
        way: Way,
        regular: Sequence[Asked],
        every: int,
        device: torch.device,
        send: Callable[[TrainingSampled | TrainingWarned], None],
        begun: Callable[[], None],
        names: tuple[str, str],
        trackers: Sequence[_Tracker] = (),
    ) -> None:
        self._drawing = drawing
        self._way = way
        self._regular = tuple(regular)
        self._every = every
        self._device = device
        self._send = send
        self._begun = begun
        self._job, self._training = names
        self._trackers = tuple(trackers)
        self._step = 0

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Note where the run goes on: what it drew there it drew before."""
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Draw, if a step was taken and it is time."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        last = self._step == trainer.max_steps
        if self._every and (last or self._step % self._every == 0):
            self.draw(self._step, self._regular)

    def draw(self, step: int, asked: Sequence[Asked]) -> None:
        """Draw pictures and report each, or what went wrong."""
        self._begun()
        cards = [] if self._device.index is None else [self._device.index]
        kind = self._device.type if cards else None
        forked = {} if kind is None else {"device_type": kind}
        try:
            with torch.random.fork_rng(cards, **forked):
                drawn = self._drawing.draw([one.wanted for one in asked], self._way)
        except FAILURES as error:
            if poisoned(error):
                raise
            log.warning("No samples of step %d", step, exc_info=error)
            self._warn(step, error)
            return
        for one, made in zip(asked, drawn, strict=True):
            self._track(step, one, made)  # before the server takes it out of staging
            self._send(
                TrainingSampled(
                    job=self._job, training=self._training, step=step, image=made.saved,
                    prompt=one.wanted.prompt, seed=one.wanted.seed, role=one.role,
                )
            )  # fmt: skip

    def _track(self, step: int, one: Asked, made: Drawn) -> None:
        if not self._trackers:
            return
        picture = self._drawing.opened(made.saved)
        for tracker in self._trackers:
            tracker.log_sample(picture, step, one.role, one.wanted.prompt, one.wanted.seed)

    def _warn(self, step: int, error: BaseException) -> None:
        reason = error.name if isinstance(error, HeliographError) else type(error).__name__
        self._send(
            TrainingWarned(
                job=self._job, training=self._training, step=step, code="training_sample_failed",
                params={"step": step, "reason": reason},
            )
        )  # fmt: skip
