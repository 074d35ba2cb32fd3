"""Samplers: our names for diffusers' schedulers and their settings.

A table; what other programs call its rows stands in ``core.graph.samplers``. Importing it loads
neither torch nor diffusers, so a catalogue can list the names.
``make`` gives an instance that is used by one row only, since schedulers carry state.
"""

import inspect
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any, NamedTuple

from core.engine.diffusion import flow as flows
from core.engine.diffusion.flow import Flow
from core.engine.diffusion.schedules import SCHEDULES, UNSHAPED, Schedule, follow
from core.errors import Invalid
from core.graph import samplers as names_of
from core.graph.samplers import MODEL


class Sampler(NamedTuple):
    """One sampler: diffusers' class, the settings that make it this sampler, what it needs."""

    scheduler: str  # class in diffusers
    settings: Mapping[str, Any] = {}
    needs: str = ""  # a package that is no dependency of ours
    lender: str = ""  # class whose levels it takes for schedules that its own knows not
    flow: str = ""  # class for models that follow a flow, where that is another one


_MULTISTEP = "DPMSolverMultistepScheduler"
_SINGLESTEP = "DPMSolverSinglestepScheduler"
_PP: dict[str, Any] = {"algorithm_type": "dpmsolver++", "solver_type": "midpoint"}
_SDE: dict[str, Any] = {"algorithm_type": "sde-dpmsolver++", "solver_type": "midpoint"}

_HEUN: dict[str, Any] = {"solver_type": "heun"}
_DEIS: dict[str, Any] = {"algorithm_type": "deis", "solver_type": "logrho"}
_SA: dict[str, Any] = {"algorithm_type": "data_prediction"}

SAMPLERS: dict[str, Sampler] = {
    "euler": Sampler("EulerDiscreteScheduler", flow="FlowMatchEulerDiscreteScheduler"),
    "euler_a": Sampler("EulerAncestralDiscreteScheduler", lender="EulerDiscreteScheduler"),
    "heun": Sampler("HeunDiscreteScheduler", flow="FlowMatchHeunDiscreteScheduler"),
    "dpm2": Sampler("KDPM2DiscreteScheduler"),
    "dpm2_a": Sampler("KDPM2AncestralDiscreteScheduler"),
    "lms": Sampler("LMSDiscreteScheduler", needs="scipy"),
    "ddim": Sampler("DDIMScheduler"),
    "ddpm": Sampler("DDPMScheduler", {"variance_type": "fixed_small"}),
    "ddpm_large": Sampler("DDPMScheduler", {"variance_type": "fixed_large"}),
    "pndm": Sampler("PNDMScheduler", {"skip_prk_steps": True}),
    "dpmpp_2m": Sampler(_MULTISTEP, _PP | {"solver_order": 2}),
    "dpmpp_2m_heun": Sampler(_MULTISTEP, _PP | {"solver_order": 2} | _HEUN),
    "dpmpp_2m_sde": Sampler(_MULTISTEP, _SDE | {"solver_order": 2}),
    "dpmpp_2m_sde_heun": Sampler(_MULTISTEP, _SDE | {"solver_order": 2} | _HEUN),
    "dpmpp_1m_sde": Sampler(_MULTISTEP, _SDE | {"solver_order": 1}),
    "dpmpp_3m": Sampler(_MULTISTEP, _PP | {"solver_order": 3}),
    "dpmpp_3m_sde": Sampler(_MULTISTEP, _SDE | {"solver_order": 3}),
    "dpmpp_2s": Sampler(_SINGLESTEP, _PP | {"solver_order": 2}),
    "dpmpp_2s_heun": Sampler(_SINGLESTEP, _PP | {"solver_order": 2} | _HEUN),
    "dpmpp_3s": Sampler(_SINGLESTEP, _PP | {"solver_order": 3}),
    "dpmpp_sde": Sampler(_SINGLESTEP, _SDE | {"solver_order": 2}),
    "dpmpp_sde_heun": Sampler(_SINGLESTEP, _SDE | {"solver_order": 2} | _HEUN),
    "deis": Sampler("DEISMultistepScheduler", _DEIS),
    "deis_3": Sampler("DEISMultistepScheduler", _DEIS | {"solver_order": 3}),
    "unipc": Sampler("UniPCMultistepScheduler", {"solver_type": "bh2"}),
    "unipc_3": Sampler("UniPCMultistepScheduler", {"solver_type": "bh2", "solver_order": 3}),
    "sa_solver": Sampler("SASolverScheduler", _SA),
    "sa_solver_3": Sampler("SASolverScheduler", _SA | {"predictor_order": 3, "corrector_order": 4}),
    "lcm": Sampler("LCMScheduler", flow="FlowMatchLCMScheduler"),
    "tcd": Sampler("TCDScheduler"),
}

# Latents are not pictures: clipping them to [-1, 1], the default of some classes, would ruin them.
_LATENT: dict[str, Any] = {"clip_sample": False}


def names() -> list[str]:
    """List the samplers this installation can run; "default" is first."""
    return [MODEL, *(name for name, row in SAMPLERS.items() if _present(row.needs))]


def schedules() -> list[str]:
    """List the schedules this installation can run; "default" is first."""
    return [MODEL, *(name for name, row in SCHEDULES.items() if _present(row.needs))]


def make(
    sampler: str,
    schedule: str,
    base: Mapping[str, Any],
    steps: int,
    *,
    family: str = "StableDiffusion",
    flow: Flow | None = None,
) -> Any:
    """Make a scheduler of diffusers' with its timesteps set, on the CPU.

    :param sampler: our name, or another program's; one that ends in a schedule brings it.
    :param base: the model's ``scheduler_config.json``: betas, prediction type, spacing.
    :param family: whose aligned steps are taken, in diffusers' words.
    :param flow: of a model that follows one.
    :raises Invalid: unknown_sampler, unknown_schedule, schedule_unsupported (this sampler has no
        such schedule), steps_unsupported (diffusers refuses that many), sampler_family (models
        that follow a flow have no such sampler).
    """
    import diffusers

    found = names_of.find(sampler)
    if sampler != MODEL and found.sampler and found.exact:
        sampler = found.sampler
        schedule = found.schedule or MODEL if schedule == MODEL else schedule
    scheduler_class, settings = _resolve(sampler, base, flow is not None)
    row = _find(schedule)
    lender = SAMPLERS[sampler].lender if sampler in SAMPLERS else ""
    try:
        if flow is not None:
            named = names_of.find_schedule(schedule) or MODEL
            return flows.make(scheduler_class, settings, named, base, steps, flow)
        if _takes(scheduler_class, row):
            return _set(scheduler_class, {**base, **settings}, row, steps, family)
        if not lender or not _takes(getattr(diffusers, lender), row):
            raise Invalid("schedule_unsupported", sampler=sampler, schedule=schedule)
        # The levels are made by a class that can, and are attributes of both.
        scheduler = _set(scheduler_class, {**base, **settings}, Schedule(), steps, family)
        lent = _set(getattr(diffusers, lender), base, row, steps, family)
        scheduler.sigmas, scheduler.timesteps = lent.sigmas, lent.timesteps
        return scheduler
    except (ValueError, IndexError) as error:
        raise Invalid("steps_unsupported", sampler=sampler, steps=steps) from error


def _set(
    scheduler_class: type[Any], base: Mapping[str, Any], row: Schedule, steps: int, family: str
) -> Any:
    """Make an instance that follows a schedule, and set its timesteps."""
    accepted = _accepted(scheduler_class)
    shape = {**UNSHAPED, **row.settings} if row.settings else {}
    merged = {**_LATENT, **base, **shape}
    merged = {key: value for key, value in merged.items() if key in accepted}
    scheduler = scheduler_class.from_config(merged)
    follow(scheduler, row, family)
    scheduler.set_timesteps(steps, device="cpu")
    return scheduler


def _takes(scheduler_class: type[Any], row: Schedule) -> bool:
    return row.settings.keys() <= _accepted(scheduler_class).keys()


def _accepted(scheduler_class: type[Any]) -> Mapping[str, Any]:
    return inspect.signature(scheduler_class.__init__).parameters


def _resolve(sampler: str, base: Mapping[str, Any], flow: bool) -> tuple[type[Any], dict[str, Any]]:
    import diffusers

    if sampler == MODEL:
        own = getattr(diffusers, str(base.get("_class_name", "")), None)
        if not (isinstance(own, type) and issubclass(own, diffusers.SchedulerMixin)):
            raise Invalid("unknown_sampler", sampler=str(base.get("_class_name", "")))
        return own, {}
    row = SAMPLERS.get(sampler)
    if row is None or not _present(row.needs):
        raise Invalid("unknown_sampler", sampler=sampler)
    if flow and sampler not in names_of.FLOW_SAMPLERS:
        raise Invalid("sampler_family", sampler=sampler)
    return getattr(diffusers, (flow and row.flow) or row.scheduler), dict(row.settings)


def _find(schedule: str) -> Schedule:
    if schedule == MODEL:
        return Schedule()
    row = SCHEDULES.get(names_of.find_schedule(schedule) or "")
    if row is None or not _present(row.needs):
        raise Invalid("unknown_schedule", schedule=schedule)
    return row


def _present(package: str) -> bool:
    return not package or find_spec(package) is not None
