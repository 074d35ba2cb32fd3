"""Validation measures the same thing each time, and changes nothing of what it looks at."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, Trainer

from core.engine.train.keep import state as states
from tests.engine.train.resumes import Held, Run, alike, recipe
from tests.engine.train.runs import base_of

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture(scope="module")
def base(sd1: Path) -> Any:
    return base_of(sd1)


class Noise(Callback):
    """Does what samples and pauses do: draws from the global streams, and has the network draw."""

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        torch.rand(7)
        random.random()
        module = trainer.lightning_module
        with torch.inference_mode():
            module.method.denoiser(
                torch.randn(1, 6, 8, 8), torch.tensor([3]), torch.randn(1, 5, 24)
            )


def test_validation_samples_pauses_and_saves_change_no_bit(base: Any, tmp_path: Path) -> None:
    plain = Run(tmp_path / "plain", base, recipe(), 6).fit()
    busy = Run(
        tmp_path / "busy", base, recipe(checkpoint_every=1, snapshot_every=2, validate_every=2), 6,
        validated=True, before=[Noise()], after=[Noise()],
    ).fit()  # fmt: skip
    assert busy.losses == plain.losses
    assert all(map(torch.equal, plain.last.trainable.values(), busy.last.trainable.values()))
    assert all(map(torch.equal, plain.last.ema.values(), busy.last.ema.values()))


def test_a_step_is_measured_alike_whenever_it_is(base: Any, tmp_path: Path) -> None:
    one = Run(tmp_path / "one", base, recipe(validate_every=1), 4, validated=True).fit()
    first = Run(tmp_path / "two", base, recipe(validate_every=3), 4, stop=2, validated=True).fit()
    second = Run(tmp_path / "two", base, recipe(validate_every=3), 4, validated=True).fit()
    measured = {point.step: point.validation for point in one.retold}
    assert list(measured) == [1, 2, 3, 4]
    assert len(set(measured.values())) == 4, "weights change, and what they lose with them"
    again = {point.step: point.validation for point in first.retold + second.retold}
    assert again == {step: measured[step] for step in (2, 3, 4)}
    assert alike(one.last, second.last)


def test_each_state_carries_its_metric_and_the_best_is_the_least(base: Any, tmp_path: Path) -> None:
    run = Run(
        tmp_path, base, recipe(checkpoint_every=1, validate_every=0), 4, validated=True
    ).fit()  # fmt: skip
    told = {one.step: one.metric for one in run.saved if one.kind == "checkpoint"}
    assert told == {point.step: point.validation for point in run.retold}
    best = states.best(run.checkpoints)
    assert best is not None
    step = min(told, key=lambda one: (told[one] or 0.0, one))
    assert states.read(best).metric == told[step]
    assert states.read(best).step == step


def test_modes_are_put_back_one_by_one(base: Any, tmp_path: Path) -> None:
    modes: list[list[bool]] = []

    class Look(Callback):
        def __init__(self, *, mix: bool) -> None:
            self.mix = mix

        def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
            network = trainer.lightning_module.method.denoiser
            if self.mix:
                network.train()
                network.mid_block.eval()
            modes.append([one.training for one in network.modules()])

    Run(
        tmp_path, base, recipe(validate_every=1), 1, validated=True,
        before=[Look(mix=True)], after=[Look(mix=False)],
    ).fit()  # fmt: skip
    assert modes[0] == modes[1]
    assert len(set(modes[0])) == 2


def test_without_held_out_pictures_there_is_no_metric(
    base: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Held, "held_out", [], raising=False)
    monkeypatch.setattr(Held, "__init__", lambda self, examples: None)
    run = Run(tmp_path, base, recipe(validate_every=1), 2, validated=True).fit()
    assert run.retold == []
    assert run.last.metric is None
