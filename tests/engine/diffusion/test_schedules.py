"""Schedules: levels that fall, for every sampler that can follow them, or a clear refusal."""

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from core.engine.diffusion import samplers, schedules
from core.engine.diffusion.sampler import SamplingLoop
from core.errors import Invalid
from core.graph import samplers as names_of
from core.paths import shipped
from tests.engine.tiny import BASE, Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
LEVELS = [0.03 * 1.0065**index for index in range(1000)]
KNOTS = [14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152]
OWN = {name: row.sigmas for name, row in schedules.SCHEDULES.items() if row.sigmas}
PAIRS = [(sampler, one) for sampler in samplers.names() for one in samplers.schedules()]


def levels(scheduler: Any) -> list[float]:
    """List the levels of noise, each once: second-order samplers hold most of them twice."""
    table: list[float] = getattr(scheduler, "sigmas", scheduler.timesteps).tolist()
    return [level for index, level in enumerate(table) if not index or level != table[index - 1]]


@pytest.mark.parametrize("steps", [4, 20])
@pytest.mark.parametrize(("sampler", "schedule"), PAIRS)
def test_levels_fall_strictly_or_the_schedule_is_refused(
    sampler: str, schedule: str, steps: int
) -> None:
    try:
        made = samplers.make(sampler, schedule, BASE, steps)
    except Invalid as refused:
        assert refused.name == "schedule_unsupported"
        assert sampler == "default" or not names_of.follows(sampler, schedule)
        return
    assert names_of.follows(sampler, schedule)
    found = levels(made)
    assert all(math.isfinite(level) for level in found)
    assert all(low < high for high, low in pairwise(found))
    assert len(found) >= steps


@pytest.mark.parametrize("sampler", ["euler", "euler_a", "heun", "dpm2", "dpmpp_2m", "unipc"])
@pytest.mark.parametrize("name", OWN)
def test_the_levels_of_a_scheduler_are_those_of_the_table(sampler: str, name: str) -> None:
    made = samplers.make(sampler, name, BASE, 7)
    signal = made.alphas_cumprod
    expected = OWN[name](((1 - signal) / signal).sqrt().tolist(), KNOTS, 7)
    assert levels(made) == pytest.approx([*expected, 0.0], rel=1e-5)
    assert made.timesteps[0] == pytest.approx(999, abs=1)


def test_ten_aligned_steps_are_the_published_ones() -> None:
    from diffusers.schedulers import AysSchedules

    made = samplers.make("dpmpp_2m", "Align Your Steps", BASE, 10)
    assert made.sigmas.tolist() == pytest.approx(AysSchedules["StableDiffusionSigmas"])
    large = samplers.make("dpmpp_2m", "ays", BASE, 10, family="StableDiffusionXL")
    assert large.sigmas.tolist() == pytest.approx(AysSchedules["StableDiffusionXLSigmas"])
    gone = (made.timesteps - torch.tensor(AysSchedules["StableDiffusionTimesteps"])).abs()
    assert gone.max() <= 2


def test_a_lender_lends_no_schedule_that_it_does_not_have() -> None:
    with pytest.raises(Invalid, match="schedule_unsupported"):
        samplers.make("euler_a", "lu", BASE, 5)


def test_an_ancestral_sampler_follows_the_levels_of_the_plain_one() -> None:
    for schedule in ("karras", "exponential", "ays"):
        plain, noisy = (samplers.make(name, schedule, BASE, 6) for name in ("euler", "euler_a"))
        assert torch.equal(plain.sigmas, noisy.sigmas)
        assert torch.equal(plain.timesteps, noisy.timesteps)


@given(steps=st.integers(1, 500), name=st.sampled_from(sorted(OWN)))
def test_own_levels_fall_from_the_noisiest_for_any_number_of_steps(steps: int, name: str) -> None:
    made = OWN[name](LEVELS, KNOTS, steps)
    assert len(made) == steps
    assert made[0] == pytest.approx(KNOTS[0] if name == "ays" else LEVELS[-1])
    assert all(low < high for high, low in pairwise(made))
    assert made[-1] >= LEVELS[0] * 0.999


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("Align Your Steps", "ays"), ("align_your_steps", "ays"), ("KL Optimal", "kl_optimal"),
        ("kl_optimal", "kl_optimal"), ("Simple", "simple"), ("polyexponential", "exponential"),
        ("trailing", "sgm_uniform"), ("ddim_uniform", "leading"), ("normal", "linspace"),
    ],
)  # fmt: skip
def test_other_programs_names_are_taken(theirs: str, ours: str) -> None:
    assert names_of.find_schedule(theirs) == ours


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_every_sampler_and_schedule_draws_the_starter_to_finite_numbers(loop: SamplingLoop) -> None:
    starter, rows, refused = Tiny(shipped("starter")), [], 0
    for sampler, schedule in PAIRS:
        try:
            rows.append(
                starter.row(
                    "a fox", sampler=sampler, schedule=schedule, steps=4, size=32,
                    guidance_scale=1.0,
                )
            )  # fmt: skip
        except Invalid as error:
            assert error.name == "schedule_unsupported"
            refused += 1
    drawn = loop.sample(rows)
    assert len(drawn) > 200
    assert len(drawn) + refused == len(PAIRS)
    broken = [
        pair for pair, latents in zip(PAIRS, drawn, strict=False) if not latents.isfinite().all()
    ]
    assert broken == []
