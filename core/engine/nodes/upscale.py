"""Upscaling: pictures made larger, by a network for it or by Lanczos alone."""

from typing import Annotated

from msgspec import Meta

from core.engine import upscale
from core.engine.context import Context
from core.engine.models import upscalers
from core.engine.node import Node, Upscaler
from core.engine.values import Image
from core.errors import Invalid
from core.graph import sizes

Side = Annotated[int, Meta(ge=8, le=16384, description="Pixels.")]


class UpscaleModel(Node, tag="upscale.model"):
    """Make a picture larger with an upscaler, tile by tile; without one by Lanczos."""

    upscaler: Annotated[
        Upscaler | None, Meta(description="Id or name of an upscaler; null: Lanczos alone.")
    ] = None
    factor: Annotated[
        Annotated[float, Meta(ge=1, le=8)] | None,
        Meta(description="How many times as wide and high; null: 2, or as the size says."),
    ] = None
    width: Annotated[Side | None, Meta(description="Pixels; wins over the factor.")] = None
    height: Annotated[Side | None, Meta(description="Pixels; wins over the factor.")] = None
    tile: Annotated[
        int, Meta(ge=64, le=2048, description="Side of a tile of the given picture, in pixels.")
    ] = 256
    overlap: Annotated[
        int, Meta(ge=0, le=256, description="Pixels that tiles share; at most half of one.")
    ] = 32

    def run(self, ctx: Context, image: Image) -> Image:
        """Enlarge each picture of the batch."""
        if 2 * self.overlap > self.tile:
            raise Invalid("overlap_too_large", overlap=self.overlap, limit=self.tile // 2)
        high, wide = image.pixels.shape[-2:]
        target = sizes.enlarged((wide, high), self.factor, self.width, self.height)
        upscale.check((wide, high), target)
        if self.upscaler is None:
            return Image(pixels=upscale.lanczos(image.pixels, *target[::-1]))
        found = ctx.resource(self.upscaler)
        handle = upscalers.handle_of(
            found.identity, found.path, found.format, found.name or self.upscaler
        )
        cut = upscale.Cut(self.tile, self.overlap)
        return Image(pixels=upscale.enlarge(ctx, handle, image.pixels, target, cut))
