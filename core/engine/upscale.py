"""Upscaling: a picture through an upscaler in tiles, as often as its scale asks for.

One tile is one hold of the baton, so others take their turns between tiles and a cancel waits for
one of them at most. Knows pictures and phases; the networks are known to ``models.upscalers``.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy
import torch
from PIL import Image as Pillow

from core.engine import phase, tiles
from core.engine.context import Context
from core.engine.values import Handle
from core.errors import Invalid, ModelUnreadable

MAX_SIDE = 16384  # pixels, as of a picture that is loaded
_MOST = 1 << 28  # pixels of a picture on its way: 3 GiB of float32
_LEAST_TILE = 32  # pixels of input; smaller ones save no memory


class Cut(NamedTuple):
    """How a picture is cut: pixels of a tile's side, and of what neighbours share."""

    tile: int
    overlap: int


def check(source: tuple[int, int], target: tuple[int, int], scale: int = 1) -> None:
    """Refuse what is larger than anybody can look at, before memory is taken for it.

    :param source: width and height, and ``target`` likewise.
    :raises Invalid: side_too_long, too_many_pixels.
    """
    if max(target) > MAX_SIDE:
        raise Invalid("side_too_long", pixels=max(target), limit=MAX_SIDE)
    most = max(math.prod(target), math.prod(source) * scale**2)
    if most > _MOST:
        raise Invalid("too_many_pixels", pixels=most, limit=_MOST)


def enlarge(
    ctx: Context, handle: Handle, pixels: torch.Tensor, target: tuple[int, int], cut: Cut
) -> torch.Tensor:
    """Make pictures (B, 3, H, W) larger with an upscaler, and exactly ``target`` at the end.

    The network runs until the result is large enough, at least once, and Lanczos brings it to its
    size. What a later pass starts from is made smaller first, where that pass would overshoot:
    then nothing on the way is larger than the result or the first pass.

    :param target: width and height, in pixels.
    :raises Cancelled: between two tiles.
    :raises Invalid: as ``check``.
    :raises ModelUnreadable: also upscaler_unfit, for a network that repairs faces.
    """
    height, width = pixels.shape[-2:]
    with ctx.engine.residency.use(handle, ctx.job) as network:  # pinned from tile to tile
        scale, faces = int(network.scale), bool(network.faces)  # type: ignore[arg-type]
        if faces:
            raise ModelUnreadable("upscaler_unfit", model=handle.path.rpartition("/")[2],
                                  architecture="face restorer")  # fmt: skip
        check((width, height), target, scale)
        sizes = _starts((height, width), target[::-1], scale)
        count = len(pixels) * sum(len(tiles.areas(*size, *cut)) for size in sizes)
        work = _Work(ctx, handle, count)
        made = []
        for one in torch.split(pixels, 1):
            for size in sizes:
                one = tiles.joined(lanczos(one, *size), *cut, scale, work.tile)
            made.append(lanczos(one, *target[::-1]))
    return torch.cat(made)


def lanczos(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resample pictures (B, C, H, W) in float32; those of the size stay as they are, to the bit.

    Overshoot is cut to [0, 1].
    """
    if tuple(pixels.shape[-2:]) == (height, width):
        return pixels
    planes = pixels.flatten(0, 1).to(torch.float32).numpy()  # (B, C, H, W) -> (B · C, H, W)
    made = [
        numpy.asarray(
            Pillow.fromarray(plane).resize((width, height), Pillow.Resampling.LANCZOS)
        )
        for plane in planes
    ]  # fmt: skip
    stacked = torch.from_numpy(numpy.stack(made)).clamp(0, 1)
    return stacked.view(*pixels.shape[:2], height, width)


def _starts(source: tuple[int, int], target: tuple[int, int], scale: int) -> list[tuple[int, int]]:
    """List height and width that each pass of the network starts from."""
    wanted = max(large / small for large, small in zip(target, source, strict=True))
    passes = 1
    while scale > 1 and scale**passes < wanted - 1e-6:
        passes += 1
    sizes = [source]
    for left in range(passes - 1, 0, -1):
        grown = (side * scale for side in sizes[-1])
        enough = (math.ceil(side / scale**left) for side in target)
        height, width = (min(sides) for sides in zip(grown, enough, strict=True))
        sizes.append((height, width))
    return sizes


class _Work:
    """Does one tile after another, each in a phase of its own, and tells how far it is."""

    def __init__(self, ctx: Context, handle: Handle, count: int) -> None:
        self._ctx = ctx
        self._handle = handle
        self._count = count
        self._done = 0
        self._halved = False

    def tile(self, pixels: torch.Tensor) -> torch.Tensor:
        """Run the network on a tile (1, 3, h, w); where memory is short on its quarters."""
        self._ctx.check()

        def work(network: Any) -> torch.Tensor:
            if not self._halved:
                made: torch.Tensor = network(pixels)
                return made
            side = max(_LEAST_TILE, -(-max(pixels.shape[-2:]) // 2) + _LEAST_TILE // 4)
            fetch = self._ctx.engine.device.fetch
            return tiles.joined(
                pixels, side, _LEAST_TILE // 2, network.scale, lambda part: fetch(network(part))
            )

        smaller = phase.Tiling(
            "smaller_tiles", lambda _: max(pixels.shape[-2:]) > _LEAST_TILE, self._smaller
        )
        made = phase.run(
            self._ctx, self._handle, "upscale", pixels.shape, work,
            None if self._halved else smaller, pauses=True,
        )  # fmt: skip
        self._done += 1
        self._ctx.progress(self._done, self._count, "upscale")
        return made

    @contextmanager
    def _smaller(self, network: Any) -> Iterator[None]:
        self._halved = True  # for the tiles to come as well: they are as large
        yield
