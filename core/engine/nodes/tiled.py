"""Large latents: enlarged for a second pass, and denoised in tiles that a model can draw."""

from typing import Annotated, Literal

import torch
from msgspec import Meta
from torch.nn import functional

from core.engine.context import Context
from core.engine.diffusion import tiled
from core.engine.diffusion.rows import Row
from core.engine.diffusion.sampler import SamplingLoop
from core.engine.models import load
from core.engine.node import Node
from core.engine.nodes.latent import LatentSample
from core.engine.nodes.model import sibling
from core.engine.values import Latent, Model, Vae
from core.errors import Invalid

_MOST = 4096  # cells of a side: more than a model draws


class LatentResize(Node, tag="latent.resize"):
    """Enlarge or shrink latents, to be denoised further at that size."""

    factor: Annotated[
        float, Meta(ge=0.125, le=8, description="How many times as wide and as high.")
    ] = 2.0
    resample: Annotated[
        Literal["bilinear", "bicubic", "nearest"], Meta(description="How cells are blended.")
    ] = "bilinear"

    def run(self, ctx: Context, latent: Latent) -> Latent:
        """Resample each of the batch, and its mask and channels with it."""
        size = [max(1, round(side * self.factor)) for side in latent.samples.shape[-2:]]
        if max(size) > _MOST:
            raise Invalid("side_too_long", pixels=max(size), limit=_MOST)
        return Latent(
            samples=self._resized(latent.samples, size),
            empty=latent.empty,
            mask=None if latent.mask is None else self._resized(latent.mask, size).clamp(0, 1),
            channels=None if latent.channels is None else self._resized(latent.channels, size),
        )

    def _resized(self, tensor: torch.Tensor, size: list[int]) -> torch.Tensor:
        if list(tensor.shape[-2:]) == size:
            return tensor
        if self.resample == "nearest":
            return functional.interpolate(tensor, size, mode="nearest-exact")
        return functional.interpolate(
            tensor, size, mode=self.resample, align_corners=False, antialias=self.factor < 1
        )


class LatentSampleTiled(LatentSample, tag="latent.sample_tiled"):
    """Denoise latents larger than the model draws, in overlapping tiles that are one picture."""

    tile: Annotated[
        int, Meta(ge=64, le=2048, description="Side of a tile in pixels; best what it draws.")
    ] = 512
    overlap: Annotated[
        int, Meta(ge=0, le=256, description="Pixels that tiles share; at most half of one.")
    ] = 64

    def _seen(self, pixels: tuple[int, int]) -> tuple[int, int]:
        return min(pixels[0], self.tile), min(pixels[1], self.tile)

    def _denoised(self, ctx: Context, model: Model, ready: list[Row]) -> list[torch.Tensor]:
        if 2 * self.overlap > self.tile:
            raise Invalid("overlap_too_large", overlap=self.overlap, limit=self.tile // 2)
        if self.seamless != "off":
            raise Invalid("fields_conflict", field="seamless", other="tile")
        _, factor = load.latent_size(load.config_of(sibling(model, Vae)))
        cells = max(1, self.tile // factor)
        with tiled.split(ready, cells, min(self.overlap // factor, cells // 2)) as parts:
            ctx.engine.get(SamplingLoop).sample(parts)
        return [row.latents for row in ready]
