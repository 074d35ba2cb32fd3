"""Flow matching: levels of noise from 1 to 0, and the schedulers that go along them.

On its way from noise n to a picture x₀ a row stands at x = (1 − σ) · x₀ + σ · n, and the network
predicts n − x₀ (Lipman et al. 2022, https://arxiv.org/abs/2210.02747; Esser et al. 2024,
https://arxiv.org/abs/2403.03206, §5.3.2 for the shift of levels). Importing it loads neither torch
nor diffusers.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from core.engine.diffusion.schedules import SCHEDULES, UNSHAPED
from core.errors import Invalid
from core.graph.samplers import FLOW_SCHEDULES, MODEL

_EULER = "FlowMatchEulerDiscreteScheduler"
_OWN = "FlowMatch"  # how the names of diffusers' classes begin that know nothing else
_SOLVER: dict[str, Any] = {"prediction_type": "flow_prediction", "use_flow_sigmas": True}
_NEARLY = 1 - 1e-4  # where solvers begin that work with log((1 − σ) / σ)
_SHORT = 1e-4  # and where those of them end that know no level of 0
_TO_SHORT = frozenset({"DEISMultistepScheduler"})


class Flow(NamedTuple):
    """How a family follows a flow, and for latents of which size.

    ``even``: its authors' n steps lie at 1, 1 − 1/n, … and not where the scheduler's own table has
    them, down to the least level.
    """

    even: bool = False
    cells: tuple[int, int] = (0, 0)  # height, width: larger pictures need more noise

    def sized(self, height: int, width: int) -> "Flow":
        """Give the same for latents of a size."""
        return self._replace(cells=(height, width))


def _even(scheduler: Any, steps: int) -> Any:
    import numpy

    return numpy.linspace(1.0, 1 / steps, steps)


def _trailing(scheduler: Any, steps: int) -> Any:
    import numpy

    return numpy.linspace(1.0, 1 / scheduler.config.num_train_timesteps, steps + 1)[:-1]


# Levels before the shift, by our name for the schedule; those not here take the family's own.
_SPACINGS: dict[str, Callable[[Any, int], Any]] = {
    "simple": _even,
    "sgm_uniform": _trailing,
    "linspace": lambda scheduler, steps: None,  # those of the scheduler's table
}


def make(
    kind: type[Any],
    settings: Mapping[str, Any],
    schedule: str,
    base: Mapping[str, Any],
    steps: int,
    flow: Flow,
) -> Any:
    """Make a scheduler of diffusers' that goes along a flow, timesteps set, on the CPU.

    What knows nothing but flows sets its own levels, as in diffusers' pipelines. Solvers and Heun's
    method take them from Euler's: of themselves they know no shift by size, and round timesteps.

    :param kind: its class, and the ``settings`` that make it a sampler of ours.
    :param schedule: our name, or "default" for the family's own.
    :param base: the model's ``scheduler_config.json``.
    :raises Invalid: schedule_unsupported.
    :raises ValueError: when diffusers refuses that many steps.
    """
    import diffusers

    if schedule not in (MODEL, *FLOW_SCHEDULES):
        raise Invalid("schedule_unsupported", sampler=kind.__name__, schedule=schedule)
    owned = kind.__name__.startswith(_OWN)
    if not owned and "use_flow_sigmas" not in inspect.signature(kind.__init__).parameters:
        raise Invalid("sampler_family", sampler=kind.__name__)
    row = SCHEDULES.get(schedule)
    shape = {**UNSHAPED, **row.settings} if row and row.settings else {}
    known = {"shift": base.get("flow_shift", 1.0), **base, **shape}
    if owned and "mu" in inspect.signature(kind.set_timesteps).parameters:
        made = _configured(kind, {**known, **settings})
        _set(made, schedule, steps, flow)
        return made
    lent = _configured(getattr(diffusers, _EULER), known)
    _set(lent, schedule, steps, flow)
    plain = {"num_train_timesteps": lent.config.num_train_timesteps, "shift": lent.config.shift}
    made = _configured(kind, {**plain, **settings, **_SOLVER})
    made.set_timesteps(steps, device="cpu")
    _lend(made, lent)
    return made


def matches(scheduler: Any) -> bool:
    """Say whether a scheduler goes along a flow."""
    told = getattr(scheduler.config, "prediction_type", None)
    return told == "flow_prediction" or hasattr(scheduler, "scale_noise")


def level(scheduler: Any, timestep: float) -> float:
    """Give the level of noise at a timestep of a scheduler that goes along a flow."""
    return timestep / float(scheduler.config.num_train_timesteps)


def noised(scheduler: Any, clean: Any, drawn: Any, timesteps: Any) -> Any:
    """Noise clean latents (B, C, h, w) as a scheduler does at its timesteps (B,), flow or not."""
    if hasattr(scheduler, "scale_noise"):
        return scheduler.scale_noise(clean, timesteps, drawn)
    return scheduler.add_noise(clean, drawn, timesteps)


def _set(scheduler: Any, schedule: str, steps: int, flow: Flow) -> None:
    """Set the timesteps of a scheduler that knows nothing but flows."""
    own = _even if flow.even else _SPACINGS["linspace"]
    spaced = _SPACINGS.get(schedule, own)(scheduler, steps)
    given = {"num_inference_steps": steps} if spaced is None else {"sigmas": spaced}
    scheduler.set_timesteps(**given, device="cpu", mu=_shift(scheduler.config, flow.cells))


def _shift(config: Mapping[str, Any], cells: tuple[int, int]) -> float:
    """Give the logarithm of the shift for latents of a size: linear in their patches of 2 × 2.

    As ``calculate_shift`` of ``FluxPipeline`` does it.
    """
    count = (cells[0] // 2) * (cells[1] // 2)
    least, most = config["base_image_seq_len"], config["max_image_seq_len"]
    low, high = config["base_shift"], config["max_shift"]
    slope = (high - low) / (most - least)
    return float(count * slope + (low - slope * least))


def _lend(scheduler: Any, lent: Any) -> None:
    """Give a scheduler the levels of another."""
    levels, timesteps = lent.sigmas.clone(), lent.timesteps
    if scheduler.order == 2:  # Heun's asks twice at each level but the first
        levels = levels.repeat_interleave(2)[1:-1]
        timesteps = timesteps.repeat_interleave(2)[1:]
    elif not type(scheduler).__name__.startswith(_OWN):
        levels[:-1].clamp_(max=_NEARLY)
        if type(scheduler).__name__ in _TO_SHORT:
            levels[-1] = min(_SHORT, float(levels[-2]))
    scheduler.sigmas, scheduler.timesteps = levels, timesteps


def _configured(kind: type[Any], given: Mapping[str, Any]) -> Any:
    accepted = inspect.signature(kind.__init__).parameters
    return kind.from_config({key: value for key, value in given.items() if key in accepted})
