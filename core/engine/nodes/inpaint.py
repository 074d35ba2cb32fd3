"""Inpainting: a part of a picture is cut out, painted anew, and put back into the picture."""

import torch

from core.engine import masks
from core.engine.context import Context
from core.engine.diffusion import inpaint
from core.engine.models import load
from core.engine.node import Node
from core.engine.nodes.latent import encode_pixels
from core.engine.values import Image, Latent, Mask, Model, Vae

_COVER = 0.5  # the grey that a network made for inpainting sees where it is to paint


class InpaintEncode(Node, tag="inpaint.encode"):
    """Turn a picture and its mask into latents whose masked part is painted anew."""

    def run(self, ctx: Context, model: Model, vae: Vae, image: Image, mask: Mask) -> Latent:
        """Encode each picture; sides are cut to what the autoencoder takes.

        A denoiser that was made for inpainting gets the mask and the covered picture as channels,
        as diffusers' pipeline does it; any other keeps what is black at every step.
        """
        masks.check_fit(mask.values, image.pixels)
        channels, factor = load.latent_size(load.config_of(vae))
        height, width = (side - side % factor for side in image.pixels.shape[-2:])
        pixels, values = image.pixels[..., :height, :width], mask.values[..., :height, :width]
        samples = encode_pixels(ctx, vae, pixels)
        size = tuple(samples.shape[-2:])
        if int(load.config_of(model).get("in_channels", channels)) != inpaint.width(channels):
            return Latent(samples=samples, mask=masks.resize(values, *size))
        hard = (values >= 0.5).to(torch.float32)
        covered = encode_pixels(ctx, vae, torch.where(hard > 0, _COVER, pixels))
        cells = hard[..., ::factor, ::factor].expand(len(samples), 1, *size)
        return Latent(samples=samples, channels=torch.cat([cells, covered], dim=1))
