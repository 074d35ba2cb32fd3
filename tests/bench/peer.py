"""The peer: diffusers' pipeline, told on stdin how many pictures to draw, answering in seconds."""

import json
import sys
import time
from typing import Any

import torch
from diffusers import EulerDiscreteScheduler, StableDiffusionPipeline


def main(folder: str, ask: dict[str, Any]) -> None:
    """Load once, then draw at each line."""
    pipe = StableDiffusionPipeline.from_pretrained(
        folder, torch_dtype=torch.float32, safety_checker=None, local_files_only=True
    )
    pipe.scheduler = EulerDiscreteScheduler.from_config(pipe.scheduler.config)
    pipe.set_progress_bar_config(disable=True)
    whole = pipe.unet.forward
    size = pipe.unet.config.sample_size * pipe.vae_scale_factor

    def halves(sample: Any, *args: Any, encoder_hidden_states: Any, **options: Any) -> Any:
        parts = [
            whole(one, *args, encoder_hidden_states=text, **options)
            for one, text in zip(sample.chunk(2), encoder_hidden_states.chunk(2), strict=True)
        ]
        return tuple(torch.cat(both) for both in zip(*parts, strict=True))

    for seed, line in enumerate(sys.stdin):
        count, split = map(int, line.split())
        pipe.unet.forward = halves if split else whole
        begun = time.perf_counter()
        for image in range(count):
            pipe(
                ask["prompt"], num_inference_steps=ask["steps"], height=size, width=size,
                guidance_scale=ask["guidance_scale"],
                generator=torch.Generator().manual_seed(seed * 100 + image),
            )  # fmt: skip
        sys.stdout.write(f"{time.perf_counter() - begun}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
