"""The names of samplers in other people's tools. Knows names only; diffusers knows the maths."""

SAMPLERS = {  # ours → AUTOMATIC1111's
    "euler": "Euler",
    "euler_a": "Euler a",
    "ddim": "DDIM",
    "ddpm": "DDPM",
    "heun": "Heun",
    "dpm2": "DPM2",
    "dpm2_a": "DPM2 a",
    "lms": "LMS",
    "pndm": "PLMS",
    "dpmpp_2m": "DPM++ 2M",
    "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_sde": "DPM++ SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE",
    "deis": "DEIS",
    "unipc": "UniPC",
    "lcm": "LCM",
    "tcd": "TCD",
}
SCHEDULES = {
    "karras": "Karras",
    "exponential": "Exponential",
    "beta": "Beta",
    "sgm_uniform": "SGM Uniform",
}
_OURS = {theirs.lower(): name for name, theirs in SAMPLERS.items()}
_OUR_SCHEDULES = {theirs.lower(): name for name, theirs in SCHEDULES.items()}


def ours(sampler: str, schedule: str) -> tuple[str | None, str | None]:
    """Translate AUTOMATIC1111's names; a name without a word of ours stays as it is.

    Older versions put the schedule behind the sampler: ``DPM++ 2M Karras``.
    """
    name = sampler.strip().lower()
    kind = _OUR_SCHEDULES.get(schedule.strip().lower())
    if name not in _OURS:
        for theirs, known in _OUR_SCHEDULES.items():
            if name.endswith(" " + theirs) and name.removesuffix(" " + theirs) in _OURS:
                name, kind = name.removesuffix(" " + theirs), kind or known
    return _OURS.get(name, sampler.strip() or None), kind
