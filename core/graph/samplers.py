"""Names of samplers and schedules, ours and other programs': one table, read both ways.

Knows names only. What a name does is ``core.engine.diffusion.samplers``'s, whose table has the
same rows. Names are compared without regard to case, spaces, dashes and underscores.
"""

import re
from typing import NamedTuple

MODEL = "default"  # the sampler, or schedule, in the model's own configuration


class Names(NamedTuple):
    """What a sampler is called.

    ``title`` is AUTOMATIC1111's name where it has one: what we write for other people's tools.
    ``others`` are those of ComfyUI, InvokeAI and diffusers' class, where they are not ours.
    """

    title: str
    others: tuple[str, ...] = ()


SAMPLERS: dict[str, Names] = {
    "euler": Names("Euler", ("k_euler", "EulerDiscreteScheduler")),
    "euler_a": Names(
        "Euler a", ("euler_ancestral", "k_euler_a", "EulerAncestralDiscreteScheduler")
    ),
    "heun": Names("Heun", ("k_heun", "HeunDiscreteScheduler")),
    "dpm2": Names("DPM2", ("dpm_2", "k_dpm_2", "kdpm_2", "KDPM2DiscreteScheduler")),
    "dpm2_a": Names(
        "DPM2 a",
        ("dpm_2_ancestral", "dpm_2_a", "k_dpm_2_a", "kdpm_2_a", "KDPM2AncestralDiscreteScheduler"),
    ),
    "lms": Names("LMS", ("k_lms", "LMSDiscreteScheduler")),
    "ddim": Names("DDIM", ("DDIMScheduler",)),
    "ddpm": Names("DDPM", ("ddpm_ancestral", "DDPMScheduler")),
    "ddpm_large": Names("DDPM large variance"),
    "pndm": Names("PLMS", ("PNDMScheduler",)),
    "dpmpp_2m": Names("DPM++ 2M", ("k_dpmpp_2m", "DPMSolverMultistepScheduler")),
    "dpmpp_2m_heun": Names("DPM++ 2M Heun"),
    "dpmpp_2m_sde": Names("DPM++ 2M SDE", ("dpmpp_2m_sde_gpu", "k_dpmpp_2m_sde")),
    "dpmpp_2m_sde_heun": Names("DPM++ 2M SDE Heun", ("dpmpp_2m_sde_heun_gpu",)),
    "dpmpp_1m_sde": Names("DPM++ 1M SDE"),
    "dpmpp_3m": Names("DPM++ 3M"),
    "dpmpp_3m_sde": Names("DPM++ 3M SDE", ("dpmpp_3m_sde_gpu", "k_dpmpp_3m_sde")),
    "dpmpp_2s": Names("DPM++ 2S", ("DPMSolverSinglestepScheduler",)),
    "dpmpp_2s_heun": Names("DPM++ 2S Heun"),
    "dpmpp_3s": Names("DPM++ 3S"),
    "dpmpp_sde": Names("DPM++ SDE", ("dpmpp_sde_gpu", "k_dpmpp_sde")),
    "dpmpp_sde_heun": Names("DPM++ SDE Heun"),
    "deis": Names("DEIS", ("DEISMultistepScheduler",)),
    "deis_3": Names("DEIS 3"),
    "unipc": Names("UniPC", ("uni_pc_bh2", "UniPCMultistepScheduler")),
    "unipc_3": Names("UniPC 3"),
    "sa_solver": Names("SA Solver", ("SASolverScheduler",)),
    "sa_solver_3": Names("SA Solver 3"),
    "lcm": Names("LCM", ("LCMScheduler",)),
    "tcd": Names("TCD", ("TCDScheduler",)),
}
SCHEDULES: dict[str, Names] = {
    "karras": Names("Karras"),
    "exponential": Names("Exponential", ("polyexponential",)),  # its exponent is 1 wherever it is
    "beta": Names("Beta"),
    "lu": Names("Lu", ("lu_lambdas",)),
    "sgm_uniform": Names("SGM Uniform", ("trailing",)),
    "leading": Names("DDIM", ("ddim_uniform",)),
    "linspace": Names("Uniform", ("normal",)),
    "simple": Names("Simple"),
    "kl_optimal": Names("KL Optimal"),
    "ays": Names("Align Your Steps", ("align_your_steps", "AlignYourStepsScheduler")),
}
_EVEN = frozenset({"sgm_uniform", "leading", "linspace"})
_EVEN_ONLY = frozenset({"ddim", "ddpm", "ddpm_large", "pndm", "lcm", "tcd"})
_NEVER_EVEN = frozenset({"dpmpp_2s", "dpmpp_2s_heun", "dpmpp_3s", "dpmpp_sde", "dpmpp_sde_heun"})
_BY_LAMBDAS = frozenset(
    {
        "dpmpp_2m", "dpmpp_2m_heun", "dpmpp_2m_sde", "dpmpp_2m_sde_heun", "dpmpp_1m_sde",
        "dpmpp_3m", "dpmpp_3m_sde",
    }
)  # fmt: skip
# Families whose networks predict a flow, and what goes along one.
FLOW_FAMILIES = frozenset({"flux", "sd3"})
FLOW_SAMPLERS = frozenset(
    {
        "euler", "heun", "lcm", "dpmpp_2m", "dpmpp_2m_heun", "dpmpp_2m_sde", "dpmpp_2m_sde_heun",
        "dpmpp_1m_sde", "dpmpp_3m", "dpmpp_3m_sde", "dpmpp_2s", "dpmpp_2s_heun", "dpmpp_3s",
        "dpmpp_sde", "dpmpp_sde_heun", "deis", "deis_3", "unipc", "unipc_3",
    }
)  # fmt: skip
FLOW_SCHEDULES = frozenset({"karras", "exponential", "beta", "simple", "sgm_uniform", "linspace"})
_UNSAID = frozenset({"", "automatic", MODEL})  # of a schedule: what the sampler itself prefers
# Samplers of others that have no equal here, and the nearest of ours: drawn, and told.
NEAREST: dict[str, str] = {
    "dpm++ 2s a": "dpmpp_2s", "dpmpp_2s_ancestral": "dpmpp_2s", "k_dpmpp_2s_a": "dpmpp_2s",
    "dpm adaptive": "dpmpp_3s", "dpm_adaptive": "dpmpp_3s",
    "dpm fast": "dpmpp_3s", "dpm_fast": "dpmpp_3s",
    "restart": "heun", "heunpp2": "heun",
    "ddim cfg++": "ddim", "euler_cfg_pp": "euler", "euler_ancestral_cfg_pp": "euler_a",
    "dpmpp_2m_cfg_pp": "dpmpp_2m", "dpmpp_2s_ancestral_cfg_pp": "dpmpp_2s",
    "ipndm": "pndm", "ipndm_v": "pndm", "sa_solver_pece": "sa_solver",
}  # fmt: skip


class Found(NamedTuple):
    """A name in our words: None where there is none, not ``exact`` where it is the nearest."""

    sampler: str | None
    schedule: str | None  # None: what the sampler or the model prefers
    exact: bool = True


def find(sampler: str, schedule: str = "") -> Found:
    """Translate any program's names; a schedule may stand behind the sampler's: ``… Karras``.

    A schedule that has no word of ours is None, as one that is not said.
    """
    kind, behind = find_schedule(schedule), None
    key = _key(sampler)
    if key not in _ANY:
        for ending, known in _ENDINGS.items():
            if key.endswith(ending) and key.removesuffix(ending) in _ANY:
                key, behind = key.removesuffix(ending), known
                break
    return Found(_ANY.get(key), kind or behind, exact=key in _BY_NAME)


def find_schedule(schedule: str) -> str | None:
    """Translate the name of a schedule; None for one without a word of ours, or none."""
    return _SCHEDULES.get(_key(schedule))


def follows(sampler: str, schedule: str) -> bool:
    """Say whether a sampler can follow a schedule, both by any name; unknown ones may."""
    found = find(sampler, schedule)
    if sampler == MODEL or found.sampler is None or found.schedule is None:
        return True
    if found.schedule == "lu":
        return found.sampler in _BY_LAMBDAS
    return found.sampler not in (_NEVER_EVEN if found.schedule in _EVEN else _EVEN_ONLY)


def runs(family: str, sampler: str = MODEL, schedule: str = MODEL) -> bool:
    """Say whether models of a family can be sampled so, by any names; unknown names may."""
    found = find(sampler, schedule)
    if family not in FLOW_FAMILIES:
        return True
    fits = sampler == MODEL or found.sampler is None or found.sampler in FLOW_SAMPLERS
    return fits and (found.schedule is None or found.schedule in FLOW_SCHEDULES)


def wraps(family: str) -> bool:
    """Say whether the networks of a family can draw pictures that go on at the other side."""
    return family not in FLOW_FAMILIES


def unsaid(schedule: str) -> bool:
    """Say whether a program's word for the schedule leaves it to the sampler."""
    return schedule.strip().lower() in _UNSAID


def title(sampler: str) -> str:
    """Give the name that other people's tools know; one that is not ours stays as it is."""
    known = SAMPLERS.get(sampler)
    return known.title if known else sampler


def _key(name: str) -> str:
    """Leave of a name what tells it apart: ``DPM++ 2M`` and ``dpmpp_2m`` are one."""
    return re.sub(r"[\s_-]+", "", name[:128].lower().replace("++", "pp"))


def _index(table: dict[str, Names]) -> dict[str, str]:
    found: dict[str, str] = {}
    for ours, names in table.items():
        for name in (ours, names.title, *names.others):
            found.setdefault(_key(name), ours)
    return found


_BY_NAME = _index(SAMPLERS)
_SCHEDULES = _index(SCHEDULES)
_ANY = {_key(name): ours for name, ours in NEAREST.items()} | _BY_NAME
# AUTOMATIC1111 wrote ``DPM++ 2M Karras`` before 1.9, ``DPM2 a Karras`` too; InvokeAI ``euler_k``.
_ENDINGS = {_key(names.title): ours for ours, names in SCHEDULES.items()}
_ENDINGS |= {"ka": "karras", "k": "karras"}
