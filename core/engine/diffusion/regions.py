"""Regions: parts of a picture that follow a prompt of their own, in one forward with the rest.

The network sees the whole picture once for each prompt, and in every cell the predictions are
mixed by weight (Bar-Tal et al. 2023, "MultiDiffusion", https://arxiv.org/abs/2302.08113, eq. 5).
Knows one row's predictions; neither loops nor pictures.
"""

from collections.abc import Callable, Sequence

import torch

from core.engine.diffusion.prompted import Prompted

Cut = Callable[[torch.Tensor], torch.Tensor]


def whole(picture: torch.Tensor) -> torch.Tensor:
    """Cut nothing off."""
    return picture


class Regions:
    """The regions of a row: what each is conditioned on, and where it counts.

    :param weights: (R, 1, h, w), 0 and above. What they leave of 1 is the whole picture's prompt's;
        where they are more than 1 together, they share.
    :param prompts: of each, shaped as the row's own.
    """

    def __init__(self, weights: torch.Tensor, prompts: Sequence[Prompted]) -> None:
        total = weights.sum(dim=0, keepdim=True)
        rest = (1 - total).clamp_min(0)
        self._shares = torch.cat([rest, weights]) / (rest + total)  # (1 + R, 1, h, w)
        self.prompts = tuple(prompts)

    def enter(self, device: torch.device, dtype: torch.dtype) -> None:
        """Move onto the device; does nothing when it is there."""
        self._shares = self._shares.to(device)
        self.prompts = tuple(one.to(device, dtype) for one in self.prompts)

    def blend(self, predictions: Sequence[torch.Tensor], cut: Cut = whole) -> torch.Tensor:
        """Mix the predictions of the whole picture's prompt and of each region's, (1, C, h, w).

        :param cut: takes out the part of the picture that the predictions are of.
        """
        return (cut(self._shares) * torch.cat(list(predictions))).sum(dim=0, keepdim=True)
