"""Estimates: the picture that one prediction stands for, long before the last step.

Knows schedulers' tables and formulas; neither rows nor how a picture is shown.
"""

import math
from typing import Any

import torch

from core.engine.diffusion import flow


def denoised(
    scheduler: Any, scaled: torch.Tensor, prediction: torch.Tensor, timestep: torch.Tensor
) -> torch.Tensor:
    """Estimate the clean latents from one prediction, (1, C, h, w); for previews.

    x_0 of Ho et al. 2020 (https://arxiv.org/abs/2006.11239, eq. 15), or of Salimans and Ho 2022
    (https://arxiv.org/abs/2202.00512, appendix D) for v. Every scheduler of the table gives the
    network variance-preserving inputs, so one formula serves all; along a flow the prediction is
    the way itself.
    """
    if flow.matches(scheduler):
        return scaled - flow.level(scheduler, float(timestep)) * prediction
    table = getattr(scheduler, "alphas_cumprod", None)
    if table is None:
        return scaled
    index = min(max(round(float(timestep)), 0), len(table) - 1)
    share = float(table[index])  # of the signal; the table lies on the CPU
    signal, rest = math.sqrt(max(share, 1e-8)), math.sqrt(1 - share)
    kind = scheduler.config.prediction_type
    if kind == "v_prediction":
        return signal * scaled - rest * prediction
    if kind == "epsilon":
        return (scaled - rest * prediction) / signal
    return prediction
