"""Teaching: losses of one forward, weighed, masked and asked of every family's network."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from msgspec import structs

from core.engine.train.feed.draws import Place
from core.engine.train.learn.fit import _teaching
from core.engine.train.learn.teaching import Losses
from core.engine.train.methods import prepared
from core.records.recipe import Recipe
from core.records.training import LossPoint
from tests.engine.train.bases import SUBJECT, opened, written
from tests.engine.train.runs import Trial, random_pictures

pytestmark = pytest.mark.timeout(120)
FAMILIES = ["sd1", "sdxl", "flux", "sd3"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    return {name: written(tmp_path_factory.mktemp(name), name) for name in FAMILIES}


@pytest.fixture(scope="module")
def base(folders: Mapping[str, Path]) -> Any:
    return opened(folders["sd1"], "sd1")


def recipe(**fields: Any) -> Recipe:
    return Recipe(**{"method": "full", "prior": "images", "precision": "float32"} | fields)


def forward(base: Any, made: Recipe, rows: tuple[int, int] = (2, 2), **more: Any) -> Losses:
    """Give the losses of a forward of the first positions, before anything is trained."""
    trial = Trial(base, made, 1, **more)
    batch = trial.examples.batch(range(rows[0]), range(rows[1]))
    return _teaching(trial.setup, base, trial.method).losses(batch, Place(0))


def close(one: torch.Tensor, other: torch.Tensor) -> None:
    assert torch.allclose(one, other, rtol=1e-4), (float(one.detach()), float(other.detach()))


def test_subject_and_class_weigh_as_if_each_had_a_forward_of_its_own(base: Any) -> None:
    both = forward(base, recipe(prior_weight=0.5), (2, 3))
    alone = forward(base, recipe(), (2, 0))
    assert both.prior is not None
    close(both.instance, alone.instance)
    close(both.loss, both.instance + 0.5 * both.prior)
    assert alone.prior is None
    close(alone.loss, alone.instance)


def test_gradients_of_one_forward_are_those_of_two(base: Any) -> None:
    trial = Trial(base, recipe(prior_weight=0.7), 1)
    teaching = _teaching(trial.setup, base, trial.method)
    weight = trial.method.denoiser.conv_in.weight
    batch = trial.examples.batch([0], [0, 1])
    drawn = teaching.drawn(batch, Place(0))
    whole = torch.autograd.grad(teaching.compared(batch, *drawn).loss, weight)[0]
    alone = torch.zeros_like(whole)
    for rows, share in ((slice(0, 1), 1.0), (slice(1, 2), 0.35), (slice(2, 3), 0.35)):
        own = batch._replace(
            told=batch.told._replace(tokens=batch.told.tokens[rows]),
            is_class=torch.tensor([False]), sizes=batch.sizes[rows],
        )  # fmt: skip
        loss = teaching.compared(own, *(one[rows] for one in drawn)).loss
        alone += share * torch.autograd.grad(loss, weight)[0]
    assert torch.allclose(whole, alone, atol=1e-6)


@pytest.mark.parametrize("rows", [(1, 1), (2, 2), (1, 3)])
def test_min_snr_weighs_both_halves(base: Any, rows: tuple[int, int]) -> None:
    """Where halves are unequal, and where they are of two rows, a chunked loss goes wrong."""
    plain, weighed = (forward(base, recipe(snr_gamma=gamma), rows) for gamma in (0.0, 1e-4))
    assert plain.prior is not None
    assert weighed.prior is not None
    assert weighed.instance < 0.9 * plain.instance
    assert weighed.prior < 0.9 * plain.prior


def test_what_is_masked_does_not_count(base: Any) -> None:
    masks = torch.zeros(3, 1, 8, 8)
    masks[:, :, :4] = 1.0
    masked = forward(base, recipe(), masks=masks)
    plain = forward(base, recipe())
    assert plain.prior is not None
    assert masked.prior is not None
    close(masked.prior, plain.prior)  # of class pictures, which have none
    assert not torch.allclose(masked.instance, plain.instance)
    close(forward(base, recipe(), masks=torch.ones(3, 1, 8, 8)).loss, plain.loss)


def test_a_base_that_was_not_trained_yet_forgets_nothing(base: Any) -> None:
    made = forward(base, recipe(prior="self_distill"))
    assert made.prior is not None
    assert made.prior < 1e-10
    assert made.instance > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_run_that_distills_itself_keeps_near_its_base(base: Any, method: Any) -> None:
    fields: dict[str, Any] = {"method": method, "prior": "self_distill", "lr_unet": 1e-3, "seed": 3}
    moved = []
    for weight in (0.0, 20.0):
        made = recipe(prior_weight=weight, rank=4, **fields)
        run = Trial(base, made, 6, method=prepared(base, made, [SUBJECT]))
        assert run.fit() == 6
        priors = [point.loss_prior for point in run.points]
        assert priors[0] == pytest.approx(0, abs=1e-8)
        moved.append(priors[-1])
    assert moved[1] < 0.8 * moved[0]


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_taught_by_its_own_call(folders: Mapping[str, Path], family: str) -> None:
    base = opened(folders[family], family)
    made = recipe(method="lora", rank=4, lr_unet=1e-2, clip=0.0)
    made = structs.replace(made, prior="self_distill")
    run = Trial(base, made, 3, method=prepared(base, made, [SUBJECT]), size=64)
    before = run.weights()
    assert run.fit() == 3
    assert all(0.01 < loss < 100 for loss in run.losses)
    after = run.weights()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all(one.grad is None for one in base.denoiser.parameters())


@pytest.mark.slow
def test_a_picture_can_be_learned(base: Any) -> None:
    made = recipe(prior="off", batch=4, timesteps="logit_normal")
    run = Trial(base, made, 40, lr=3e-3, pictures=random_pictures(32, 1, 1))
    run.fit()
    early, late = (sum(run.losses[part]) for part in (slice(0, 10), slice(-10, None)))
    assert late < 0.95 * early


def test_text_encoders_are_trained_until_they_stop(base: Any) -> None:
    made = recipe(train_text_encoder=True, te_stop_fraction=0.5)
    run = Trial(base, made, 4)
    encoder = run.method.encoders["text_encoder"]
    states: list[Mapping[str, torch.Tensor]] = []

    def copy(point: LossPoint) -> None:
        states.append({name: one.clone() for name, one in encoder.state_dict().items()})

    run.setup = replace(run.setup, told=copy)
    run.fit()
    changed = [
        any(not torch.equal(one[name], other[name]) for name in one)
        for one, other in pairwise(states)
    ]
    assert changed == [True, False, False]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_forwards_may_be_of_half_precision_and_what_is_trained_is_not(
    base: Any, precision: Any
) -> None:
    run = Trial(base, recipe(precision=precision), 3)
    assert run.fit() == 3
    whole = Trial(base, recipe(), 3)
    whole.fit()
    assert run.losses != whole.losses
    assert run.losses == pytest.approx(whole.losses, rel=0.05)
    assert {one.dtype for one in run.weights().values()} == {torch.float32}
    assert torch.get_default_dtype() == torch.float32


def test_what_is_drawn_for_a_forward_is_that_of_its_positions(base: Any) -> None:
    trial = Trial(base, recipe(), 1)
    teaching = _teaching(trial.setup, base, trial.method)
    latents, noise, timesteps = teaching.drawn(trial.examples.batch([0], [0]), Place(0))
    assert latents.shape == noise.shape == (2, 4, 8, 8)
    assert timesteps.shape == (2,)
    again = teaching.drawn(trial.examples.batch([0], [0]), Place(7, 1))
    assert torch.equal(latents, again[0])
    assert torch.equal(noise, again[1])


@pytest.mark.slow
@pytest.mark.parametrize("family", ["sd3", "flux"])
def test_an_encoder_that_read_beforehand_may_be_gone(
    folders: Mapping[str, Path], family: str
) -> None:
    base = opened(folders[family], family)
    made = recipe(method="lora", rank=4, train_text_encoder=True)
    losses = []
    for gone in (False, True):
        method = prepared(base, made, [SUBJECT])
        run = Trial(base, made, 1, method=method, size=64)
        if gone:
            for part in [
                part for part, one in method.encoders.items() if one is base.encoders[part]
            ]:
                del method.encoders[part]
            assert len(method.encoders) < len(base.family.towers)
        run.fit()
        losses += run.losses
    assert losses[0] == losses[1]
