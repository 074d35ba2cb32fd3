"""Inpainting: a part of a picture is cut out, painted anew, and put back into the picture."""

from typing import Annotated, NamedTuple

import torch
from msgspec import Meta
from torch.nn import functional

from core.engine import masks, patches
from core.engine.context import Context
from core.engine.diffusion import inpaint
from core.engine.models import load
from core.engine.models.families import family_of
from core.engine.node import Node
from core.engine.nodes.latent import encode_pixels
from core.engine.values import Area, Image, Latent, Mask, Model, Vae

Side = Annotated[int, Meta(ge=8, le=4096, multiple_of=8, description="Pixels, a multiple of 8.")]
_COVER = 0.5  # the grey that a network made for inpainting sees where it is to paint


class Part(NamedTuple):
    """What is to be drawn, its mask, and where it goes back to."""

    image: Image
    mask: Mask
    area: Area


class InpaintCrop(Node, tag="inpaint.crop"):
    """Cut out what is painted anew, at the size it is drawn at: all of a picture or a part."""

    width: Side
    height: Side
    only_masked: Annotated[
        bool, Meta(description="Draw only the surroundings of the mask, at the full size.")
    ] = False
    padding: Annotated[
        int, Meta(ge=0, le=1024, description="Pixels around the mask that are seen, if only that.")
    ] = 32

    def run(self, ctx: Context, image: Image, mask: Mask) -> Part:
        """Cut the same area out of each picture of the batch: every mask lies in it."""
        masks.check_fit(mask.values, image.pixels)
        ratio = self.width / self.height
        area = patches.around(mask.values, self.padding, ratio, image.pixels)
        if not self.only_masked:
            high, wide = image.pixels.shape[-2:]
            area = Area(left=0, top=0, width=wide, height=high)
        pixels = patches.resize(patches.cut(image.pixels, area), self.height, self.width)
        values = masks.resize(patches.cut(mask.values, area), self.height, self.width)
        return Part(Image(pixels=pixels), Mask(values=values), area)


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
        inputs = int(load.config_of(model).get("in_channels", channels))
        beside = inpaint.beside(inputs // family_of(model.family).packed, channels)
        if not beside:
            return Latent(samples=samples, mask=masks.resize(values, *size))
        hard = (values >= 0.5).to(torch.float32)
        covered = encode_pixels(ctx, vae, torch.where(hard > 0, _COVER, pixels))
        if beside == 1:
            cells = hard[..., ::factor, ::factor].expand(len(samples), 1, *size)
            return Latent(samples=samples, channels=torch.cat([cells, covered], dim=1))
        # (B, 1, H, W) -> (B, f · f, h, w): each pixel of the mask, as FLUX Fill sees it
        cells = functional.pixel_unshuffle(hard, factor).expand(len(samples), -1, *size)
        return Latent(samples=samples, channels=torch.cat([covered, cells], dim=1))


class InpaintPaste(Node, tag="inpaint.paste"):
    """Put what was painted anew back into its picture; what the mask keeps stays to the bit."""

    match_colors: Annotated[
        bool, Meta(description="Bring colours and contrast to those of the picture at the edge.")
    ] = False

    def run(self, ctx: Context, image: Image, drawn: Image, mask: Mask, area: Area) -> Image:
        """Blend each drawn picture into the one it was cut from, as the mask says."""
        pasted = patches.paste(
            image.pixels, drawn.pixels, mask.values, area, match=self.match_colors
        )
        return Image(pixels=pasted)
