"""Samplers and schedules: our names for diffusers' schedulers and their settings.

A table. Importing it loads neither torch nor diffusers, so a catalogue can list the names.
``make`` gives an instance that is used by one row only, since schedulers carry state.
"""

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from core.errors import Invalid

MODEL = "default"  # the sampler, or schedule, in the model's own configuration


class Sampler(NamedTuple):
    """One sampler: diffusers' class, the settings that make it this sampler, what it needs."""

    scheduler: str  # class in diffusers
    title: str
    settings: Mapping[str, Any] = {}
    needs: str = ""  # a package that is no dependency of ours


class Schedule(NamedTuple):
    """One schedule: settings of a scheduler that shape its sigmas."""

    title: str
    settings: Mapping[str, Any] = {}
    needs: str = ""


_MULTISTEP = "DPMSolverMultistepScheduler"
_SINGLESTEP = "DPMSolverSinglestepScheduler"
_PP: dict[str, Any] = {"algorithm_type": "dpmsolver++", "solver_type": "midpoint"}
_SDE: dict[str, Any] = {"algorithm_type": "sde-dpmsolver++", "solver_type": "midpoint"}

SAMPLERS: dict[str, Sampler] = {
    "euler": Sampler("EulerDiscreteScheduler", "Euler"),
    "euler_a": Sampler("EulerAncestralDiscreteScheduler", "Euler ancestral"),
    "heun": Sampler("HeunDiscreteScheduler", "Heun"),
    "dpm2": Sampler("KDPM2DiscreteScheduler", "DPM2"),
    "dpm2_a": Sampler("KDPM2AncestralDiscreteScheduler", "DPM2 ancestral"),
    "lms": Sampler("LMSDiscreteScheduler", "LMS", needs="scipy"),
    "ddim": Sampler("DDIMScheduler", "DDIM"),
    "ddpm": Sampler("DDPMScheduler", "DDPM", {"variance_type": "fixed_small"}),
    "pndm": Sampler("PNDMScheduler", "PLMS", {"skip_prk_steps": True}),
    "dpmpp_2m": Sampler(_MULTISTEP, "DPM++ 2M", _PP | {"solver_order": 2}),
    "dpmpp_2m_sde": Sampler(_MULTISTEP, "DPM++ 2M SDE", _SDE | {"solver_order": 2}),
    "dpmpp_3m": Sampler(_MULTISTEP, "DPM++ 3M", _PP | {"solver_order": 3}),
    "dpmpp_3m_sde": Sampler(_MULTISTEP, "DPM++ 3M SDE", _SDE | {"solver_order": 3}),
    "dpmpp_2s": Sampler(_SINGLESTEP, "DPM++ 2S", _PP | {"solver_order": 2}),
    "dpmpp_sde": Sampler(_SINGLESTEP, "DPM++ SDE", _SDE | {"solver_order": 2}),
    "deis": Sampler(
        "DEISMultistepScheduler", "DEIS", {"algorithm_type": "deis", "solver_type": "logrho"}
    ),
    "unipc": Sampler("UniPCMultistepScheduler", "UniPC", {"solver_type": "bh2"}),
    "sa_solver": Sampler("SASolverScheduler", "SA-Solver", {"algorithm_type": "data_prediction"}),
    "lcm": Sampler("LCMScheduler", "LCM"),
    "tcd": Sampler("TCDScheduler", "TCD"),
}
# What other programs call them.
ALIASES: dict[str, str] = {
    "ddpm_ancestral": "ddpm",
    "dpm++_2m": "dpmpp_2m",
    "dpm++_2m_sde": "dpmpp_2m_sde",
    "dpm++_2s": "dpmpp_2s",
    "dpm++_3m_sde": "dpmpp_3m_sde",
    "dpm++_sde": "dpmpp_sde",
    "dpm_2": "dpm2",
    "dpm_2_ancestral": "dpm2_a",
    "euler_ancestral": "euler_a",
    "k_euler": "euler",
    "k_euler_a": "euler_a",
    "plms": "pndm",
    "uni_pc": "unipc",
}

_SIGMAS: dict[str, Any] = {
    "use_karras_sigmas": False,
    "use_exponential_sigmas": False,
    "use_beta_sigmas": False,
    "use_lu_lambdas": False,
}
SCHEDULES: dict[str, Schedule] = {
    "karras": Schedule("Karras", {"use_karras_sigmas": True}),
    "exponential": Schedule("Exponential", {"use_exponential_sigmas": True}),
    "beta": Schedule("Beta", {"use_beta_sigmas": True}, needs="scipy"),
    "sgm_uniform": Schedule("Uniform, trailing", {"timestep_spacing": "trailing"}),
    "leading": Schedule("Uniform, leading", {"timestep_spacing": "leading"}),
    "linspace": Schedule("Uniform, from end to end", {"timestep_spacing": "linspace"}),
}
SCHEDULE_ALIASES: dict[str, str] = {"trailing": "sgm_uniform", "uniform": "linspace"}

# Latents are not pictures: clipping them to [-1, 1], the default of some classes, would ruin them.
_LATENT: dict[str, Any] = {"clip_sample": False}


def names() -> list[str]:
    """List the samplers this installation can run; "default" is first."""
    return [MODEL, *(name for name, row in SAMPLERS.items() if _present(row.needs))]


def schedules() -> list[str]:
    """List the schedules this installation can run; "default" is first."""
    return [MODEL, *(name for name, row in SCHEDULES.items() if _present(row.needs))]


def make(sampler: str, schedule: str, base: Mapping[str, Any], steps: int) -> Any:
    """Make a scheduler of diffusers' with its timesteps set, on the CPU.

    :param base: the model's ``scheduler_config.json``: betas, prediction type, spacing.
    :raises Invalid: unknown_sampler, unknown_schedule, schedule_unsupported (this sampler has no
        such schedule), steps_unsupported (diffusers refuses that many).
    """
    scheduler_class, settings = _resolve(sampler, base)
    accepted = inspect.signature(scheduler_class.__init__).parameters
    settings = settings | _shape(sampler, schedule, accepted)
    merged = {**_LATENT, **base, **settings}
    merged = {key: value for key, value in merged.items() if key in accepted}
    scheduler = scheduler_class.from_config(merged)
    try:
        scheduler.set_timesteps(steps, device="cpu")
    except (ValueError, IndexError) as error:
        raise Invalid("steps_unsupported", sampler=sampler, steps=steps) from error
    return scheduler


def _resolve(sampler: str, base: Mapping[str, Any]) -> tuple[type[Any], dict[str, Any]]:
    import diffusers

    if sampler == MODEL:
        own = getattr(diffusers, str(base.get("_class_name", "")), None)
        if not (isinstance(own, type) and issubclass(own, diffusers.SchedulerMixin)):
            raise Invalid("unknown_sampler", sampler=str(base.get("_class_name", "")))
        return own, {}
    row = SAMPLERS.get(ALIASES.get(sampler, sampler))
    if row is None or not _present(row.needs):
        raise Invalid("unknown_sampler", sampler=sampler)
    return getattr(diffusers, row.scheduler), dict(row.settings)


def _shape(sampler: str, schedule: str, accepted: Mapping[str, Any]) -> dict[str, Any]:
    if schedule == MODEL:
        return {}
    row = SCHEDULES.get(SCHEDULE_ALIASES.get(schedule, schedule))
    if row is None or not _present(row.needs):
        raise Invalid("unknown_schedule", schedule=schedule)
    if not row.settings.keys() <= accepted.keys():
        raise Invalid("schedule_unsupported", sampler=sampler, schedule=schedule)
    return {key: value for key, value in _SIGMAS.items() if key in accepted} | dict(row.settings)


def _present(package: str) -> bool:
    return not package or find_spec(package) is not None
