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
    assert native("sdxl", said) is said
