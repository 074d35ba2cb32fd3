"""The peer on the same device: diffusers' own pipelines around the same denoisers."""

from collections.abc import Callable
from typing import Any

import torch

from core.engine.diffusion import samplers
from tests.bench import shapes
from tests.bench.shapes import Shape
from tests.bench.studio import GUIDANCE


def pipeline(
    shape: Shape, network: Any, device: torch.device, dtype: torch.dtype
) -> Callable[[int, int], torch.Tensor]:
    """Give what draws ``count`` latents in ``steps``; prompts are given as embeddings."""
    import diffusers

    _, words = shapes.examples(shape, device, dtype)
    told = isinstance(network, shapes.Told)
    parts = dict.fromkeys(("vae", "text_encoder", "tokenizer"))
    scheduler = samplers.make("euler", "default", network.scheduler_config, 1)
    if told:
        parts |= dict.fromkeys(("text_encoder_2", "tokenizer_2"))
        pipe = diffusers.StableDiffusionXLPipeline(
            **parts, unet=network.network, scheduler=scheduler, add_watermarker=False
        )
    else:
        pipe = diffusers.StableDiffusionPipeline(
            **parts, unet=network, scheduler=scheduler, safety_checker=None,
            feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
    pipe.set_progress_bar_config(disable=True)

    def draw(count: int, steps: int) -> torch.Tensor:
        given = {
            "prompt_embeds": words.expand(count, -1, -1),
            "negative_prompt_embeds": 0.9 * words.expand(count, -1, -1),
        }
        if told:
            pooled = network.pooled.expand(count, -1)
            given |= {"pooled_prompt_embeds": pooled, "negative_pooled_prompt_embeds": pooled}
        sources = [torch.Generator().manual_seed(index) for index in range(count)]
        drawn: torch.Tensor = pipe(
            **given, num_inference_steps=steps, guidance_scale=GUIDANCE, generator=sources,
            height=shape.side, width=shape.side, output_type="latent",
        ).images  # fmt: skip
        return drawn.cpu()

    return draw
