"""Faces: a part of a picture, seen as a square of the size that face networks draw, and put back.

Knows where a face is only from who asks: there is no detector here. The networks are known to
``models.upscalers``.
"""

from typing import Any

import torch

from core.engine import patches, phase
from core.engine.context import Context
from core.engine.values import Handle
from core.errors import ModelUnreadable

SIDE = 512  # pixels of the one size that these networks draw


def restore(ctx: Context, handle: Handle, pixels: torch.Tensor) -> torch.Tensor:
    """Draw one face (1, 3, h, w) over again, at its size.

    What is no square is continued at its border, so that the face keeps its shape.

    :raises Cancelled: while waiting for the device.
    :raises ModelUnreadable: also upscaler_unfit, for a network that is not made for faces.
    """
    height, width = pixels.shape[-2:]
    longest = max(height, width)
    square = patches.extend(pixels, (0, longest - width, 0, longest - height), mirror=False)
    given = patches.resize(square, SIDE, SIDE)

    def work(network: Any) -> torch.Tensor:
        if not network.faces:
            raise ModelUnreadable(
                "upscaler_unfit", model=handle.path.rpartition("/")[2], architecture="upscaler"
            )
        made: torch.Tensor = network(given)
        return made

    made = phase.run(ctx, handle, "restore", given.shape, work)
    return patches.resize(made, longest, longest)[..., :height, :width]
