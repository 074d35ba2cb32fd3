"""The model that ships with us, with adapters: its pictures are diffusers' own to 1/255."""

from pathlib import Path

import pytest
import torch

from core.engine.adapters.merge import adapt
from core.engine.diffusion import noise, rows, samplers
from core.engine.diffusion.guidance import Guidance
from core.engine.diffusion.prompted import Prompted
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import text, vae
from core.paths import shipped
from tests.engine import adapter_files as files
from tests.engine.adapters.test_merge import with_adapters
from tests.engine.tiny import Tiny, floor

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning"),
    pytest.mark.slow,
    pytest.mark.timeout(240),
]


def tensors(starter: Tiny) -> files.Tensors:
    """Adapters on every attention of both networks, in kohya's names."""
    made: files.Tensors = {}
    for start, network, ends in (
        ("lora_unet_", starter.network, ("to_q", "to_k", "to_v", "to_out.0")),
        ("lora_te_text_model_", starter.encoder, ("q_proj", "k_proj", "v_proj", "out_proj")),
    ):
        for name, module in network.named_modules():
            if name.endswith(ends) and isinstance(module, torch.nn.Linear):
                stem = start + name.replace(".", "_")
                factors = files.lora(module.weight.shape, seed=len(name))
                made[f"{stem}.lora_down.weight"] = factors["down"] * 0.5
                made[f"{stem}.lora_up.weight"] = factors["up"] * 0.5
                made[f"{stem}.alpha"] = torch.tensor(2.0)
    return made


def pixels(starter: Tiny, latents: torch.Tensor) -> torch.Tensor:
    return vae.decode(starter.autoencoder, latents).clamp(0, 1)


@torch.inference_mode()
def test_a_picture_of_the_starter_with_an_adapter_is_the_one_of_diffusers(tmp_path: Path) -> None:
    starter = Tiny(shipped("starter"))
    one = files.write(tmp_path, "ink", tensors(starter))
    network = adapt(with_adapters(starter.model, (one, 0.7)), starter.network).module
    encoder = adapt(with_adapters(starter.text_encoder, (one, 0.7)), starter.encoder).module
    plain = pixels(starter, drawn(starter, starter.network, starter.encoder))
    made = pixels(starter, drawn(starter, network, encoder))
    pipeline = Tiny(starter.folder).pipeline("StableDiffusionPipeline", "euler")
    pipeline.load_lora_weights(one.path, adapter_name="ink")
    pipeline.set_adapters(["ink"], [0.7])
    latents = pipeline(
        "a red fox", negative_prompt="", width=64, height=64, num_inference_steps=4,
        guidance_scale=3.0, generator=torch.Generator().manual_seed(4), output_type="latent",
    ).images  # fmt: skip
    expected = pixels(starter, latents)
    assert (made - expected).abs().max() <= 1 / 255
    assert (made - plain).abs().max() > 10 / 255


def drawn(starter: Tiny, network: torch.nn.Module, encoder: torch.nn.Module) -> torch.Tensor:
    scheduler = samplers.make("euler", "default", starter.network.scheduler_config, 4)
    start = noise.draw(starter.shape(64), noise.generator(4))
    row = rows.Row(
        network=network, scheduler=scheduler, latents=rows.from_noise(scheduler, start),
        positive=Prompted(text.encode(encoder, "a red fox")),
        negative=Prompted(text.encode(encoder, "")),
        guidance=Guidance(3.0), steps=4,
    )  # fmt: skip
    return SamplingLoop(floor()).sample([row])[0]
