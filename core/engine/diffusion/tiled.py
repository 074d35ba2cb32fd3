"""Tiled denoising: a picture larger than its model draws, as tiles that are denoised as one.

At every step each tile asks the network for its part of the prediction; the parts are put
together, weighted so that they fade into each other, and the whole picture takes the step with
its one scheduler and its one noise. For samplers that are linear in the prediction that is
MultiDiffusion (Bar-Tal et al. 2023, https://arxiv.org/abs/2302.08113, eq. 5) with weights.

A tile is a row like any other: tiles share forwards with each other and with rows of other jobs.
Knows no pictures and no nodes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from core.engine import tiles
from core.engine.diffusion.rows import Row
from core.engine.values import Area


class Whole:
    """A picture that is denoised in tiles: the row it would be, which is never in the loop itself.

    :param row: the picture's; ``tiles`` are the rows to be given to the loop in its place.
    :param tile: cells of a tile's side.
    :param overlap: cells that neighbours share at least; at most half a tile.
    """

    def __init__(self, row: Row, tile: int, overlap: int) -> None:
        self.row = row
        self.controls, row.controls = row.controls, ()  # each tile takes its part of them
        height, width = row.latents.shape[-2:]
        self.tiles = [Tile(self, area) for area in tiles.areas(height, width, tile, overlap)]
        high, wide = self.tiles[0].latents.shape[-2:]
        window = tiles.window(high, overlap)[:, None] * tiles.window(wide, overlap)
        total = torch.zeros(height, width)
        for one in self.tiles:
            one.cut(total).add_(window)
        self._shares = [window / one.cut(total) for one in self.tiles]
        self._scaled: torch.Tensor | None = None

    def scaled(self) -> torch.Tensor:
        """Give the picture's latents scaled for the network at this step, (1, C, h, w)."""
        if self._scaled is None:
            self._scaled = self.row.scaled()
        return self._scaled

    def take(self) -> None:
        """Step the picture, once every tile has its prediction."""
        parts = [tile.prediction for tile in self.tiles if tile.prediction is not None]
        if not parts or len(parts) < len(self.tiles):
            return
        scaled, self._scaled = self.scaled(), None
        prediction = parts[0]
        if len(parts) > 1:
            prediction = torch.zeros_like(scaled)
            self._shares = [share.to(scaled) for share in self._shares]
            for tile, part, share in zip(self.tiles, parts, self._shares, strict=True):
                tile.cut(prediction).add_(part * share)
        for tile in self.tiles:
            tile.prediction = None
        self.row.advance(scaled, prediction)


class Tile(Row):
    """A part of a picture: asks the network for its part, and waits for the others."""

    def __init__(self, whole: Whole, area: Area) -> None:
        row = whole.row
        vars(self).update(vars(row))  # it is asked for as the picture would be, but for its size
        self.area = area
        self.whole = whole
        self.prediction: torch.Tensor | None = None  # of this step
        self.latents = self.cut(row.latents)
        high, wide = row.latents.shape[-2:]
        # A picture of its own to a network that is told of sizes: it knows none as large as the
        # whole.
        self.pixels = row.pixels[0] * area.height // high, row.pixels[1] * area.width // wide
        self.controls = tuple(
            use.part(area, use.picture.shape[-1] // wide) for use in whole.controls
        )
        self.kind = (row.kind[0], tuple(self.latents.shape), *row.kind[2:])
        self.group = (tuple(id(one) for one in self.networks), self.kind)

    @property
    def done(self) -> bool:
        """Say whether the picture is done, or the tile failed."""
        return self.error is not None or self.whole.row.done

    @property
    def ready(self) -> bool:
        """Say whether its part of this step is still to be asked for."""
        return not self.done and self.prediction is None

    @property
    def timestep(self) -> torch.Tensor:
        """Give the timestep of the picture."""
        return self.whole.row.timestep

    @property
    def place(self) -> tuple[int, int]:
        """Give how many evaluations of the network the picture has had, of how many."""
        return self.whole.row.place

    def cut(self, tensor: torch.Tensor) -> torch.Tensor:
        """Give the tile's part of what is as large as the picture (…, h, w), as a view."""
        area = self.area
        return tensor[
            ..., area.top : area.top + area.height, area.left : area.left + area.width
        ]  # fmt: skip

    def enter(self) -> None:
        """Move what the picture and its part need onto the device."""
        self.whole.row.enter()
        for use in self.controls:
            use.enter(self.device, self.dtype)

    def scaled(self) -> torch.Tensor:
        """Give the tile's part of the scaled latents."""
        return self.cut(self.whole.scaled())

    def widened(self, scaled: torch.Tensor) -> torch.Tensor:
        """Put the tile's part of the picture's own channels beside its latents."""
        channels = self.whole.row.channels
        return scaled if channels is None else torch.cat([scaled, self.cut(channels)], dim=1)

    def combined(self, predictions: Sequence[torch.Tensor]) -> torch.Tensor:
        """Make one prediction of those of the tile's entries."""
        return self.followed.combined(predictions, self.cut)

    def advance(self, scaled: torch.Tensor, prediction: torch.Tensor) -> None:
        """Keep the prediction; the last tile of a step lets the picture take it."""
        self.prediction = prediction
        self.whole.take()


@contextmanager
def split(rows: Sequence[Row], tile: int, overlap: int) -> Iterator[list[Tile]]:
    """Give the tiles of pictures, for the loop in their place; afterwards none holds any memory.

    :param tile: as ``Whole`` takes it, and ``overlap`` too.
    """
    wholes = [Whole(row, tile, overlap) for row in rows]
    try:
        yield [one for whole in wholes for one in whole.tiles]
    finally:
        for whole in wholes:
            whole.tiles.clear()
