"""Batches: several pictures as one, and one of several."""

from typing import Annotated, Literal

import torch
from msgspec import Meta

from core.engine import patches
from core.engine.context import Context
from core.engine.node import Node
from core.engine.values import Image
from core.errors import Invalid

MAX_PICTURES = 256  # in one batch: a chain of batches that doubles would fill any memory
MAX_PIXELS = 2**28  # of all of them: 3 GiB as numbers


class ImageCollect(Node, tag="image.collect"):
    """Put pictures together into one batch, in the order of the inputs."""

    sizes: Annotated[
        Literal["same", "crop", "stretch"],
        Meta(
            description="Of pictures of another size than the first: same refuses them, crop fills"
            " its size and cuts the rest off, stretch."
        ),
    ] = "same"

    def run(
        self,
        ctx: Context,
        a: Image,
        b: Image | None = None,
        c: Image | None = None,
        d: Image | None = None,
        e: Image | None = None,
        f: Image | None = None,
        g: Image | None = None,
        h: Image | None = None,
    ) -> Image:
        """Join batches; those that are joined may be joined with others again."""
        given = [each.pixels for each in (a, b, c, d, e, f, g, h) if each is not None]
        count = sum(map(len, given))
        height, width = given[0].shape[-2:]
        limit = min(MAX_PICTURES, MAX_PIXELS // (height * width))
        if count > limit:
            raise Invalid("too_many_pictures", pictures=count, limit=limit)
        return Image(pixels=torch.cat([self._fitted(ctx, each, height, width) for each in given]))

    def _fitted(self, ctx: Context, pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
        high, wide = pixels.shape[-2:]
        if (high, wide) == (height, width):
            return pixels
        ctx.check()
        if self.sizes == "same":
            size, wanted = f"{wide} × {high}", f"{width} × {height}"
            raise Invalid("picture_size", size=size, wanted=wanted)
        if self.sizes == "crop":
            scale = max(height / high, width / wide)
            tall, broad = min(high, round(height / scale)), min(wide, round(width / scale))
            top, left = (high - tall) // 2, (wide - broad) // 2
            pixels = pixels[..., top : top + max(1, tall), left : left + max(1, broad)]
        return patches.resize(pixels, height, width)


class ImagePick(Node, tag="image.pick"):
    """Take one picture out of a batch."""

    index: Annotated[
        int,
        Meta(
            ge=-MAX_PICTURES, lt=MAX_PICTURES, description="From 0; negative counts from the end."
        ),
    ] = 0

    def run(self, ctx: Context, image: Image) -> Image:
        """Take it."""
        count = len(image.pixels)
        if not -count <= self.index < count:
            raise Invalid("no_such_picture", index=self.index, pictures=count)
        place = self.index % count
        return Image(pixels=image.pixels[place : place + 1])
