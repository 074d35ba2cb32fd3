"""Fit: runs on a tiny model, the same to the bit whatever happens beside them."""

import logging
import signal
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pytorch_lightning import Callback, LightningModule, Trainer

from core.engine.train.feed.data import Loader
from core.errors import Invalid
from core.records.recipe import Recipe
from core.records.training import LossPoint
from tests.engine.train.runs import Trial, base_of, random_pictures

pytestmark = pytest.mark.timeout(120)
STEPS = 4


@pytest.fixture(scope="module")
def base(sd1: Path) -> Any:
    return base_of(sd1)


def recipe(**fields: Any) -> Recipe:
    return Recipe(**{"method": "full", "prior": "images", "precision": "float32"} | fields)


def ran(base: Any, steps: int = STEPS, made: Recipe | None = None, **changes: Any) -> Trial:
    run = Trial(base, made or recipe(), steps, **changes)
    assert run.fit() == steps
    return run


def assert_alike(one: Trial, other: Trial) -> None:
    assert one.losses == other.losses
    theirs = other.weights()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in one.weights().items())


def test_one_seed_gives_one_run_and_another_seed_another(base: Any) -> None:
    first = ran(base)
    assert_alike(first, ran(base))
    assert first.losses != ran(base, made=recipe(seed=1)).losses
    assert [point.step for point in first.points] == [1, 2, 3, 4]


@pytest.mark.slow
def test_workers_change_nothing(base: Any) -> None:
    assert_alike(ran(base), ran(base, workers=2))


def test_a_run_of_a_thread_is_the_same_run(base: Any) -> None:
    made = Trial(base, recipe(), STEPS)
    thread = threading.Thread(target=made.fit)
    with torch.inference_mode():  # of this thread alone
        thread.start()
        thread.join()
    assert_alike(made, ran(base))


def test_a_run_may_begin_where_gradients_are_off(base: Any) -> None:
    made = Trial(base, recipe(), STEPS)
    with torch.no_grad():
        assert made.fit() == STEPS
        assert not torch.is_grad_enabled()
    assert_alike(made, ran(base))


def test_what_is_global_stays_as_it_was_and_nothing_is_said(
    base: Any, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    numbers = torch.get_rng_state()
    handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
    watch = Watch()
    ran(base, made=recipe(deterministic=True), callbacks=[watch])
    assert torch.equal(numbers, torch.get_rng_state())
    assert handlers == {number: signal.getsignal(number) for number in signal.valid_signals()}
    assert watch.handlers == handlers
    assert torch.get_default_dtype() == torch.float32
    assert not torch.are_deterministic_algorithms_enabled()
    assert watch.deterministic
    assert caplog.text == ""
    assert capfd.readouterr() == ("", "")


class Watch(Callback):  # type: ignore[misc]
    """Sees what is global in the middle of a run."""

    def on_train_batch_end(self, *_: Any) -> None:
        self.deterministic = torch.are_deterministic_algorithms_enabled()
        self.handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}


@pytest.mark.parametrize("text", [False, True])
def test_only_what_is_trained_has_gradients_and_is_lightnings(base: Any, text: bool) -> None:
    seen = Gradients()
    before = {name: one.clone() for name, one in base.denoiser.state_dict().items()}
    run = ran(base, made=recipe(train_text_encoder=text), callbacks=[seen])
    trained = set(run.method.trainable.parameters())
    assert seen.having == trained
    assert seen.known == trained
    frozen = [base.denoiser, base.vae, *base.encoders.values()]
    assert all(one.grad is None for module in frozen for one in module.parameters())
    assert all(torch.equal(one, before[name]) for name, one in base.denoiser.state_dict().items())
    assert all(one.grad is None for one in trained)  # let go of at the end
    names = {"unet", "te"} if text else {"unet"}
    assert run.points[0].rates.keys() == run.points[0].norms.keys() == names


class Gradients(Callback):  # type: ignore[misc]
    """Collects parameters that have gradients, and those that Lightning knows."""

    def on_before_optimizer_step(self, trainer: Trainer, module: LightningModule, *_: Any) -> None:
        everything = [*module.method.denoiser.parameters()]
        everything += [one for net in module.method.encoders.values() for one in net.parameters()]
        self.having = {one for one in everything if one.grad is not None}
        self.known = set(module.parameters())


def test_accumulation_may_be_longer_than_an_epoch(base: Any) -> None:
    made = recipe(accumulate=4)
    run = ran(base, 3, made, pictures=random_pictures(32, 3, 2))
    assert run.examples.fetched == [([forward], [forward]) for forward in range(12)]


def test_two_small_forwards_are_one_large_one(base: Any) -> None:
    small = ran(base, made=recipe(accumulate=2))
    large = ran(base, made=recipe(batch=2))
    assert small.losses == pytest.approx(large.losses, rel=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("step", [1, 2, 3])
@pytest.mark.parametrize("accumulate", [1, 2])
def test_a_run_goes_on_as_if_it_had_never_stopped(base: Any, step: int, accumulate: int) -> None:
    made = recipe(accumulate=accumulate, ema=0.9, schedule="cosine", warmup=0.25)
    keep = Keep(step)
    whole = ran(base, made=made, callbacks=[keep])
    rest = ran(base, made=made, start=keep.state, callbacks=[end := Keep(STEPS)])
    assert [point.loss for point in rest.points] == whole.losses[step:]
    assert [point.rates for point in rest.points] == [one.rates for one in whole.points[step:]]
    assert all(torch.equal(one, whole.weights()[name]) for name, one in rest.weights().items())
    assert all(torch.equal(one, keep.mean[name]) for name, one in end.mean.items())
    assert end.seen == STEPS


class Keep(Callback):  # type: ignore[misc]
    """Copies the state of a run after a step, and the mean after its last."""

    def __init__(self, step: int) -> None:
        self._step = step
        self.state: Any = None

    def on_train_batch_end(self, trainer: Trainer, module: Any, *_: Any) -> None:
        if module.step == self._step and self.state is None:
            self.state = SimpleNamespace(
                step=module.step,
                position=module.position,
                trainable={k: v.clone() for k, v in module.trained.state_dict().items()},
                optimizer=_copied(trainer.optimizers[0].state_dict()),
                ema={k: v.clone() for k, v in module.ema.mean.items()} if module.ema else {},
                extra={},
            )

    def on_train_end(self, trainer: Trainer, module: Any) -> None:
        self.seen = trainer.global_step
        self.mean = module.ema.mean if module.ema else {}


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.clone()
    if isinstance(value, dict):
        return {key: _copied(one) for key, one in value.items()}
    return [_copied(one) for one in value] if isinstance(value, list) else value


def test_a_run_that_is_done_takes_no_step_more(base: Any) -> None:
    keep = Keep(STEPS)
    ran(base, callbacks=[keep])
    again = ran(base, start=keep.state)
    assert again.points == []


def test_a_callback_may_end_a_run_after_a_step(base: Any) -> None:
    class End(Callback):  # type: ignore[misc]
        def on_train_batch_end(self, trainer: Trainer, module: Any, *_: Any) -> None:
            trainer.should_stop = module.step == 2

    run = Trial(base, recipe(accumulate=2), STEPS, callbacks=[End()])
    assert run.fit() == 2
    assert len(run.examples.fetched) == 4


def test_a_judge_sees_losses_before_anything_changes(base: Any) -> None:
    kept = Keep(2)
    told: list[int] = []

    def judge(point: LossPoint) -> None:
        told.append(point.step)
        if point.step == 3:
            raise Invalid("training_nan")

    run = Trial(base, recipe(), STEPS, judge=judge, callbacks=[kept])
    with pytest.raises(Invalid):
        run.fit()
    assert told == [1, 2, 3]
    assert [point.step for point in run.points] == [1, 2]
    assert all(torch.equal(kept.state.trainable[k], one) for k, one in run.weights().items())


def test_a_run_of_no_step_and_one_of_no_picture_are_refused(base: Any) -> None:
    with pytest.raises(Invalid) as caught:
        Trial(base, recipe(), 0).fit()
    assert caught.value.name == "training_no_steps"
    empty = Trial(base, recipe(), 1)
    empty.examples.instances = torch.zeros(0, 3, 32, 32)
    with pytest.raises(Invalid) as caught:
        empty.fit()
    assert caught.value.name == "dataset_empty"


def test_a_loader_is_as_long_as_the_run_wherever_it_begins() -> None:
    class Numbers:
        def __getitem__(self, place: int) -> int:
            return place

    loader: Any = Loader(Numbers(), 10, 7)  # type: ignore[arg-type]
    assert len(loader) == 10
    assert next(iter(loader)) == 7
    assert loader.state_dict() == {"position": 8}
    other: Any = Loader(Numbers(), 10)  # type: ignore[arg-type]
    other.load_state_dict(loader.state_dict())
    assert list(other) == [8, 9]


def test_rates_follow_the_schedule_and_gradients_are_clipped(base: Any) -> None:
    seen: list[float] = []

    class Norms(Callback):  # type: ignore[misc]
        def on_train_batch_end(self, trainer: Trainer, module: Any, *_: Any) -> None:
            grads = [one.grad for one in module.parameters()]
            seen.append(float(torch.nn.utils.get_total_norm(grads)))

    made = recipe(schedule="linear", clip=1e-2)
    run = ran(base, made=made, lr=1e-3, rate=0.5, callbacks=[Norms()])
    assert [point.lr for point in run.points] == pytest.approx([5e-4, 3.75e-4, 2.5e-4, 1.25e-4])
    assert all(point.grad_norm and point.grad_norm > 1e-2 for point in run.points)
    assert seen == pytest.approx([1e-2] * STEPS, rel=1e-3)
    assert all(point.seconds > 0 for point in run.points)


@pytest.mark.slow
def test_captions_are_dropped_by_position(base: Any) -> None:
    dropped: list[list[str]] = []

    class Captions(Callback):  # type: ignore[misc]
        def on_train_batch_start(self, trainer: Trainer, module: Any, batch: Any, *_: Any) -> None:
            dropped.append(batch.captions)

    ran(base, 12, recipe(caption_dropout=0.5), callbacks=[Captions()])
    gone = sum(caption == "" for captions in dropped for caption in captions)
    assert 4 < gone < 20
    first = list(dropped)
    dropped.clear()
    ran(base, 6, recipe(caption_dropout=0.5, batch=2), callbacks=[Captions()])
    assert [dropped[0][0], dropped[0][1]] == [first[0][0], first[1][0]]
