"""Keeping: when a run's state and its usable weights are written, and which of them stay.

What is kept is copied into RAM between two steps, where it costs what a copy costs, and written on
a thread of its own. Knows when and how many; ``state`` and ``folders`` know how.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import torch
from pytorch_lightning import Callback, Trainer

from core.engine.train.keep import capture, folders, snapshots, structure
from core.engine.train.keep import state as states
from core.engine.train.keep.state import Loaded, State
from core.engine.train.keep.writing import Writer
from core.engine.train.learn import guard
from core.errors import DiskFull, JobError, Params
from core.records.recipe import Recipe
from core.records.training import CheckpointKind

log = logging.getLogger(__name__)

CHECKPOINTS: Final = "checkpoints"
SNAPSHOTS: Final = "snapshots"
_SECONDS = "seconds"  # what of ``extra`` says how long the run has taken, over all its jobs


class Saved(NamedTuple):
    """What lies, whole and synced, in the run's folder."""

    name: str  # of its folder, inside checkpoints/ or snapshots/
    step: int
    kind: CheckpointKind
    size: int  # bytes
    metric: float | None
    best: bool
    removed: list[str]  # names of checkpoints that gave way to it


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """What ``Kept`` is given of the run around it.

    ``told`` is called on the writer's thread. ``extra`` gives plain values that are kept with a
    state, ``about`` those that are kept with a snapshot. ``metric`` gives the validation loss as of
    now. ``working`` has the device, ``idle`` is called while a write is waited for and may raise.
    """

    told: Callable[[Saved], None]
    warned: Callable[[str, Params], None]
    extra: Callable[[], Mapping[str, Any]] = dict
    about: Callable[[], Mapping[str, Any]] = dict
    metric: Callable[[Trainer], float | None] = lambda trainer: None
    working: Callable[[], AbstractContextManager[None]] = nullcontext
    idle: Callable[[], None] = lambda: None
    clock: Callable[[], float] = field(default=time.monotonic)


class Kept(Callback):  # type: ignore[misc]  # which has no types here
    """Keeps state and snapshots of a run: on a schedule, when asked, when it stops and at its end.

    In the list after what judges a step, and without the baton. What cannot be written on the way
    is told and tried again the next time; at the end it is raised.

    :param folder: the run's own.
    :param key: ``manifest.secret`` of the runs.
    :param start: what the run goes on from; later checkpoints than that are of another course, and
        go when the run begins.
    """

    def __init__(
        self, folder: Path, recipe: Recipe, key: bytes, given: Keeping, start: Loaded | None = None
    ) -> None:
        self._checkpoints, self._snapshots = folder / CHECKPOINTS, folder / SNAPSHOTS
        self._recipe, self._key, self._given = recipe, key, given
        seconds = start.extra.get(_SECONDS) if start else None
        self._before = float(seconds) if isinstance(seconds, int | float) else 0.0
        self._writer = Writer(given.idle)
        self._asked = threading.Event()
        self._removed: list[str] = []
        self._trainer: Trainer | None = None
        self._since = self._last = 0.0
        self._step = -1
        self._saved = start.step if start and start.path.parent == self._checkpoints else -1
        self._snapped = -1

    def request(self) -> None:
        """Ask for a checkpoint after the step that is being taken; from any thread."""
        self._asked.set()

    def on_train_start(self, trainer: Trainer, *_: Any) -> None:
        """Put the folder in order, and begin to count."""
        self._trainer = trainer
        self._step = trainer.global_step
        self._since = self._last = self._given.clock()
        if not trainer.is_global_zero:
            return
        for folder in (self._checkpoints, self._snapshots):
            folder.mkdir(parents=True, exist_ok=True)
            folders.sweep(folder)
        for path in folders.steps(self._checkpoints):
            if (step := folders.step_of(path.name)) is not None and step > self._step:
                folders.remove(path)
                self._removed.append(path.name)

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Keep what is due, if a step was taken."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._step >= (trainer.max_steps or 0):
            return  # the end keeps it
        recipe = self._recipe
        minutes = (self._given.clock() - self._last) / 60
        on_step = _due(recipe.checkpoint_every, self._step)
        on_time = bool(recipe.checkpoint_minutes) and minutes >= recipe.checkpoint_minutes
        snapshot = _due(recipe.snapshot_every, self._step)
        if on_step or snapshot or self._asked.is_set() or (on_time and not self._writer.busy):
            self._keep(checkpoint=on_step or on_time or self._asked.is_set(), snapshot=snapshot)

    def save(self, snapshot: bool = False) -> None:
        """Keep the state as of the last step; it is being written when this returns.

        :param snapshot: usable weights as well.
        """
        self._keep(checkpoint=True, snapshot=snapshot)

    def wait(self) -> None:
        """Wait until all that was kept is on the disk.

        :raises DiskFull: when there is no room; the last good state is kept.
        :raises OSError: when the disk fails.
        :raises JobError: training_nan, where the weights are no numbers.
        """
        try:
            self._writer.wait()
        except BaseException:
            self._saved = self._snapped = -1
            raise

    def settle(self) -> None:
        """Wait for what is being written, and tell what could not be."""
        step = max(self._saved, self._snapped)
        try:
            self.wait()
        except DiskFull:
            self._given.warned("disk_full", {"step": step})
        except OSError as error:
            reason = error.strerror or type(error).__name__
            self._given.warned("checkpoint_unsaved", {"step": step, "reason": reason})

    def on_train_end(self, trainer: Trainer, *_: Any) -> None:
        """Keep the end, and see that it is on the disk."""
        self._step = trainer.global_step
        self._keep(checkpoint=True, snapshot=True)
        self.wait()

    def on_exception(self, *_: Any) -> None:
        """Finish what is being written; nothing else is kept of a run that failed."""
        self._writer.end()

    def _keep(self, *, checkpoint: bool, snapshot: bool) -> None:
        trainer = self._trainer
        if trainer is None or not trainer.is_global_zero:
            return
        self._asked.clear()
        self.settle()
        checkpoint = checkpoint and self._saved != self._step
        snapshot = snapshot and self._snapped != self._step
        if not checkpoint and not snapshot:
            return
        works: list[Callable[[], None]] = []
        metric = self._given.metric(trainer)
        with self._given.working():
            if snapshot:
                works.append(self._snapshot(trainer, metric))
                self._snapped = self._step
            if checkpoint:
                works.append(self._checkpoint(trainer, metric))
                self._saved, self._last = self._step, self._given.clock()

        def write() -> None:
            # A run that is killed in between goes on before the snapshot and makes it again; the
            # other way round it would go on behind it. One that cannot be written stops no other.
            with ExitStack() as all_of_them:
                for work in reversed(works):
                    all_of_them.callback(work)

        self._writer.write(write)

    def _checkpoint(self, trainer: Trainer, metric: float | None) -> Callable[[], None]:
        seconds = self._before + self._given.clock() - self._since
        state = capture.captured(trainer, {**self._given.extra(), _SECONDS: seconds}, metric)

        def write() -> None:
            refuse_poisoned(state)
            told = states.write(self._checkpoints, state, self._key)
            name = folders.name_of(state.step)
            best = states.best(self._checkpoints)
            self._thin(best)
            removed, self._removed = self._removed, []
            is_best = best is not None and best.name == name
            self._given.told(
                Saved(name, state.step, "checkpoint", told.size, metric, is_best, removed)
            )
            if guard.low(self._checkpoints, told.size):
                self._given.warned("disk_low", guard.room(self._checkpoints, told.size))

        return write

    def _snapshot(self, trainer: Trainer, metric: float | None) -> Callable[[], None]:
        module: Any = trainer.lightning_module
        step = self._step
        with nullcontext() if module.ema is None else module.ema.applied():
            weights = structure.copied(module.method.snapshot())
        about = {**self._given.about(), "step": step, "metric": metric}

        def write() -> None:
            told = snapshots.write(self._snapshots, step, weights, about, self._key, metric)
            name = folders.name_of(step)
            self._given.told(Saved(name, step, "snapshot", told.size, metric, False, []))

        return write

    def _thin(self, best: Path | None) -> None:
        """Remove checkpoints but the newest ones, the best, and those that are held."""
        whole = [path for path in folders.steps(self._checkpoints) if folders.whole(path)]
        for path in whole[self._recipe.keep_last :]:
            if path != best and not folders.held(path):
                try:
                    folders.remove(path)
                except OSError as error:  # the next one tries again, or the next run's sweep
                    log.warning("%s stays", path.name, exc_info=error)
                if not path.exists():
                    self._removed.append(path.name)


def refuse_poisoned(state: State) -> None:
    """See that weights are numbers before they are kept.

    :raises JobError: ``training_nan``.
    """
    for part in (state.trainable, state.ema):
        for tensor in part.values():
            if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
                raise JobError("training_nan", step=state.step)


def _due(every: int, step: int) -> bool:
    return bool(every) and step % every == 0
