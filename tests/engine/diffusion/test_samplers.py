"""The table of samplers: names without heavy imports, instances with the right settings."""

import subprocess
import sys

import pytest

from core.engine.diffusion import samplers
from core.errors import Invalid
from core.graph import samplers as names_of
from tests.engine.tiny import BASE

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]


def test_listing_names_imports_no_diffusers() -> None:
    code = (
        "import sys; from core.engine.diffusion import samplers; samplers.names();"
        "sys.exit('diffusers' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=15).returncode == 0


@pytest.mark.parametrize("sampler", samplers.names())
@pytest.mark.parametrize("steps", [1, 2, 20])
def test_every_sampler_takes_few_and_many_steps(sampler: str, steps: int) -> None:
    made = samplers.make(sampler, "default", BASE, steps)
    assert len(made.timesteps) >= steps
    assert made.timesteps.device.type == "cpu"


def test_what_has_a_name_can_be_made_and_what_can_be_made_has_one() -> None:
    assert samplers.SAMPLERS.keys() == names_of.SAMPLERS.keys()
    assert samplers.SCHEDULES.keys() == names_of.SCHEDULES.keys()
    assert len(samplers.SAMPLERS) >= 30


@pytest.mark.parametrize(
    ("theirs", "ours", "schedule"),
    [
        ("k_euler_a", "euler_a", "default"),
        ("uni_pc", "unipc", "default"),
        ("DPM++ 2M", "dpmpp_2m", "default"),
        ("DPM++ 2M Karras", "dpmpp_2m", "karras"),
        ("dpmpp_2m_sde_k", "dpmpp_2m_sde", "karras"),
    ],
)
def test_another_programs_name_makes_the_same_scheduler(
    theirs: str, ours: str, schedule: str
) -> None:
    made = samplers.make(theirs, "default", BASE, 5)
    same = samplers.make(ours, schedule, BASE, 5)
    assert (type(made), dict(made.config)) == (type(same), dict(same.config))


def test_the_schedule_that_is_asked_for_wins_over_the_one_in_the_name() -> None:
    made = samplers.make("DPM++ 2M Karras", "exponential", BASE, 5).config
    assert (made.use_karras_sigmas, made.use_exponential_sigmas) == (False, True)


def test_the_nearest_of_ours_is_not_taken_for_a_name() -> None:
    with pytest.raises(Invalid, match="unknown_sampler"):
        samplers.make("DPM adaptive", "default", BASE, 5)


def test_each_row_has_an_instance_of_its_own() -> None:
    one, two = (samplers.make("dpmpp_2m", "default", BASE, 5) for _ in range(2))
    assert one is not two


def test_a_schedule_replaces_the_one_of_the_model() -> None:
    base = {**BASE, "use_karras_sigmas": True}
    assert samplers.make("euler", "default", base, 5).config.use_karras_sigmas
    changed = samplers.make("euler", "exponential", base, 5).config
    assert (changed.use_karras_sigmas, changed.use_exponential_sigmas) == (False, True)


@pytest.mark.parametrize(
    ("sampler", "schedule", "steps", "code"),
    [
        ("nope", "default", 5, "unknown_sampler"),
        ("euler", "nope", 5, "unknown_schedule"),
        ("ddim", "karras", 5, "schedule_unsupported"),
        ("lcm", "default", 400, "steps_unsupported"),
    ],
)
def test_what_cannot_be_made_is_refused_by_name(
    sampler: str, schedule: str, steps: int, code: str
) -> None:
    with pytest.raises(Invalid) as refused:
        samplers.make(sampler, schedule, BASE, steps)
    assert refused.value.name == code


def test_a_class_of_the_model_that_is_no_scheduler_is_refused() -> None:
    with pytest.raises(Invalid, match="unknown_sampler"):
        samplers.make("default", "default", {**BASE, "_class_name": "AutoencoderKL"}, 5)


def test_pictures_made_of_latents_are_never_clipped() -> None:
    base = {key: value for key, value in BASE.items() if key != "clip_sample"}
    assert not samplers.make("ddim", "default", base, 5).config.clip_sample
