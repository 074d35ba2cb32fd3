"""Autoencoders: pictures to latents and back, with the scaling of the checkpoint.

Knows ``AutoencoderKL`` of diffusers as ``load`` gives it; no batches beyond what it is handed.
"""

from typing import Any

import torch

from core.engine.diffusion import noise, preview
from core.engine.models.load import latent_size


def encode(vae: Any, pixels: torch.Tensor) -> torch.Tensor:
    """Encode pictures (B, 3, H, W) in [0, 1]: (B, C, h, w) float32, scaled, on the device.

    The mode of the posterior and not a sample of it: the same picture gives the same latents,
    so they can be cached. (diffusers' image-to-image samples; the posterior's deviation is far
    below the noise that follows.) Sides are cut to a multiple of the autoencoder's factor.
    """
    _, factor = latent_size(vae.config)
    height, width = (side - side % factor for side in pixels.shape[-2:])
    first = next(vae.parameters())
    centered = 2.0 * pixels[..., :height, :width].to(first.device, torch.float32) - 1.0
    mode = vae.encode(centered.to(first.dtype)).latent_dist.mode().to(torch.float32)
    scaled: torch.Tensor = (mode - (vae.config.shift_factor or 0.0)) * vae.config.scaling_factor
    return scaled


def decode(vae: Any, latents: torch.Tensor) -> torch.Tensor:
    """Decode latents (B, C, h, w) as they were sampled: (B, 3, H, W) float32 in [0, 1].

    What diffusers' ``VaeImageProcessor.postprocess`` gives for tensors.
    """
    first = next(vae.parameters())
    unscaled = latents.to(first.device, torch.float32) / vae.config.scaling_factor
    if vae.config.shift_factor:
        unscaled = unscaled + vae.config.shift_factor
    decoded: torch.Tensor = vae.decode(unscaled.to(first.dtype), return_dict=False)[0]
    return (decoded.to(torch.float32) * 0.5 + 0.5).clamp(0, 1)


def latent_map(vae: Any) -> preview.LatentMap:
    """Fit a map for previews to this autoencoder; a few small pictures are coded for it.

    Half of what it is fitted to are disturbed latents and what they decode to: guesses in the
    middle of denoising are no latents of any picture, and a map of clean ones alone overshoots.
    """
    pictures = preview.practice(latent_size(vae.config)[1])
    clean = encode(vae, pictures).to("cpu")
    disturbed = clean + 0.5 * noise.draw(tuple(clean.shape), noise.generator(0))
    decoded = decode(vae, disturbed).to("cpu")
    return preview.fit(torch.cat([clean, disturbed]), torch.cat([pictures, decoded]))
