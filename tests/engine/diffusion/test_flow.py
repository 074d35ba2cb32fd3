"""Flows: levels that fall from 1, schedulers that reach what a known flow leads to."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.diffusion import estimate, flow, inpaint, rows, samplers
from core.engine.diffusion.flow import Flow
from core.errors import Invalid
from core.graph import samplers as names_of
from tests.engine.tiny import BASE
from tests.engine.tiny_flow import DEV, SCHNELL, SD3

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
SAMPLERS = sorted(names_of.FLOW_SAMPLERS)
SCHEDULES = [name for name in samplers.schedules() if name in {"default", *names_of.FLOW_SCHEDULES}]
FLUX = Flow(even=True, cells=(64, 96))
SPREAD = 0.5  # of the numbers that the known flow leads to


def make(sampler: str, schedule: str = "default", steps: int = 8, base: Any = DEV) -> Any:
    return samplers.make(sampler, schedule, base, steps, flow=FLUX)


def walk(scheduler: Any, start: torch.Tensor) -> torch.Tensor:
    """Go along the flow from noise to numbers that are normal with the spread ``SPREAD``."""
    latents, source = start, torch.Generator().manual_seed(1)
    for timestep in scheduler.timesteps:
        share = flow.level(scheduler, float(timestep))
        clean = (1 - share) * SPREAD**2 / ((1 - share) ** 2 * SPREAD**2 + share**2)
        # What the best network predicts: the mean of n − x₀, given where the row stands.
        predicted = (latents - clean * latents) / share if share < 1 else latents
        extra = rows._extra(scheduler, source)
        latents = scheduler.step(predicted, timestep, latents, **extra, return_dict=False)[0]
    return latents


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_levels_fall_from_noise_to_nothing(sampler: str, schedule: str) -> None:
    made = make(sampler, schedule)
    table = [level for level, after in pairwise([*made.sigmas.tolist(), -1.0]) if level != after]
    assert all(low < high for high, low in pairwise(table))
    assert table[0] == pytest.approx(1, abs=1e-3)
    assert table[-1] == pytest.approx(0, abs=1e-3)
    assert len(table) == 9


@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if "sde" not in s and s != "lcm"])
def test_a_known_flow_leads_where_its_equation_does(sampler: str) -> None:
    start = torch.randn((1, 1, 64, 64), generator=torch.Generator().manual_seed(0))
    reached = walk(make(sampler, steps=200, base=SCHNELL), start)
    assert (reached - SPREAD * start).abs().max() < 0.03  # the flow scales the noise


@pytest.mark.parametrize("sampler", [s for s in SAMPLERS if s != "lcm"])
def test_every_sampler_draws_numbers_of_the_right_spread(sampler: str) -> None:
    """Those that draw noise of their own, too; lcm is for networks that were made for it."""
    start = torch.randn((1, 1, 64, 64), generator=torch.Generator().manual_seed(0))
    reached = walk(make(sampler, steps=160, base=SCHNELL), start)
    assert float(reached.std()) == pytest.approx(SPREAD, rel=0.07)


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_few_steps_stay_finite(sampler: str, steps: int) -> None:
    start = torch.randn((1, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    for base in (DEV, SCHNELL, SD3):
        assert torch.isfinite(walk(make(sampler, steps=steps, base=base), start)).all()


def test_larger_pictures_keep_more_noise_where_the_model_says_so() -> None:
    small, large = (
        samplers.make("euler", "default", DEV, 8, flow=Flow(even=True, cells=(side, side)))
        for side in (32, 128)
    )
    assert (large.sigmas[1:-1] > small.sigmas[1:-1]).all()
    same = [
        samplers.make("euler", "default", SCHNELL, 8, flow=Flow(even=True, cells=(side, side)))
        for side in (32, 128)
    ]
    assert torch.equal(same[0].sigmas, same[1].sigmas)


@given(high=st.integers(2, 512), wide=st.integers(2, 512))
@settings(max_examples=20, deadline=None)
def test_the_shift_is_that_of_the_pipeline(high: int, wide: int) -> None:
    from diffusers.pipelines.flux.pipeline_flux import calculate_shift

    tokens = (high // 2) * (wide // 2)
    made = samplers.make("euler", "default", DEV, 4, flow=Flow(even=True, cells=(high, wide)))
    factor = math.exp(calculate_shift(tokens))
    even = [1 - 0.25 * index for index in range(4)]
    expected = [factor / (factor + 1 / one - 1) for one in even]
    assert made.sigmas[:-1].tolist() == pytest.approx(expected, rel=1e-5)


def test_every_sampler_stands_at_the_same_levels_at_the_same_times() -> None:
    plain = make("euler")
    for sampler in ("dpmpp_2m", "unipc", "lcm", "deis", "dpmpp_2s"):
        made = make(sampler)
        assert made.timesteps.tolist() == pytest.approx(plain.timesteps.tolist())
        assert made.sigmas[:-1].tolist() == pytest.approx(plain.sigmas[:-1].tolist(), abs=2e-4)


@pytest.mark.parametrize(
    ("sampler", "schedule", "code"),
    [
        ("euler_a", "default", "sampler_family"),
        ("ddim", "default", "sampler_family"),
        ("euler", "ays", "schedule_unsupported"),
        ("euler", "nope", "unknown_schedule"),
        ("nope", "default", "unknown_sampler"),
    ],
)
def test_what_follows_no_flow_is_refused(sampler: str, schedule: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        make(sampler, schedule)
    assert refused.value.name == code


def test_a_model_whose_own_scheduler_follows_no_flow_is_refused() -> None:
    with pytest.raises(Invalid, match="sampler_family"):
        make("default", base=BASE)
    assert type(make("default")).__name__ == "FlowMatchEulerDiscreteScheduler"


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_picture_is_noised_along_the_line(sampler: str) -> None:
    clean, drawn = torch.full((1, 1, 2, 2), 3.0), torch.full((1, 1, 2, 2), -1.0)
    made = make(sampler)
    begin, _ = rows.begin_index(8, 0.5, made)
    noised = rows.from_picture(made, clean, drawn, begin)
    share = flow.level(made, float(made.timesteps[begin]))
    assert noised.flatten().tolist() == pytest.approx([(1 - share) * 3 - share] * 4, abs=2e-3)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_where_a_row_stands_after_a_step_is_a_point_of_the_line(sampler: str) -> None:
    made = make(sampler)
    rows.begin_at(made, 0)
    source = torch.Generator().manual_seed(0)
    latents = torch.zeros(1, 1, 2, 2)
    for index, timestep in enumerate(made.timesteps):
        extra = rows._extra(made, source)
        latents = made.step(latents, timestep, latents, **extra, return_dict=False)[0]
        after = made.timesteps[index + 1] if index + 1 < len(made.timesteps) else None
        signal, rest = inpaint.level_after(made, after)
        level = 0.0 if after is None else flow.level(made, float(after))
        assert (signal, rest) == (
            pytest.approx(1 - level, abs=2e-3),
            pytest.approx(level, abs=2e-3),
        )


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_an_estimate_goes_the_whole_way_at_once(sampler: str) -> None:
    made = make(sampler)
    timestep = made.timesteps[3]
    share = flow.level(made, float(timestep))
    clean, drawn = torch.full((1, 1, 2, 2), 3.0), torch.full((1, 1, 2, 2), -1.0)
    stands = (1 - share) * clean + share * drawn
    assert torch.allclose(estimate.denoised(made, stands, drawn - clean, timestep), clean)


def test_strength_is_counted_as_the_pipelines_of_flows_count_it() -> None:
    """Of half a step that is left over these paint anew, and those of Stable Diffusion do not."""
    assert rows.begin_index(5, 0.5, make("euler", steps=5)) == (2, 3)
    other = samplers.make("euler", "default", BASE, 5)
    assert rows.begin_index(5, 0.5, other) == (3, 2)
