"""Tiles: where a large picture is cut so that the parts overlap, and how they are put together.

Pure functions of (B, C, H, W) tensors. Knows neither models nor nodes.
"""

import math
from collections.abc import Callable

import torch

from core.engine.values import Area


def starts(length: int, tile: int, overlap: int) -> list[int]:
    """Give where tiles begin along a side of ``length``, spread evenly; the last ends with it.

    Neighbours overlap by at least ``overlap``, which is less than ``tile``. One that is longer
    than the side begins at 0.
    """
    if length <= tile:
        return [0]
    count = math.ceil((length - overlap) / (tile - overlap))
    return [round(place * (length - tile) / (count - 1)) for place in range(count)]


def areas(height: int, width: int, tile: int, overlap: int) -> list[Area]:
    """List the tiles of a picture, row by row; all have the same size."""
    high, wide = min(height, tile), min(width, tile)
    return [
        Area(left=left, top=top, width=wide, height=high)
        for top in starts(height, tile, overlap)
        for left in starts(width, tile, overlap)
    ]


def joined(
    pixels: torch.Tensor,
    tile: int,
    overlap: int,
    scale: int,
    work: Callable[[torch.Tensor], torch.Tensor],
) -> torch.Tensor:
    """Do ``work`` on each tile of a picture and put what it made together, without seams.

    The outer quarter of an overlap is left out, since a network sees the tile's edge there; over
    its middle half one tile fades into the next. So where tiles agree nothing is blended, and a
    network that reaches no further than that quarter makes the same of tiles as of the whole.

    :param pixels: (1, C, H, W).
    :param work: makes (1, C', h · scale, w · scale) of (1, C, h, w).
    """
    height, width = pixels.shape[-2:]
    wide = min(width, tile)
    whole: torch.Tensor | None = None
    strip: torch.Tensor | None = None
    below = right = 0  # where what is made so far ends
    for area in areas(height, width, tile, overlap):
        part = pixels[..., area.top : area.top + area.height, area.left : area.left + wide]
        made = work(part)
        if strip is None:
            strip = made.new_empty((*made.shape[:2], made.shape[-2], width * scale))
        right = _paste(strip, made, area.left * scale, right, -1)
        if area.left + wide < width:
            continue
        if whole is None:
            whole = made.new_empty((*made.shape[:2], height * scale, width * scale))
        below = _paste(whole, strip, area.top * scale, below, -2)
        right = 0
    assert whole is not None
    return whole


def window(length: int, overlap: int) -> torch.Tensor:
    """Give weights (length) of a tile along a side: falling to both ends over ``overlap``.

    Nowhere zero, so that at the border of a picture, where a tile is alone, it counts.
    """
    places = torch.arange(length, dtype=torch.float32)
    nearest = torch.minimum(places, length - 1 - places)
    return ((nearest + 1) / (overlap + 1)).clamp(max=1.0)


def _paste(canvas: torch.Tensor, made: torch.Tensor, start: int, end: int, dim: int) -> int:
    """Put a part onto a canvas that is filled up to ``end``; give where it is filled to now."""
    length = made.shape[dim]
    shared = end - start
    if shared:
        shape = [1, 1, 1, 1]
        shape[dim] = shared
        weights = _fade(shared).to(made).view(shape)
        old = canvas.narrow(dim, start, shared)
        old.copy_(torch.lerp(old, made.narrow(dim, 0, shared), weights))
    fresh = length - shared
    canvas.narrow(dim, end, fresh).copy_(made.narrow(dim, shared, fresh))
    return start + length


def _fade(length: int) -> torch.Tensor:
    """Give the share of the new tile over an overlap: 0 at first, 1 at last, rising between."""
    places = torch.arange(length, dtype=torch.float32) + 0.5
    return ((places - length / 4) / (length / 2)).clamp(0, 1)
