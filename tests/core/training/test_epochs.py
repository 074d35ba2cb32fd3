"""Which step ends a pass over the pictures."""

from typing import Any

import pytest

from core.records.recipe import Recipe
from core.training.epochs import last_step
from core.training.plan import planned
from tests.core.training.test_plan import facts


@pytest.mark.parametrize(
    ("fields", "epoch", "step"),
    [
        ({}, 1, 5),
        ({}, 3, 15),
        ({"batch": 2}, 1, 3),  # the third step begins the second pass as well
        ({"batch": 2}, 2, 5),
        ({"batch": 2, "accumulate": 2}, 4, 5),
        ({"repeats": 10}, 1, 50),
        ({"held_out": 1}, 2, 8),
    ],
)
def test_a_pass_ends_where_every_picture_was_taught_again(
    fields: dict[str, Any], epoch: int, step: int
) -> None:
    plan = planned(Recipe(method="lora", max_steps=100, **fields), facts(count=5))
    assert last_step(plan, epoch) == step
