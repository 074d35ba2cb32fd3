"""Outpainting: a picture gets new room at its sides, filled so that painting has a start."""

from typing import Annotated, Literal, NamedTuple

import torch
from msgspec import Meta

from core.engine import patches
from core.engine.context import Context
from core.engine.diffusion import noise
from core.engine.node import Node, Seed
from core.engine.values import Image, Mask
from core.errors import Invalid

Room = Annotated[int, Meta(ge=0, le=2048, description="Pixels of new room at this side.")]
_LONGEST = 16384  # pixels of a side, as of a picture that is loaded


class Extended(NamedTuple):
    """The larger picture, and a mask that is white where it is new."""

    image: Image
    mask: Mask


class OutpaintExtend(Node, tag="outpaint.extend"):
    """Make a picture larger at any sides. What is new is white in the mask, to be painted."""

    left: Room = 0
    right: Room = 0
    top: Room = 0
    bottom: Room = 0
    infill: Annotated[
        Literal["edge", "tile", "noise"],
        Meta(description="edge: stretch the border; tile: mirror the picture; noise: its colours."),
    ] = "edge"
    seed: Annotated[Seed, Meta(description="Of the noise.")] = 0

    def run(self, ctx: Context, image: Image) -> Extended:
        """Extend each picture of the batch; the old pixels stay to the bit."""
        sides = (self.left, self.right, self.top, self.bottom)
        high, wide = image.pixels.shape[-2:]
        longest = max(wide + self.left + self.right, high + self.top + self.bottom)
        if not any(sides):
            raise Invalid("nothing_to_extend")
        if longest > _LONGEST:
            raise Invalid("side_too_long", pixels=longest, limit=_LONGEST)
        old = image.pixels
        filled = patches.extend(old, sides, mirror=self.infill == "tile")
        inside = (..., slice(self.top, self.top + high), slice(self.left, self.left + wide))
        if self.infill == "noise":
            filled = torch.cat([self._noise(one, filled, index) for index, one in enumerate(old)])
            filled[inside] = old
        values = torch.ones(1, 1, *filled.shape[-2:])
        values[inside] = 0
        return Extended(Image(pixels=filled), Mask(values=values))

    def _noise(self, one: torch.Tensor, filled: torch.Tensor, index: int) -> torch.Tensor:
        """Draw noise with the mean and the spread of the picture's colours, (1, 3, H, W)."""
        drawn = noise.draw((1, *filled.shape[1:]), noise.generator(self.seed, index))
        mean = one.mean(dim=(-2, -1), keepdim=True)
        spread = one.std(dim=(-2, -1), keepdim=True, correction=0)
        return (mean + spread * drawn).clamp(0, 1)
