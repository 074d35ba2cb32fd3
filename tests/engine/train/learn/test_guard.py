"""Numbers that are lost end a run, or send it back once; spikes are told."""

import math
from pathlib import Path
from typing import Any

import pytest

from core.engine.train.learn import guard
from core.engine.train.learn.guard import Guard, NotFinite, guarded
from core.errors import Params
from core.records.recipe import Recipe
from core.records.training import LossPoint


def point(step: int, loss: float = 0.1, norm: float | None = 1.0) -> LossPoint:
    return LossPoint(
        step=step, loss=loss, loss_instance=loss, lr=1e-4, grad_norm=norm, seconds=0.1
    )  # fmt: skip


class Told:
    def __init__(self) -> None:
        self.warnings: list[tuple[str, Params]] = []

    def __call__(self, code: str, params: Params) -> None:
        self.warnings.append((code, params))

    @property
    def codes(self) -> list[str]:
        return [code for code, _ in self.warnings]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_loss_or_a_gradient_that_is_no_number_is_refused_with_its_step(bad: float) -> None:
    judge = Guard(Told())
    judge(point(1))
    for wrong in (point(2, loss=bad), point(2, norm=bad)):
        with pytest.raises(NotFinite) as caught:
            judge(wrong)
        assert caught.value.name == "training_nan"
        assert caught.value.params == {"step": 2}


def test_a_scaled_gradient_may_overflow_and_a_loss_may_not() -> None:
    judge = Guard(Told(), scaled=True)
    judge(point(1, norm=math.inf))
    with pytest.raises(NotFinite):
        judge(point(2, loss=math.nan))


def test_a_spike_is_told_once_in_a_while_and_what_is_usual_is_not() -> None:
    told = Told()
    judge = Guard(told)
    for step in range(40):
        judge(point(step, loss=0.1 + 0.01 * (step % 3)))
    assert told.codes == []
    judge(point(40, loss=0.9))
    judge(point(41, loss=0.9))
    assert told.warnings == [("loss_spike", {"step": 40, "loss": 0.9, "usual": 0.11})]


def test_the_first_steps_are_never_a_spike() -> None:
    told = Told()
    judge = Guard(told)
    for step in range(20):
        judge(point(step, loss=10.0 if step == 19 else 0.1))
    assert told.codes == []


def failing(times: int) -> tuple[list[tuple[float, bool]], Any]:
    tried: list[tuple[float, bool]] = []

    def attempt(rate: float, back: bool) -> int:
        tried.append((rate, back))
        if len(tried) <= times:
            raise NotFinite(step=7)
        return 20

    return tried, attempt


def test_a_run_that_is_to_stop_stops() -> None:
    tried, attempt = failing(1)
    with pytest.raises(NotFinite):
        guarded(attempt, Recipe(on_nan="stop"), {}, lambda: 5, Told())
    assert tried == [(1.0, False)]


def test_a_run_goes_back_once_at_half_the_rate_and_then_stops() -> None:
    told = Told()
    tried, attempt = failing(1)
    assert guarded(attempt, Recipe(on_nan="rollback"), {}, lambda: 5, told) == 20
    assert tried == [(1.0, False), (0.5, True)]
    assert told.warnings == [("training_rollback", {"step": 7, "back": 5})]

    tried, attempt = failing(2)
    with pytest.raises(NotFinite):
        guarded(attempt, Recipe(on_nan="rollback"), {}, lambda: 5, Told())
    assert len(tried) == 2


def test_a_run_that_went_back_before_it_was_resumed_keeps_its_rate_and_goes_back_no_more() -> None:
    tried, attempt = failing(1)
    with pytest.raises(NotFinite):
        guarded(attempt, Recipe(on_nan="rollback"), guard.rated(0.5), lambda: 5, Told())
    assert tried == [(0.5, False)]


def test_a_run_without_a_checkpoint_cannot_go_back() -> None:
    tried, attempt = failing(1)
    with pytest.raises(NotFinite):
        guarded(attempt, Recipe(on_nan="rollback"), {}, lambda: 0, Told())
    assert tried == [(1.0, False)]


@pytest.mark.parametrize("rate", [0, -1, 2, "1", None, math.nan])
def test_a_rate_from_anywhere_is_not_believed(rate: Any) -> None:
    assert guard.rate_of({"rate": rate}) == 1.0


def test_a_disk_on_which_two_more_do_not_fit_is_low(tmp_path: Path) -> None:
    assert not guard.low(tmp_path, 1)
    assert guard.low(tmp_path, 1 << 60)
    assert guard.room(tmp_path, 7)["needed"] == 7
