"""Sizes: what a family draws where nobody says, and nobody is overruled."""

import pytest

from core.graph.sizes import native
from core.records.model import ModelDefaults


@pytest.mark.parametrize(
    ("family", "side"),
    [("sd1", None), ("sd2", None), ("unknown", None), ("", None), ("sdxl", 1024), ("flux", 1024)],
)
def test_a_family_is_drawn_at_its_own_size_where_a_model_does_not_say(
    family: str, side: int | None
) -> None:
    made = native(family, ModelDefaults(steps=4))
    assert (made.width, made.height, made.steps) == (side, side, 4)


@pytest.mark.parametrize("told", [{"width": 512}, {"height": 768}, {"width": 64, "height": 64}])
def test_what_a_model_says_stays(told: dict[str, int]) -> None:
    said = ModelDefaults(**told)
    assert native("sdxl", said) == said


def test_families_that_take_little_guidance_are_drawn_with_less_unless_a_model_says() -> None:
    assert native("flux", ModelDefaults()).guidance_scale == 3.5
    assert native("sd3", ModelDefaults(width=512)).guidance_scale == 5.0
    assert native("flux", ModelDefaults(guidance_scale=0.0)).guidance_scale == 0.0
    assert native("sdxl", ModelDefaults()).guidance_scale is None
