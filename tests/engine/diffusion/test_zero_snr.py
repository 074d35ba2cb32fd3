"""Stable Diffusion 2 that predicts v, with steps that begin at noise alone: as diffusers has it.

Lin et al. 2023, https://arxiv.org/abs/2305.08891, §3.1 to 3.4.
"""

import warnings
from typing import Any

import pytest
import torch

from core.engine.diffusion import samplers
from core.engine.diffusion.sampler import SamplingLoop
from tests.engine.tiny import BASE, SIZE, Tiny, write_model

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
]
ZERO = {
    **BASE, "_class_name": "DDIMScheduler", "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True, "timestep_spacing": "trailing",
}  # fmt: skip


class Tiny2(Tiny):
    family = "sd2"


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Tiny2:
    import json

    folder = tmp_path_factory.mktemp("models") / "second"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_model(folder, latents=4)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(ZERO), "utf-8")
    return Tiny2(folder)


@pytest.mark.parametrize("rescale", [0.0, 0.7])
@pytest.mark.parametrize(
    "sampler", ["default", "ddim", "euler", "euler_a", "dpmpp_2m", "unipc", "ddpm"]
)
def test_a_row_alone_is_bit_identical_to_the_pipeline(
    second: Tiny2, loop: SamplingLoop, sampler: str, rescale: float
) -> None:
    row = second.row(sampler=sampler, seed=3, rescale=rescale)
    made: Any = second.pipeline("StableDiffusionPipeline", sampler)(
        "a red fox", negative_prompt="", guidance_scale=5.0, guidance_rescale=rescale,
        num_inference_steps=5, width=SIZE, height=SIZE, output_type="latent",
        generator=torch.Generator().manual_seed(3),
    ).images  # fmt: skip
    ours = loop.sample([row])[0]
    assert torch.isfinite(ours).all()
    if rescale:  # a division less than the pipeline's
        assert (ours - made).abs().max() <= 1e-5 * made.abs().max()
    else:
        assert torch.equal(ours, made)


def test_the_first_step_begins_at_noise_alone() -> None:
    scheduler = samplers.make("default", "default", ZERO, 5)
    assert scheduler.timesteps[0] == 999
    assert float(scheduler.alphas_cumprod[999]) == 0
