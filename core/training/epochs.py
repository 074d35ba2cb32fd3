"""Epochs: which step ends a pass over the pictures. A run itself counts steps and nothing else."""

import math

from core.records.training import Plan


def last_step(plan: Plan, epoch: int) -> int:
    """Give the step after which every picture was taught so many times, or its repeats as often.

    Passes have no end between them, so a step may lie in two; it counts for the one that it ends.
    """
    recipe = plan.recipe
    each_step = recipe.batch * recipe.accumulate * recipe.parallel
    return math.ceil(epoch * plan.pictures * recipe.repeats / each_step)
