"""Names of samplers: ours, and what other programs call them, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.graph import samplers
from core.graph.samplers import Found, find

A1111 = (
    "Euler a", "Euler", "LMS", "Heun", "DPM2", "DPM2 a", "DPM++ 2S a", "DPM++ 2M", "DPM++ SDE",
    "DPM++ 2M SDE", "DPM++ 2M SDE Heun", "DPM++ 3M SDE", "DPM fast", "DPM adaptive", "Restart",
    "DDIM", "DDIM CFG++", "PLMS", "UniPC", "LCM",
)  # fmt: skip
COMFYUI = (
    "euler", "euler_cfg_pp", "euler_ancestral", "euler_ancestral_cfg_pp", "heun", "heunpp2",
    "dpm_2", "dpm_2_ancestral", "lms", "dpm_fast", "dpm_adaptive", "dpmpp_2s_ancestral",
    "dpmpp_sde",
    "dpmpp_sde_gpu", "dpmpp_2m", "dpmpp_2m_sde", "dpmpp_2m_sde_gpu", "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu", "ddpm", "lcm", "ipndm", "deis", "sa_solver", "ddim", "uni_pc", "uni_pc_bh2",
)  # fmt: skip
INVOKEAI = (
    "ddim", "ddpm", "deis", "deis_k", "lms", "lms_k", "pndm", "heun", "heun_k", "euler", "euler_k",
    "euler_a", "kdpm_2", "kdpm_2_k", "kdpm_2_a", "kdpm_2_a_k", "dpmpp_2s", "dpmpp_2s_k", "dpmpp_2m",
    "dpmpp_2m_k", "dpmpp_2m_sde", "dpmpp_2m_sde_k", "dpmpp_3m", "dpmpp_3m_k", "dpmpp_sde",
    "dpmpp_sde_k", "unipc", "unipc_k", "lcm", "tcd",
)  # fmt: skip


@pytest.mark.parametrize("name", samplers.SAMPLERS)
@pytest.mark.parametrize("schedule", [None, *samplers.SCHEDULES])
def test_every_name_that_we_write_is_read_back(name: str, schedule: str | None) -> None:
    written = samplers.SCHEDULES[schedule].title if schedule else "Automatic"
    assert find(samplers.title(name), written) == Found(name, schedule)
    assert find(name, schedule or "") == Found(name, schedule)


@pytest.mark.parametrize("name", [*A1111, *COMFYUI, *INVOKEAI])
def test_every_name_of_the_other_programs_is_one_of_ours_or_has_a_nearest(name: str) -> None:
    found = find(name)
    assert found.sampler in samplers.SAMPLERS
    assert found.schedule == ("karras" if name.endswith("_k") else None)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("DPM++ 2M Karras", Found("dpmpp_2m", "karras")),
        ("DPM++ 2M SDE Exponential", Found("dpmpp_2m_sde", "exponential")),
        ("dpm++ 2m sde heun karras", Found("dpmpp_2m_sde_heun", "karras")),
        ("k_dpmpp_2m_ka", Found("dpmpp_2m", "karras")),
        ("DPM2 a Karras", Found("dpm2_a", "karras")),
        ("DPM++ 2S a Karras", Found("dpmpp_2s", "karras", exact=False)),
        ("EulerAncestralDiscreteScheduler", Found("euler_a", None)),
        ("Undreamed of", Found(None, None, exact=False)),
        ("", Found(None, None, exact=False)),
    ],
)
def test_a_schedule_may_stand_behind_the_sampler(name: str, found: Found) -> None:
    assert find(name) == found


def test_no_two_samplers_share_a_name() -> None:
    names = [
        name.lower() for row in samplers.SAMPLERS.values() for name in (row.title, *row.others)
    ]
    assert len(set(names)) == len(names)
    assert set(samplers.NEAREST.values()) <= samplers.SAMPLERS.keys()


@given(sampler=st.text(max_size=200), schedule=st.text(max_size=200))
def test_any_text_is_looked_up(sampler: str, schedule: str) -> None:
    found = find(sampler, schedule)
    assert found.sampler is None or found.sampler in samplers.SAMPLERS
