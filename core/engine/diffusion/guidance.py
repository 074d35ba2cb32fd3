"""Classifier-free guidance (Ho and Salimans 2022, https://arxiv.org/abs/2207.12598, eq. 6).

Pure functions of predictions; the halves of a batch are laid out in ``sampler``.
"""

import torch


def guided(guidance_scale: float) -> bool:
    """Say whether a scale needs the unconditional half: above 1, as in diffusers."""
    return guidance_scale > 1


def combine(
    unconditional: torch.Tensor, conditional: torch.Tensor, guidance_scale: float
) -> torch.Tensor:
    """Push the conditional prediction away from the unconditional one; all (1, C, h, w)."""
    return unconditional + guidance_scale * (conditional - unconditional)
