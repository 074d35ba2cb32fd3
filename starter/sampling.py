"""Pictures from the model, by diffusers' own pipeline: for grids, measurements and checks.

Does not know training.
"""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from transformers import CLIPTextModel, CLIPTokenizer

from starter.diffusion import SCHEDULE

STEPS = 20
GUIDANCE = 3.0
# Timesteps end at the noisiest one, so that the first step decides the background.
# Latents are not clipped: DDIM and DDPM would, unless told otherwise.
SCHEDULER: dict[str, Any] = {
    **SCHEDULE,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
    "steps_offset": 1,
}
SHOWN = (
    "a 3d red fox on a blue background",
    "a flat panda on a green background",
    "a cartoon penguin on a light blue background",
    "a 3d hamburger on a white background",
    "a flat cactus on a yellow background",
    "a 3d sunflower on a purple background",
    "a cartoon cat on a pink background",
    "a 3d rocket on a black background",
    "a flat red apple on a gray background",
    "a 3d owl on an orange background",
    "a cartoon house on a blue background",
    "a flat frog on a brown background",
    "a 3d dog on a yellow background",
    "a 3d strawberry on a green background",
    "a flat umbrella on a white background",
    "a cartoon snowman on a red background",
    "a 3d mushroom on a blue to pink gradient background",
    "a flat pineapple on a light blue background",
    "a 3d octopus on a white background",
    "a cartoon watermelon on a black background",
    "a fox",
    "a small flat star on the left on a black background",
    "a 3d tree on the left and a car on the right, yellow background",
    "a flat whale next to a balloon on a pink background",
)


def make_pipeline(
    vae: AutoencoderKL,
    text: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
) -> StableDiffusionPipeline:
    """Put the parts together in the Stable Diffusion layout."""
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=text,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=DPMSolverMultistepScheduler.from_config(SCHEDULER),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def load_pipeline(folder: Path) -> StableDiffusionPipeline:
    """Load an export in single precision, which every processor computes in."""
    pipeline = StableDiffusionPipeline.from_pretrained(folder, local_files_only=True)
    pipeline.set_progress_bar_config(disable=True)
    for part in (pipeline.vae, pipeline.text_encoder, pipeline.unet):
        part.float()
    return pipeline


def draw_pictures(
    pipeline: StableDiffusionPipeline,
    prompts: Iterable[str],
    *,
    seed: int = 0,
    steps: int = STEPS,
    guidance: float = GUIDANCE,
    batch: int = 0,
) -> Iterator[Image.Image]:
    """Draw one picture a prompt; the n-th has the seed `seed + n`, whatever the batch."""
    left = list(prompts)
    batch = batch or (128 if pipeline.device.type == "cuda" else 16)
    for start in range(0, len(left), batch):
        part = left[start : start + batch]
        draws = [
            torch.Generator("cpu").manual_seed(seed + start + place) for place in range(len(part))
        ]
        with torch.inference_mode():
            yield from pipeline(
                part, num_inference_steps=steps, guidance_scale=guidance, generator=draws
            ).images


def make_grid(pictures: Iterable[Image.Image], columns: int = 8, gap: int = 2) -> Image.Image:
    """Lay pictures of one size out in rows."""
    tiles = list(pictures)
    side = tiles[0].width + gap
    rows = math.ceil(len(tiles) / columns)
    grid = Image.new("RGB", (columns * side + gap, rows * side + gap), "white")
    for place, tile in enumerate(tiles):
        grid.paste(tile, (gap + place % columns * side, gap + place // columns * side))
    return grid
