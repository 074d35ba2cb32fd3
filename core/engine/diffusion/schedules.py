"""Schedules: how the levels of noise are spread over the steps.

A table. Most rows are settings of diffusers' schedulers; the others give their levels themselves,
to any scheduler that could follow Karras'. Importing it loads neither torch nor diffusers.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

Levels = Sequence[float]  # sigmas of every training timestep, rising


class Schedule(NamedTuple):
    """One schedule: settings of a scheduler that shape its sigmas, or the sigmas themselves."""

    settings: Mapping[str, Any] = {}
    needs: str = ""  # a package that is no dependency of ours
    # levels, knots that were fitted to the model's family, steps → so many sigmas, falling
    sigmas: Callable[[Levels, Sequence[float], int], list[float]] | None = None


def simple(levels: Levels, knots: Sequence[float], steps: int) -> list[float]:
    """Take every so many timesteps from the noisiest on, as ComfyUI's schedule of this name."""
    return [levels[len(levels) - 1 - index * len(levels) // steps] for index in range(steps)]


def kl_optimal(levels: Levels, knots: Sequence[float], steps: int) -> list[float]:
    """Spread angles evenly (Sabour et al. 2024, https://arxiv.org/abs/2404.14507, theorem 3.1)."""
    low, high = math.atan(levels[0]), math.atan(levels[-1])
    return [math.tan(high + (low - high) * index / max(steps - 1, 1)) for index in range(steps)]


def aligned(levels: Levels, knots: Sequence[float], steps: int) -> list[float]:
    """Align the steps (Sabour et al. 2024): knots for ten, log-linear between them for others.

    :param knots: of ten steps, without the zero at the end; the model's least level follows them.
    """
    logs = [math.log(sigma) for sigma in (*knots, levels[0])]
    found = []
    for index in range(steps):
        place = index * (len(logs) - 1) / steps
        below = int(place)
        upper = logs[min(below + 1, len(logs) - 1)]
        found.append(math.exp(logs[below] + (upper - logs[below]) * (place - below)))
    return found


_KARRAS: dict[str, Any] = {"use_karras_sigmas": True}
SCHEDULES: dict[str, Schedule] = {
    "karras": Schedule(_KARRAS),
    "exponential": Schedule({"use_exponential_sigmas": True}),
    "beta": Schedule({"use_beta_sigmas": True}, needs="scipy"),
    "lu": Schedule({"use_lu_lambdas": True}),
    "sgm_uniform": Schedule({"timestep_spacing": "trailing"}),
    "leading": Schedule({"timestep_spacing": "leading"}),
    "linspace": Schedule({"timestep_spacing": "linspace"}),
    "simple": Schedule(_KARRAS, sigmas=simple),
    "kl_optimal": Schedule(_KARRAS, sigmas=kl_optimal),
    "ays": Schedule(_KARRAS, sigmas=aligned),
}
# What a schedule replaces of the model's own.
UNSHAPED: dict[str, Any] = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "use_lu_lambdas": False,
}


def follow(scheduler: Any, schedule: Schedule, family: str) -> None:
    """Let a scheduler that would follow Karras' sigmas follow those of a row of the table.

    diffusers' schedulers ask a method of theirs for Karras' sigmas, and make their timesteps of
    what it gives: the one place where all of them take levels from outside.

    :param family: what ``diffusers.schedulers.AysSchedules`` calls the family.
    """
    if schedule.sigmas is None:
        return
    import numpy
    from diffusers.schedulers import AysSchedules

    make, knots = schedule.sigmas, AysSchedules[f"{family}Sigmas"][:-1]
    levels = (((1 - scheduler.alphas_cumprod) / scheduler.alphas_cumprod) ** 0.5).tolist()

    def instead(in_sigmas: Any, num_inference_steps: int | None = None) -> Any:
        return numpy.array(make(levels, knots, num_inference_steps or len(in_sigmas)))

    scheduler._convert_to_karras = instead
