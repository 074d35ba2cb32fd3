"""Schedule: the learning rate as a pure function of the step. Knows a recipe, no optimizer."""

import math
from collections.abc import Callable

from core.records.recipe import Recipe, Schedule

_CYCLES = 3  # of cosine_restarts
_POWER = 2.0  # of polynomial

# Share of the rate after the warm-up, by the share of the steps that are done, in [0, 1).
_SHAPES: dict[Schedule, Callable[[float], float]] = {
    "constant": lambda done: 1.0,
    "linear": lambda done: 1.0 - done,
    "cosine": lambda done: 0.5 * (1.0 + math.cos(math.pi * done)),
    "cosine_restarts": lambda done: 0.5 * (1.0 + math.cos(math.pi * (done * _CYCLES % 1.0))),
    "polynomial": lambda done: (1.0 - done) ** _POWER,
}


def multiplier(recipe: Recipe, step: int, steps: int) -> float:
    """Give the factor of every learning rate, in [0, 1], at a step from 0.

    It rises in equal parts over the warm-up, whose first step already moves, and follows the
    schedule's shape from there to 0, which it would reach at step ``steps``.

    :param steps: of the run.
    """
    rising = round((recipe.warmup or 0.0) * steps)
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(steps - rising, 1)
    return _SHAPES[recipe.schedule or "constant"](min(done, 1.0))
