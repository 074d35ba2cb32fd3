"""Calls: how each kind of network is asked for a prediction, and each kind of ControlNet.

A batch holds all that any of them is told; a call hands on what its kind takes. Which kind a
family has stands in ``models.families``. Knows neither rows nor schedulers.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from core.engine.values import Sizes

_LIKED, _DISLIKED = 6.0, 2.5  # aesthetic scores of the two halves, as diffusers has them


class Batch(NamedTuple):
    """What a network is told of E entries; tensors are on its device."""

    sample: torch.Tensor  # (E, C + K, h, w): scaled latents, and the channels beside them
    timesteps: torch.Tensor  # (E,) float32
    tokens: torch.Tensor  # (E, T, D)
    pooled: torch.Tensor | None = None  # (E, P)
    guidance: torch.Tensor | None = None  # (E,) float32: scales, where a network itself is told
    sizes: tuple[tuple[int, int], ...] = ()  # height and width of each picture, in pixels
    told: tuple[Sizes, ...] = ()  # what each prompt says of sizes
    conditional: tuple[bool, ...] = ()  # of each: whether it is no unconditional half
    residuals: tuple[torch.Tensor, ...] = ()  # what ControlNets add, the outermost first

    def only(self, entries: Sequence[int]) -> "Batch":
        """Take some entries, without telling the device where they are."""
        if len(entries) == len(self.sample):
            return self

        def some(tensor: torch.Tensor | None) -> Any:
            if tensor is None:
                return None
            return torch.cat([tensor[place : place + 1] for place in entries])

        return Batch(
            some(self.sample),
            some(self.timesteps),
            some(self.tokens),
            some(self.pooled),
            some(self.guidance),
            tuple(self.sizes[place] for place in entries),
            tuple(self.told[place] for place in entries),
            tuple(self.conditional[place] for place in entries),
            tuple(some(one) for one in self.residuals),
        )


Call = Callable[[Any, Batch], torch.Tensor]  # network, batch → predictions (E, C, h, w)
# ControlNet, batch, pictures (E, 3, H, W) → residuals, the outermost first
NetCall = Callable[[Any, Batch, torch.Tensor], list[torch.Tensor]]
# configuration of a network, guidance scale → what it is told of it; None where it is guided
Told = Callable[[Any, float], float | None]


def unet(network: Any, batch: Batch, **told: Any) -> torch.Tensor:
    """Call diffusers' ``UNet2DConditionModel`` of Stable Diffusion 1 and 2.

    :param told: what it takes besides.
    """
    if batch.guidance is not None:
        width = int(network.config.time_cond_proj_dim)
        told["timestep_cond"] = _embedded(batch.guidance, width).to(batch.sample.dtype)
    if batch.residuals:
        told["down_block_additional_residuals"] = batch.residuals[:-1]
        told["mid_block_additional_residual"] = batch.residuals[-1]
    made: torch.Tensor = network(
        batch.sample,
        batch.timesteps,
        encoder_hidden_states=batch.tokens,
        return_dict=False,
        **told,
    )[0]
    return made


def distilled(config: Any, guidance_scale: float) -> float | None:
    """Give what a UNet that was distilled with its guidance is told (latent consistency models).

    Luo et al. 2023, https://arxiv.org/abs/2310.04378, §4.2; less 1, as diffusers has it.
    """
    told = getattr(config, "time_cond_proj_dim", None) is not None
    return guidance_scale - 1 if told else None


def net(network: Any, batch: Batch, pictures: torch.Tensor, **told: Any) -> list[torch.Tensor]:
    """Call diffusers' ``ControlNetModel`` of Stable Diffusion 1 and 2."""
    down, middle = network(
        batch.sample,
        batch.timesteps,
        encoder_hidden_states=batch.tokens,
        controlnet_cond=pictures,
        conditioning_scale=1.0,
        return_dict=False,
        **told,
    )
    return [*down, middle]


def unet_xl(network: Any, batch: Batch) -> torch.Tensor:
    """Call the ``UNet2DConditionModel`` of Stable Diffusion XL, which is told of sizes as well."""
    return unet(network, batch, added_cond_kwargs=_sized(batch))


def unet_refiner(network: Any, batch: Batch) -> torch.Tensor:
    """Call the refiner of Stable Diffusion XL, which is told how beautiful the picture is."""
    scores = [_LIKED if one else _DISLIKED for one in batch.conditional]
    # Of the sizes it is told only what was, not what is drawn.
    ids = [(*numbers[:4], score) for numbers, score in zip(_numbers(batch), scores, strict=True)]
    return unet(network, batch, added_cond_kwargs=_conditions(batch, ids))


def net_xl(network: Any, batch: Batch, pictures: torch.Tensor) -> list[torch.Tensor]:
    """Call a ``ControlNetModel`` of Stable Diffusion XL."""
    return net(network, batch, pictures, added_cond_kwargs=_sized(batch))


def _sized(batch: Batch) -> dict[str, torch.Tensor]:
    return _conditions(batch, _numbers(batch))


def _numbers(batch: Batch) -> list[tuple[int, ...]]:
    return [told.numbers(size) for told, size in zip(batch.told, batch.sizes, strict=True)]


def _conditions(batch: Batch, ids: Sequence[tuple[float, ...]]) -> dict[str, torch.Tensor]:
    assert batch.pooled is not None  # checked before there is a row
    there = torch.tensor(ids, dtype=batch.tokens.dtype)  # (E, 5 or 6) on the CPU
    return {
        "text_embeds": batch.pooled,
        "time_ids": there.to(batch.tokens.device, non_blocking=True),
    }


def _embedded(scales: torch.Tensor, width: int) -> torch.Tensor:
    """Embed guidance scales (E,) in sines and cosines, (E, width), as timesteps are."""
    half = width // 2
    step = math.log(10000.0) / (half - 1)
    frequencies = torch.exp(torch.arange(half, device=scales.device) * -step)
    angles = scales[:, None] * 1000.0 * frequencies[None, :]
    made = torch.cat([torch.sin(angles), torch.cos(angles)], dim=1)
    return functional.pad(made, (0, width % 2))
