"""Inpainting: a row that keeps a part of a picture, brought back at every step.

After each evaluation of the network the kept cells are replaced by the clean latents, noised to
where the row then stands. A soft mask is a map of when: a cell of value m is kept until the share
1 - m of the steps is done, and free from then on (Levin and Fried 2023, "Differential Diffusion",
https://arxiv.org/abs/2306.00950, algorithm 1); with a hard mask this is what diffusers'
``StableDiffusionInpaintPipeline`` does. Knows one row and its scheduler; no loop, no pictures.
"""

import math
from typing import Any

import torch

from core.engine.diffusion import flow

_NEVER = 1 - 1e-3  # threshold of the first steps: a cell that is all white is free from the start


class Kept:
    """What a row keeps of its picture.

    :param mask: (1, 1, h, w) in [0, 1]; 1 is free, 0 is kept to the end.
    :param clean: the picture's latents, (1, C, h, w) float32.
    :param drawn: the noise that the row began with, likewise.
    """

    def __init__(self, mask: torch.Tensor, clean: torch.Tensor, drawn: torch.Tensor) -> None:
        self._mask = mask
        self._clean = clean
        self._drawn = drawn

    def enter(self, device: torch.device) -> None:
        """Move onto the device; does nothing when it is there."""
        self._mask = self._mask.to(device)
        self._clean = self._clean.to(device)
        self._drawn = self._drawn.to(device)

    def blend(
        self, latents: torch.Tensor, level: tuple[float, float], done: int, steps: int
    ) -> torch.Tensor:
        """Bring back what is kept, after ``done`` of ``steps``; waits for nothing.

        :param level: signal and noise where the latents stand, of ``level_after``.
        """
        signal, rest = level
        threshold = min(1 - done / steps, _NEVER)
        kept = self._clean * signal + self._drawn * rest
        return torch.where(self._mask > threshold, latents, kept)


def beside(inputs: int, channels: int) -> int:
    """Count the channels for a mask that a network has beside latents and masked latents.

    One: the mask by cells. A square: the mask by pixels, so many in a cell. None where the network
    was not made for inpainting.

    :param inputs: channels of all that it sees of a cell; ``channels`` of latents.
    """
    rest = inputs - 2 * channels
    return rest if rest > 0 and math.isqrt(rest) ** 2 == rest else 0


def level_after(scheduler: Any, upcoming: torch.Tensor | None) -> tuple[float, float]:
    """Give the shares of signal and of noise in the latents that the last ``step`` returned.

    Read on the CPU, where the scheduler's tables lie: two numbers, noised by the scheduler itself.

    :param upcoming: the timestep that follows; ``None`` after the last, where no noise is left.
    """
    if upcoming is None:
        return 1.0, 0.0
    if hasattr(scheduler, "sigmas_interpol") and not scheduler.state_in_first_order:
        # Between the halves of a DPM2 step the latents lie at a sigma in the middle, which
        # ``add_noise`` does not know and the scaling of the network's input does.
        scaled = float(scheduler.scale_model_input(torch.ones(1), upcoming))
        return 1.0, math.sqrt(max(scaled**-2 - 1, 0.0))
    signal, rest = flow.noised(
        scheduler,
        torch.tensor([1.0, 0.0]).view(2, 1, 1, 1),
        torch.tensor([0.0, 1.0]).view(2, 1, 1, 1),
        upcoming.reshape(1),
    ).flatten()
    return float(signal), float(rest)
