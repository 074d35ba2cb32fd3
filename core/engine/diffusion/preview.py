"""Previews: what latents show, by one small convolution instead of the autoencoder.

A *latent map* is linear: from each latent pixel and its neighbours to a patch of RGB. It is
fitted once to the checkpoint's own autoencoder, so any number of channels will do. Knows no
JPEG and nobody who watches.
"""

import threading
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch.nn import functional

_RIDGE = 1e-2  # keeps the fit tame where latents are nearly dependent
_BOUND = 16  # maps kept


class LatentMap(NamedTuple):
    """A convolution (3·p·p, C, k, k) and its bias, whose output is laid out in p × p patches."""

    weight: torch.Tensor
    bias: torch.Tensor
    patch: int  # pixels a latent pixel gives, each way
    scale: int  # pixels of the finished picture per latent pixel, each way


class LatentMaps:
    """The maps that were made, by model; ``engine.get(LatentMaps)`` gives the engine's."""

    def __init__(self, engine: object = None) -> None:
        self._maps: dict[str, LatentMap] = {}
        self._lock = threading.Lock()

    def of(self, identity: str, make: Callable[[], LatentMap]) -> LatentMap:
        """Give the map of a checkpoint; ``make`` it when it is not known yet."""
        found = self._maps.get(identity)
        if found is None:
            found = make()  # without the lock: twice at the worst, with the same result
            with self._lock:
                self._maps[identity] = found
                while len(self._maps) > _BOUND:
                    del self._maps[next(iter(self._maps))]
        return found


def fit(latents: torch.Tensor, pictures: torch.Tensor) -> LatentMap:
    """Fit a map to latents (B, C, h, w) and their pictures (B, 3, h·f, w·f) in [0, 1].

    Ridge regression from the 3 × 3 neighbourhood of a latent pixel to its f × f pixels.
    """
    batch, channels, height, width = latents.shape
    scale = pictures.shape[-1] // width
    # (B, C, h, w) -> (B·h·w, C·9 + 1), (B, 3, h·f, w·f) -> (B·h·w, 3·f·f)
    source = functional.unfold(latents.to("cpu", torch.float64), 3, padding=1)
    source = source.transpose(1, 2).reshape(batch * height * width, channels * 9)
    source = torch.cat([source, source.new_ones(len(source), 1)], dim=1)
    target = functional.pixel_unshuffle(pictures.to("cpu", torch.float64) * 2 - 1, scale)
    target = target.permute(0, 2, 3, 1).reshape(batch * height * width, -1)
    square = source.T @ source
    ridge = _RIDGE * len(source) * torch.eye(len(square), dtype=torch.float64)
    solved = torch.linalg.solve(square + ridge, source.T @ target).to(torch.float32)
    weight = solved[:-1].T.reshape(-1, channels, 3, 3).contiguous()
    return LatentMap(weight, solved[-1].contiguous(), scale, scale)


def draw(latents: torch.Tensor, table: LatentMap, longest: int) -> torch.Tensor:
    """Show latents (1, C, h, w) as uint8 (H, W, 3) on their device; waits for nothing.

    As large as the finished picture, but no side above ``longest`` where it must be enlarged.
    """
    weight = table.weight.to(latents.device, non_blocking=True)
    bias = table.bias.to(latents.device, non_blocking=True)
    flat = functional.conv2d(latents.to(torch.float32), weight, bias, padding=weight.shape[-1] // 2)
    picture = functional.pixel_shuffle(flat, table.patch)
    side = max(picture.shape[-2:])
    wanted = min(side * table.scale // table.patch, max(longest, side))
    if wanted > side:
        picture = functional.interpolate(
            picture, scale_factor=wanted / side, mode="bilinear", antialias=False
        )
    levels = torch.nan_to_num(picture[0] * 127.5 + 127.5).clamp(0, 255)
    return levels.to(torch.uint8).permute(1, 2, 0)  # (3, H, W) -> (H, W, 3)


def practice(scale: int, count: int = 8, side: int = 8) -> torch.Tensor:
    """Draw pictures to fit a map to: discs and boxes on gradients, (count, 3, H, W) in [0, 1].

    Always the same. H and W are ``side`` latent pixels of ``scale`` pixels.
    """
    source = torch.Generator().manual_seed(0)
    size = side * scale
    ramp = torch.linspace(0, 1, size)
    y, x = torch.meshgrid(ramp, ramp, indexing="ij")
    pictures: list[torch.Tensor] = []
    for _ in range(count):
        colors = torch.rand((6, 3, 1, 1), generator=source)
        picture = colors[0] + (colors[1] - colors[0]) * (x if len(pictures) % 2 else y)
        for color in colors[2:]:
            cx, cy, r, box = torch.rand(4, generator=source).tolist()
            dx, dy = (x - cx).abs(), (y - cy).abs()
            inside = torch.maximum(dx, dy) if box > 0.5 else (dx**2 + dy**2).sqrt()
            picture = torch.where(inside < 0.05 + 0.3 * r, color, picture)
        pictures.append(picture)
    return torch.stack(pictures)
