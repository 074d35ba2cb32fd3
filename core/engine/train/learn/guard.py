"""Guard: a run that loses its numbers ends, or goes back once; what looks odd is told.

Knows losses of steps and room on a disk; it changes nothing of what trains.
"""

import logging
import math
import shutil
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

from core.errors import JobError, Params
from core.records.recipe import Recipe
from core.records.training import LossPoint

log = logging.getLogger(__name__)

SLOWER = 0.5  # times the learning rate, after a run went back
_WINDOW = 50  # steps that say what is usual
_LEAST = 20  # of them, before anything is said
_SPIKE = 8.0  # times the usual spread of losses above the usual loss
_QUIET = 100  # steps between two warnings
_CHECKPOINTS = 2  # that are to fit on the disk
_RATE = "rate"


class NotFinite(JobError):
    """Raised before a step would be taken whose loss or gradient is no finite number.

    Nothing has changed: weights and optimizer are as they are after the step before.
    """

    code = "training_nan"


class Guard:
    """Judges the losses of each step, before it changes anything: ``Setup.judge``.

    :param scaled: gradients may overflow, since what scales the loss will pass over that step.
    """

    def __init__(self, warned: Callable[[str, Params], None], *, scaled: bool = False) -> None:
        self._warned = warned
        self._scaled = scaled
        self._losses: deque[float] = deque(maxlen=_WINDOW)
        self._told = -_QUIET

    def __call__(self, point: LossPoint) -> None:
        """Judge.

        :raises NotFinite: when the loss, or a gradient that is not scaled, is no finite number.
        """
        norm = 0.0 if self._scaled or point.grad_norm is None else point.grad_norm
        if not (math.isfinite(point.loss) and math.isfinite(norm)):
            raise NotFinite(step=point.step)
        if self._spikes(point.loss) and point.step - self._told >= _QUIET:
            self._told = point.step
            usual = round(median(self._losses), 4)
            self._warned(
                "loss_spike", {"step": point.step, "loss": round(point.loss, 4), "usual": usual}
            )
        self._losses.append(point.loss)

    def _spikes(self, loss: float) -> bool:
        """Compare with the median, and the median of distances from it (Hampel 1974)."""
        if len(self._losses) < _LEAST:
            return False
        usual = median(self._losses)
        spread = median(abs(one - usual) for one in self._losses)
        return loss > usual + _SPIKE * max(spread, 1e-3 * abs(usual))


def guarded(
    attempt: Callable[[float, bool], int],
    recipe: Recipe,
    kept: Mapping[str, Any],
    back: Callable[[], int],
    warned: Callable[[str, Params], None],
) -> int:
    """Take the steps of a run; where its recipe says so, go back once when numbers are lost.

    :param attempt: takes them, at a factor of the learning rate, from the newest checkpoint if the
        second is true; gives how many are done.
    :param kept: ``extra`` of the state that the run goes on from: a run goes back once in its life.
    :param back: gives the step of the newest checkpoint; 0 where there is none.
    :raises NotFinite: when it does not go back.
    """
    rate = rate_of(kept)
    try:
        return attempt(rate, False)
    except NotFinite as error:
        if recipe.on_nan != "rollback" or rate != 1.0 or (step := back()) <= 0:
            raise
        log.warning("The run goes back to step %d", step, exc_info=error)
        warned("training_rollback", {**error.params, "back": step})
    return attempt(SLOWER, True)


def rate_of(kept: Mapping[str, Any]) -> float:
    """Give the factor of the learning rate that a state was made with."""
    rate = kept.get(_RATE, 1.0)
    return float(rate) if isinstance(rate, int | float) and 0 < rate <= 1 else 1.0


def rated(rate: float) -> dict[str, Any]:
    """Give what is kept of a factor, as a part of ``extra``."""
    return {_RATE: rate}


def room(folder: Path, size: int) -> Params:
    """Say how much room there is, and how much a checkpoint takes, in bytes."""
    return {"free": shutil.disk_usage(folder).free, "needed": size}


def low(folder: Path, size: int) -> bool:
    """Say whether the next checkpoints may not fit."""
    return shutil.disk_usage(folder).free < _CHECKPOINTS * size
