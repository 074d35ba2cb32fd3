"""Objective: targets, weights and losses against diffusers' own and by hand."""

from typing import Any

import pytest
import torch
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr

from core.engine.diffusion.flow import noised
from core.engine.train.feed.draws import Counter, Place
from core.engine.train.learn.objective import Objective
from core.errors import Invalid
from core.records.recipe import Recipe
from tests.engine.tiny import BASE
from tests.engine.tiny_flow import DEV, SD3

ITEMS = [3, 4, 5, 6]
SHAPE = (4, 6, 8, 8)


def made(**fields: Any) -> Objective:
    kind = fields.pop("prediction", "epsilon")
    return Objective({**BASE, "prediction_type": kind}, Recipe(**fields), flow=False)


def drawn() -> tuple[torch.Tensor, torch.Tensor]:
    draws = Counter(1)
    return draws.normal("latents", Place(0), SHAPE), draws.normal("noise", Place(0), SHAPE)


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction", "sample"])
def test_a_network_that_hits_its_target_has_made_the_picture(kind: str) -> None:
    objective = made(prediction=kind)
    latents, noise = drawn()
    timesteps = torch.tensor([0, 1, 500, 999])
    seen = objective.noised(latents, noise, timesteps)
    target = objective.target(latents, noise, timesteps)
    peer = DDPMScheduler.from_config({**BASE, "prediction_type": kind, "clip_sample": False})
    for place, timestep in enumerate(timesteps):
        step = peer.step(target[place], int(timestep), seen[place])
        assert torch.allclose(step.pred_original_sample, latents[place], atol=2e-3)
    assert (objective.loss(target, target) == 0).all()


@pytest.mark.parametrize("kind", ["epsilon", "v_prediction"])
def test_weights_are_those_of_min_snr(kind: str) -> None:
    timesteps = torch.arange(0, 1000, 37)
    ratio = compute_snr(DDPMScheduler.from_config(BASE), timesteps)
    weights = made(prediction=kind, snr_gamma=5.0).weights(timesteps)
    assert weights is not None
    below = ratio if kind == "epsilon" else ratio + 1
    assert torch.allclose(weights, torch.minimum(ratio, torch.tensor(5.0)) / below, rtol=1e-4)
    assert made(prediction=kind).weights(timesteps) is None


def test_weights_are_finite_where_nothing_of_the_picture_is_left() -> None:
    objective = made(prediction="v_prediction", snr_gamma=5.0, ztsnr=True)
    latents, noise = drawn()
    last = torch.full((4,), 999)
    assert torch.allclose(objective.noised(latents, noise, last), noise, atol=1e-6)
    weights = objective.weights(last)
    assert weights is not None
    assert weights.isfinite().all()


@pytest.mark.parametrize("config", [SD3, DEV])
def test_a_flow_is_noised_as_its_sampler_noises(config: dict[str, Any]) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    objective = Objective(config, Recipe(), flow=True)
    latents, noise = drawn()
    peer = FlowMatchEulerDiscreteScheduler.from_config(config)
    timesteps = peer.timesteps[[0, 10, 500, 999]]
    wanted = noised(peer, latents, noise, timesteps)
    assert torch.allclose(objective.noised(latents, noise, timesteps), wanted, atol=1e-6)
    target = objective.target(latents, noise, timesteps)
    assert torch.allclose(wanted - timesteps.view(-1, 1, 1, 1) / 1000 * target, latents, atol=1e-5)
    assert objective.weights(timesteps) is None


@pytest.mark.parametrize("kind", ["uniform", "logit_normal"])
@pytest.mark.parametrize("flow", [False, True])
def test_timesteps_lie_on_the_way_and_follow_the_items(flow: bool, kind: Any) -> None:
    objective = Objective(SD3 if flow else BASE, Recipe(timesteps=kind), flow=flow)
    draws, items = Counter(5), list(range(400))
    made = objective.timesteps(draws, Place(0), items)
    assert made.shape == (400,)
    assert made.dtype == (torch.float32 if flow else torch.int64)
    assert 0 <= made.min() < 200
    assert 800 < made.max() <= 1000
    assert torch.equal(objective.timesteps(draws, Place(9), items[7:9]), made[7:9])
    spread = made.float().std() / 1000
    assert spread < 0.25 if kind == "logit_normal" else spread > 0.2


def test_a_shifted_flow_sees_more_noise() -> None:
    items = list(range(400))
    shifted = Objective(SD3, Recipe(), flow=True).timesteps(Counter(1), Place(0), items)
    plain = Objective({**SD3, "shift": 1.0}, Recipe(), flow=True).timesteps(
        Counter(1), Place(0), items
    )
    assert (shifted > plain).float().mean() > 0.99
    assert plain.mean() == pytest.approx(500, abs=50)


def test_an_offset_moves_each_channel_as_a_whole() -> None:
    latents, _ = drawn()
    draws = Counter(1)
    plain = made().noise(draws, Place(0), latents, ITEMS)
    moved = made(noise_offset=0.1).noise(draws, Place(0), latents, ITEMS) - plain
    assert torch.allclose(moved, moved[..., :1, :1].expand_as(moved), atol=1e-6)
    assert 0.02 < moved.std() < 0.3


def test_a_mask_weighs_cells_and_its_size_does_not_matter() -> None:
    predicted, target = drawn()
    mask = torch.zeros(4, 1, 8, 8)
    mask[:, :, :2, :3] = 1
    losses = made().loss(predicted, target, mask)
    wanted = (predicted - target)[..., :2, :3].square().flatten(1).mean(1)
    assert torch.allclose(losses, wanted, rtol=1e-5)
    assert torch.allclose(made().loss(predicted, target, torch.ones(4, 1, 8, 8)),
                          made().loss(predicted, target))  # fmt: skip
    assert (made().loss(predicted, target, torch.zeros(4, 1, 8, 8)) == 0).all()


def test_a_huber_loss_is_squares_near_nothing_and_a_line_far_away() -> None:
    objective = made(huber=0.1)
    near, far = torch.full((1, 1, 2, 2), 1e-3), torch.full((1, 1, 2, 2), 1e3)
    nothing = torch.zeros(1, 1, 2, 2)
    assert float(objective.loss(near, nothing)) == pytest.approx(1e-6, rel=1e-2)
    assert float(objective.loss(far, nothing)) == pytest.approx(2 * 0.1 * (1e3 - 0.1), rel=1e-3)


def test_a_model_that_predicts_what_we_do_not_know_is_refused() -> None:
    with pytest.raises(Invalid) as caught:
        made(prediction="score")
    assert caught.value.name == "prediction_unsupported"
