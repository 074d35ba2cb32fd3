"""Regions: parts of a picture that follow a prompt of their own."""

from typing import Annotated

import torch
from msgspec import Meta, structs

from core.engine import masks, patches
from core.engine.context import Context
from core.engine.node import Node
from core.engine.values import Area, Conditioning, Image, Mask, Region
from core.errors import Invalid
from core.graph.regional import MAX_REGIONS


class PromptRegion(Node, tag="prompt.region"):
    """Let a part of the picture follow a prompt of its own: where the mask is white."""

    weight: Annotated[
        float, Meta(ge=0, le=10, description="How much it counts where regions overlap.")
    ] = 1.0

    def run(
        self, ctx: Context, base: Conditioning, regional: Conditioning, mask: Mask
    ) -> Conditioning:
        """Add a region to those of ``base``; the mask is stretched over the picture."""
        if regional.regions:
            raise Invalid("regions_nested")
        if len(base.regions) >= MAX_REGIONS:
            raise Invalid("too_many_regions", limit=MAX_REGIONS)
        if not torch.isfinite(mask.values).all():
            raise Invalid("mask_not_finite")
        added = Region(conditioning=regional, mask=mask.values.clamp(0, 1), weight=self.weight)
        return structs.replace(base, regions=(*base.regions, added))


class MaskCut(Node, tag="mask.cut"):
    """Cut out of a mask what was cut out of its picture."""

    def run(self, ctx: Context, mask: Mask, image: Image, area: Area) -> Mask:
        """Stretch each mask over the picture, and cut the area out."""
        whole = masks.resize(mask.values, *image.pixels.shape[-2:])
        return Mask(values=patches.cut(whole, area))
