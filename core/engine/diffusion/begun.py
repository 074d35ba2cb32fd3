"""Beginnings: from which latents, at which step, and with which noise a picture is denoised.

Knows schedulers and latents; neither networks nor prompts.
"""

from typing import Any, NamedTuple

import torch

from core.engine.diffusion import noise, rows
from core.engine.values import Latent


class Begun(NamedTuple):
    """Where a row begins."""

    latents: torch.Tensor  # (1, C, h, w) float32
    drawn: torch.Tensor  # the noise in them, likewise
    source: torch.Generator  # draws what noise follows
    begin: int  # index into the scheduler's timesteps
    steps: int  # that are taken; 0 where the picture stays as it is


def begun(
    scheduler: Any,
    latent: Latent,
    index: int,
    steps: int,
    strength: float,
    seed: int,
    variation: noise.Variation,
) -> Begun:
    """Draw the noise of the picture ``index`` of a batch, and bring it to where it begins."""
    start = latent.samples[index : index + 1]
    drawn, source = noise.begin(tuple(start.shape), seed, index, variation)
    if latent.empty:
        return Begun(rows.from_noise(scheduler, drawn), drawn, source, 0, steps)
    begin, taken = rows.begin_index(steps, strength, scheduler)
    if not taken:
        return Begun(start, drawn, source, begin, 0)
    latents = rows.from_picture(scheduler, start, drawn, begin)
    if not begin and (latent.mask is not None or latent.channels is not None):
        latents = rows.from_noise(scheduler, drawn)  # nothing of the free part stays
    return Begun(latents, drawn, source, begin, taken)
