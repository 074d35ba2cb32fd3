"""Calls of the transformers that follow a flow: FLUX and Stable Diffusion 3.

Both see a picture as patches of two by two cells. Latents with an odd side go on at the other side
by one cell, which is cut off again. Knows a batch; neither rows nor schedulers.
"""

from typing import Any

import torch
from torch.nn import functional

from core.engine.diffusion.calls import Batch

PATCH = 2  # cells, each way
_TIME = 1000  # FLUX is told of time as a share of this


def flux(network: Any, batch: Batch) -> torch.Tensor:
    """Call diffusers' ``FluxTransformer2DModel``.

    A network that is guidance-distilled is told the scale of each entry; any other is not. The
    channels of a network made for filling are beside the latents: masked ones, then the mask.
    """
    sample = even(batch.sample)
    height, width = (side // PATCH for side in sample.shape[-2:])
    told = batch.guidance if network.config.guidance_embeds else None
    made = network(
        hidden_states=packed(sample),
        timestep=batch.timesteps / _TIME,
        guidance=told,
        pooled_projections=batch.pooled,
        encoder_hidden_states=batch.tokens,
        txt_ids=torch.zeros(batch.tokens.shape[1], 3, device=sample.device),
        img_ids=_places(height, width, sample.device),
        return_dict=False,
    )[0]
    return _like(unpacked(made, height, width), batch.sample)


def told(config: Any, guidance_scale: float) -> float:
    """Give what FLUX is told of guidance: all of it, since each was distilled with its guidance."""
    return guidance_scale


def sd3(network: Any, batch: Batch) -> torch.Tensor:
    """Call diffusers' ``SD3Transformer2DModel``."""
    made = network(
        hidden_states=even(batch.sample),
        timestep=batch.timesteps,
        encoder_hidden_states=batch.tokens,
        pooled_projections=batch.pooled,
        return_dict=False,
    )[0]
    return _like(made, batch.sample)


def even(sample: torch.Tensor) -> torch.Tensor:
    """Give (E, C, h, w) sides that patches fit: what is lacking is taken from the other side."""
    height, width = sample.shape[-2:]
    if height % PATCH == 0 and width % PATCH == 0:
        return sample
    return functional.pad(sample, (0, width % PATCH, 0, height % PATCH), mode="circular")


def packed(sample: torch.Tensor) -> torch.Tensor:
    """Make each patch a token: (E, C, h, w) -> (E, h/2 · w/2, 4 · C)."""
    return functional.pixel_unshuffle(sample, PATCH).flatten(2).transpose(1, 2)


def unpacked(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Lay out what ``packed`` made of ``height`` × ``width`` patches: (E, C, h, w)."""
    laid = tokens.transpose(1, 2).reshape(len(tokens), -1, height, width)
    return functional.pixel_shuffle(laid, PATCH)


def _like(made: torch.Tensor, sample: torch.Tensor) -> torch.Tensor:
    return made[..., : sample.shape[-2], : sample.shape[-1]]


def _places(height: int, width: int, device: torch.device) -> torch.Tensor:
    """Give where each patch lies, (h/2 · w/2, 3): nothing, row, column."""
    rows = torch.arange(height, device=device, dtype=torch.float32)
    columns = torch.arange(width, device=device, dtype=torch.float32)
    grid = torch.meshgrid(rows, columns, indexing="ij")
    return torch.stack([torch.zeros_like(grid[0]), *grid], dim=-1).flatten(0, 1)
