"""Autoencoders: pictures to latents and back, with the scaling of the checkpoint.

Knows ``AutoencoderKL`` of diffusers as ``load`` gives it; no batches beyond what it is handed.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch

from core.engine.carrier import place_of
from core.engine.diffusion import noise, preview
from core.engine.diffusion.seamless import Seamless, continued, margin, wrapped
from core.engine.models.load import latent_size
from core.errors import ModelNotFinite

Coder = Callable[[torch.Tensor], torch.Tensor]


def encode(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures (B, 3, H, W) in [0, 1]: (B, C, h, w) float32, scaled, on the device.

    The mode of the posterior and not a sample of it: the same picture gives the same latents,
    so they can be cached. (diffusers' image-to-image samples; the posterior's deviation is far
    below the noise that follows.) Sides are cut to a multiple of the autoencoder's factor.

    :raises ModelNotFinite: when what comes out is no number, as where float16 does not suffice.
    """
    _, factor = latent_size(vae.config)
    height, width = (side - side % factor for side in pixels.shape[-2:])
    centered = 2.0 * pixels[..., :height, :width].to(place_of(vae), torch.float32) - 1.0
    mode = vae.encode(centered.to(_format(vae))).latent_dist.mode().to(torch.float32)
    _check(mode)
    if (spread := _spread(vae, mode)) is not None:
        mean, deviation = spread
        normed: torch.Tensor = (mode - mean) * vae.config.scaling_factor / deviation
        return normed
    scaled: torch.Tensor = (mode - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor
    return scaled


def decode(vae: Any, latents: torch.Tensor, seamless: Seamless = "off") -> torch.Tensor:
    """Decode latents (B, C, h, w) as they were sampled: (B, 3, H, W) float32 in [0, 1].

    What diffusers' ``VaeImageProcessor.postprocess`` gives for tensors. A tile must not go on at
    its own other side: in tiles a seamless picture is decoded with a margin, which is cut off.

    :raises ModelNotFinite: when what comes out is no number, as where float16 does not suffice.
    """
    if seamless != "off":
        if not vae.use_tiling:
            with wrapped(seamless):
                return decode(vae, latents)
        across, down = margin(latents, seamless)
        wide = decode(vae, continued(latents, across, down))
        scale = wide.shape[-1] // (latents.shape[-1] + 2 * across)
        height, width = (side * scale for side in latents.shape[-2:])
        left, top = across * scale, down * scale
        return wide[..., top : top + height, left : left + width]
    there = latents.to(place_of(vae), torch.float32)
    unscaled = there / vae.config.scaling_factor
    if (spread := _spread(vae, there)) is not None:
        mean, deviation = spread
        unscaled = there * deviation / vae.config.scaling_factor + mean
    elif vae.config.shift_factor:
        unscaled = unscaled + vae.config.shift_factor
    decoded: torch.Tensor = vae.decode(unscaled.to(_format(vae)), return_dict=False)[0]
    _check(decoded)
    return (decoded.to(torch.float32) * 0.5 + 0.5).clamp(0, 1)


def least(vae: Any, shape: Sequence[int], *, latent: bool) -> int:
    """Count the bytes that coding a picture as a whole takes at least.

    Where a network has the picture's full size there are three tensors of its widest channels at
    once: what a convolution is given, what it makes, and what is added to that afterwards.

    :param shape: of the picture (1, 3, H, W), or of its latents (1, C, h, w).
    """
    channels: list[int] = list(vae.config.block_out_channels)
    pixels = math.prod(shape[-2:]) * (latent_size(vae.config)[1] ** 2 if latent else 1)
    # The decoder enlarges to the full size what the level before has made.
    wide = channels[:2][-1] if latent else channels[0]
    return 3 * wide * pixels * _format(vae).itemsize


def tiles(vae: Any, side: int, *, latent: bool) -> bool:
    """Say whether a picture has more than one tile: ``side`` is its longest, perhaps latent."""
    return side > int(vae.tile_latent_min_size if latent else vae.tile_sample_min_size)


@contextmanager
def tiled(vae: Any) -> Iterator[None]:
    """Let an autoencoder work tile by tile inside: less memory, blended seams."""
    vae.enable_tiling()
    try:
        yield
    finally:
        vae.disable_tiling()


def latent_map(factor: int, encode: Coder, decode: Coder) -> preview.LatentMap:
    """Fit a map for previews to an autoencoder; a few small pictures are coded for it.

    Half of what it is fitted to are disturbed latents and what they decode to: guesses in the
    middle of denoising are no latents of any picture, and a map of clean ones alone overshoots.

    :param factor: pixels per latent pixel, each way.
    :param encode: this module's ``encode`` with the autoencoder; the result lies on the CPU.
    :param decode: likewise.
    """
    pictures = preview.practice(factor)
    clean = encode(pictures)
    disturbed = clean + 0.5 * noise.draw(tuple(clean.shape), noise.generator(0))
    decoded = decode(disturbed)
    return preview.fit(torch.cat([clean, disturbed]), torch.cat([pictures, decoded]))


def _spread(vae: Any, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Give mean and deviation of each channel, (1, C, 1, 1), where the checkpoint says them."""
    told = getattr(vae.config, "latents_mean", None), getattr(vae.config, "latents_std", None)
    if None in told:
        return None
    mean, deviation = (torch.tensor(one).view(1, -1, 1, 1).to(latents) for one in told)
    return mean, deviation


def _check(made: torch.Tensor) -> None:
    if not bool(made.isfinite().all()):
        raise ModelNotFinite


def _format(vae: Any) -> torch.dtype:
    """Give the number format of the weights, which is known even where they are not at hand."""
    found: torch.dtype = next(vae.parameters()).dtype
    return found
