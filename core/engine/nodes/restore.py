"""Repair: faces drawn over again by a network that knows nothing else."""

from typing import Annotated

import torch
from msgspec import Meta

from core.engine import faces, masks, patches
from core.engine.context import Context
from core.engine.models import upscalers
from core.engine.node import Node, Restorer
from core.engine.values import Area, Handle, Image, Mask


class RestoreFaces(Node, tag="restore.faces"):
    """Draw a face over again, sharper: the one that the mask marks, or the whole picture."""

    restorer: Annotated[Restorer, Meta(description="Id or name of a face network, as GFPGAN.")]
    strength: Annotated[
        float, Meta(ge=0, le=1, description="How much of the new face shows over the old one.")
    ] = 1.0
    padding: Annotated[
        int, Meta(ge=0, le=1024, description="Pixels around the mask that are seen: hair, neck.")
    ] = 32

    def run(self, ctx: Context, image: Image, mask: Mask | None = None) -> Image:
        """Restore each picture of the batch; what the mask keeps stays to the bit.

        A mask marks one face: of several, each is restored by a node of its own.
        """
        found = ctx.resource(self.restorer)
        handle = upscalers.handle_of(
            found.identity, found.path, found.format, found.name or self.restorer
        )
        values = torch.ones_like(image.pixels[:1, :1]) if mask is None else mask.values
        masks.check_fit(values, image.pixels)
        made = []
        for index, one in enumerate(torch.split(image.pixels, 1)):
            ctx.check()
            own = values[index : index + 1] if len(values) > 1 else values
            made.append(self._restored(ctx, handle, one, own, whole=mask is None))
            ctx.progress(index + 1, len(image.pixels), "restore")
        return Image(pixels=torch.cat(made))

    def _restored(
        self, ctx: Context, handle: Handle, one: torch.Tensor, own: torch.Tensor, *, whole: bool
    ) -> torch.Tensor:
        high, wide = one.shape[-2:]
        area = Area(left=0, top=0, width=wide, height=high)
        if not whole:
            area = patches.around(own, self.padding, 1.0, one)
        drawn = faces.restore(ctx, handle, patches.cut(one, area))
        return patches.paste(one, drawn, own * self.strength, area, match=False)
