"""Schedule: the learning rate as a pure function of the step."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from core.engine.train.learn.schedule import multiplier
from core.records.recipe import Recipe, Schedule

SCHEDULES: list[Schedule] = ["constant", "linear", "cosine", "cosine_restarts", "polynomial"]


@given(st.sampled_from(SCHEDULES), st.floats(0, 1), st.integers(1, 2000), st.data())
def test_a_rate_is_a_share_that_moves_at_every_step_of_a_run(
    schedule: Schedule, warmup: float, steps: int, data: st.DataObject
) -> None:
    recipe = Recipe(schedule=schedule, warmup=warmup)
    step = data.draw(st.integers(0, steps - 1))
    assert 0 < multiplier(recipe, step, steps) <= 1


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_rate_rises_while_it_warms_up_and_is_whole_after(schedule: Schedule) -> None:
    recipe = Recipe(schedule=schedule, warmup=0.1)
    rates = [multiplier(recipe, step, 100) for step in range(11)]
    assert rates == sorted(rates)
    assert rates[0] == pytest.approx(1 / 11)
    assert rates[10] == 1


@pytest.mark.parametrize(
    ("schedule", "half"),
    [
        ("constant", 1),
        ("linear", 0.5),
        ("cosine", 0.5),
        ("cosine_restarts", 0.5),
        ("polynomial", 0.25),
    ],
)
def test_a_shape_is_what_its_name_says(schedule: Schedule, half: float) -> None:
    recipe = Recipe(schedule=schedule)
    assert multiplier(recipe, 0, 1000) == 1
    assert multiplier(recipe, 500, 1000) == pytest.approx(half, abs=1e-9)


def test_a_recipe_that_says_nothing_is_constant() -> None:
    assert {multiplier(Recipe(), step, 9) for step in range(9)} == {1}
    risen = structs.replace(Recipe(), schedule="cosine")
    assert multiplier(risen, 9, 9) == pytest.approx(0)
