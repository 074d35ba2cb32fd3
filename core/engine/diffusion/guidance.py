"""Classifier-free guidance (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598, eq. 6).

Pure functions of predictions; a row lays out its halves, ``forward`` its batch.
"""

from typing import NamedTuple

import torch

_FLAT = 1e-12  # a prediction that is the same everywhere has no spread to bring back


class Guidance(NamedTuple):
    """How a row is guided, and at which of its steps."""

    scale: float = 1.0
    rescale: float = 0.0  # 0 … 1: how far the spread is brought back to the conditional one's
    start: float = 0.0  # shares of the steps: guided where a step lies between the two
    end: float = 1.0

    @property
    def ever(self) -> bool:
        """Say whether any step could be guided."""
        return guided(self.scale) and self.start < self.end

    def at(self, done: int, steps: int) -> bool:
        """Say whether the step after ``done`` of ``steps`` is guided: it lies all inside."""
        return self.ever and done / steps >= self.start and (done + 1) / steps <= self.end


def guided(guidance_scale: float) -> bool:
    """Say whether a scale needs the unconditional half: above 1, as in diffusers."""
    return guidance_scale > 1


def combine(
    unconditional: torch.Tensor,
    conditional: torch.Tensor,
    guidance_scale: float,
    rescale: float = 0.0,
) -> torch.Tensor:
    """Push the conditional prediction away from the unconditional one; all (1, C, h, w).

    A large scale widens the spread of the prediction and washes out the picture: ``rescale`` is
    the share of it that is taken back (Lin et al. 2023, https://arxiv.org/abs/2305.08891,
    eq. 15 and 16).
    """
    pushed = unconditional + guidance_scale * (conditional - unconditional)
    if not rescale:
        return pushed
    dims = list(range(1, pushed.ndim))
    narrow = conditional.std(dim=dims, keepdim=True) / pushed.std(dim=dims, keepdim=True).clamp_min(
        _FLAT
    )
    return rescale * (pushed * narrow) + (1 - rescale) * pushed
