"""The peer: diffusers' pipeline, told on stdin what size to draw, answering in seconds."""

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

    def halves(sample: Any, *args: Any, encoder_hidden_states: Any, **options: Any) -> Any:
        parts = [
            whole(one, *args, encoder_hidden_states=text, **options)
            for one, text in zip(sample.chunk(2), encoder_hidden_states.chunk(2), strict=True)
        ]
        return tuple(torch.cat(both) for both in zip(*parts, strict=True))

    for seed, line in enumerate(sys.stdin):
        width, height, split = map(int, line.split())
        pipe.unet.forward = halves if split else whole
        begun = time.perf_counter()
        pipe(
            ask["prompt"], num_inference_steps=ask["steps"], height=height, width=width,
            guidance_scale=ask["guidance_scale"],
            generator=torch.Generator().manual_seed(seed * 100),
        )  # fmt: skip
        sys.stdout.write(f"{time.perf_counter() - begun}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], json.loads(sys.argv[2]))
