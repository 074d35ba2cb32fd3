"""Masks: which part of a picture is painted anew. White is painted, black is kept."""

from typing import Annotated, Literal

import torch
from msgspec import Meta
from PIL import Image as Pillow
from PIL import ImageOps

from core.engine import masks
from core.engine.context import Context
from core.engine.node import ImageRef, Node
from core.engine.pictures import FORMATS, grey_from_pillow
from core.engine.values import Mask
from core.errors import Malformed

Side = Annotated[int, Meta(ge=8, le=16384, description="Pixels.")]


class MaskLoad(Node, tag="mask.load"):
    """Load a mask: an upload, or a picture of the gallery. White is painted anew."""

    image: Annotated[ImageRef, Meta(description="Id of an upload or of a picture.")]
    channel: Annotated[
        Literal["grey", "alpha"],
        Meta(description="grey: what is white is painted anew; alpha: what is transparent."),
    ] = "grey"
    invert: Annotated[bool, Meta(description="Paint anew what would be kept.")] = False

    def run(self, ctx: Context) -> Mask:
        """Decode the file, turned as its EXIF says; transparency lies on black."""
        resource = ctx.resource(self.image)
        try:
            with Pillow.open(resource.path, formats=FORMATS) as file:
                picture = ImageOps.exif_transpose(file)
                values = grey_from_pillow(picture, alpha=self.channel == "alpha")
        except (OSError, SyntaxError, Pillow.DecompressionBombError) as error:
            raise Malformed("image_unreadable", name=self.image) from error
        opaque_is_kept = self.channel == "alpha"
        return Mask(values=1 - values if self.invert != opaque_is_kept else values)


class MaskGrow(Node, tag="mask.grow"):
    """Make what is painted anew larger, or smaller."""

    pixels: Annotated[
        int, Meta(ge=-512, le=512, description="How far edges move outwards; negative: inwards.")
    ]

    def run(self, ctx: Context, mask: Mask) -> Mask:
        """Grow each mask of the batch."""
        return Mask(values=masks.grow(mask.values, self.pixels))


class MaskBlur(Node, tag="mask.blur"):
    """Feather the edges of a mask, so that new and old blend into each other."""

    radius: Annotated[
        float, Meta(ge=0, le=64, description="Standard deviation in pixels; edges end after three.")
    ] = 4.0

    def run(self, ctx: Context, mask: Mask) -> Mask:
        """Blur each mask of the batch."""
        return Mask(values=masks.blur(mask.values, self.radius))


class MaskInvert(Node, tag="mask.invert"):
    """Paint anew what was kept, and keep the rest."""

    def run(self, ctx: Context, mask: Mask) -> Mask:
        """Turn white into black."""
        return Mask(values=1 - mask.values)


class MaskCombine(Node, tag="mask.combine"):
    """Join two masks into one."""

    mode: Annotated[
        Literal["union", "intersection", "difference"],
        Meta(description="union: white in any; intersection: in both; difference: in a, not in b."),
    ] = "union"

    def run(self, ctx: Context, a: Mask, b: Mask) -> Mask:
        """Join mask by mask; one joins with each of many."""
        few, many = sorted((a.values, b.values), key=len)
        masks.check_fit(few, many)
        if self.mode == "union":
            return Mask(values=torch.maximum(a.values, b.values))
        if self.mode == "intersection":
            return Mask(values=torch.minimum(a.values, b.values))
        return Mask(values=torch.minimum(a.values, 1 - b.values))


class MaskResize(Node, tag="mask.resize"):
    """Stretch a mask to a size."""

    width: Side
    height: Side

    def run(self, ctx: Context, mask: Mask) -> Mask:
        """Resize each mask of the batch."""
        return Mask(values=masks.resize(mask.values, self.height, self.width))
