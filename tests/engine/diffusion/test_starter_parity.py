"""The model that ships with us: our latents are those of diffusers' pipeline, bit for bit."""

from functools import partial
from typing import Any

import pytest
import torch

from core.engine.diffusion import preview
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import vae
from core.paths import shipped
from tests.engine.tiny import Tiny

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(120),
]
NAMES = ["default", "euler", "euler_a", "ddim", "dpmpp_2m", "unipc", "lcm", "heun"]
CALL: dict[str, Any] = {"guidance_scale": 3.0, "seed": 4, "steps": 4}


@pytest.fixture(scope="module")
def starter() -> Tiny:
    return Tiny(shipped("starter"))


def theirs(starter: Tiny, prompt: str, sampler: str) -> torch.Tensor:
    made: torch.Tensor = starter.pipeline("StableDiffusionPipeline", sampler)(
        prompt=prompt,
        negative_prompt="",
        guidance_scale=CALL["guidance_scale"],
        num_inference_steps=CALL["steps"],
        generator=torch.Generator().manual_seed(CALL["seed"]),
        width=64,
        height=64,
        output_type="latent",
    ).images
    return made


def fitted(starter: Tiny) -> preview.LatentMap:
    coder = starter.autoencoder
    return vae.latent_map(starter.factor, partial(vae.encode, coder), partial(vae.decode, coder))


@pytest.mark.parametrize("sampler", NAMES)
def test_the_starter_alone_is_bit_identical(
    starter: Tiny, loop: SamplingLoop, sampler: str
) -> None:
    row = starter.row("a red fox", sampler=sampler, size=64, **CALL)
    assert torch.equal(loop.sample([row])[0], theirs(starter, "a red fox", sampler))


def test_the_starter_in_a_mixed_batch_agrees_to_a_hundred_thousandth(
    starter: Tiny, loop: SamplingLoop
) -> None:
    rows = [starter.row("a red fox", sampler=sampler, size=64, **CALL) for sampler in NAMES]
    for sampler, latents in zip(NAMES, loop.sample(rows), strict=True):
        expected = theirs(starter, "a red fox", sampler)
        assert (latents - expected).abs().max() <= 1e-5 * expected.abs().max(), sampler


def test_the_fitted_map_shows_pictures_as_they_are(starter: Tiny) -> None:
    seen = preview.practice(starter.factor, count=16)[8:]  # not among those it was fitted to
    with torch.inference_mode():
        table = fitted(starter)
        latents = vae.encode(starter.autoencoder, seen)
        drawn = torch.stack([preview.draw(one[None], table, 256) for one in latents])
    shown = drawn.permute(0, 3, 1, 2) / 255
    assert shown.shape == seen.shape
    assert (shown - seen).abs().mean() < 0.1


def test_the_fitted_map_does_not_overshoot_on_latents_of_no_picture(starter: Tiny) -> None:
    latents = torch.randn(starter.shape(64), generator=torch.Generator().manual_seed(9))
    with torch.inference_mode():
        table = fitted(starter)
        drawn = preview.draw(latents, table, 256).permute(2, 0, 1) / 255
        assert (drawn - vae.decode(starter.autoencoder, latents)[0]).abs().mean() < 0.1
