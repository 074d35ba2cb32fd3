"""Scenes drawn as pictures, many at a time, on whatever device the training runs on.

Sprites lie on the device at full and half size and are placed by bicubic sampling. Drawing is a
pure function of the scenes. Does not know words.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional

from starter.scenes import COLOURS, Figure, Scene
from starter.sprites import Atlas, Key

BATCH = {"cpu": 64, "cuda": 256}  # pictures drawn together: bounds the memory
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Canvas:
    """Draws scenes with the sprites of an atlas."""

    def __init__(self, atlas: Atlas, device: str = "cpu") -> None:
        """Put the sprites on the device; all are squares of one side."""
        self._row: dict[Key, int] = {key: row for row, key in enumerate(sorted(atlas))}
        self.device = device
        sheet = np.stack([np.asarray(atlas[key]) for key in sorted(atlas)])
        sprites = torch.from_numpy(sheet).permute(0, 3, 1, 2)  # (N, P, P, 4) -> (N, 4, P, P)
        whole = torch.cat([_multiply(part).to(device) for part in torch.split(sprites, 256)])
        half = torch.cat([_halve(part) for part in torch.split(whole, 256)])
        self._levels = (whole, half)

    def draw(self, scenes: Sequence[Scene], pixels: int) -> torch.Tensor:
        """Draw scenes as uint8, (B, 3, H, W), on the device."""
        return torch.cat(list(self.stream(scenes, pixels)))

    def stream(self, scenes: Sequence[Scene], pixels: int) -> Iterator[torch.Tensor]:
        """Draw scenes a batch at a time: bounded memory for any number of them."""
        batch = BATCH[torch.device(self.device).type]
        for start in range(0, len(scenes), batch):
            part = scenes[start : start + batch]
            picture = draw_background(part, pixels).to(self.device)
            for place in range(max(len(scene.figures) for scene in part)):
                rows = [row for row, scene in enumerate(part) if len(scene.figures) > place]
                figures = [part[row].figures[place] for row in rows]
                styles = [part[row].style for row in rows]
                where = torch.tensor(rows, device=self.device)
                ink = self._place(figures, styles, pixels)
                picture[where] = picture[where] * (1 - ink[:, 3:]) + ink[:, :3]
            yield (picture * 255).round().clamp(0, 255).to(torch.uint8)

    def _place(self, figures: Sequence[Figure], styles: Sequence[str], pixels: int) -> torch.Tensor:
        """Place one figure a picture: colours times alpha, and alpha, (B, 4, H, W) in 0..1."""
        full = self._levels[0].shape[-1]
        ink = torch.empty((len(figures), 4, pixels, pixels), device=self.device)
        for level, sprites in enumerate(self._levels):
            rows = [
                row
                for row, figure in enumerate(figures)
                if (math.log2(full / (figure.size * pixels)) > 0.75) == bool(level)
            ]
            if rows:
                chosen = [self._row[figures[row].code, styles[row]] for row in rows]
                grid = functional.affine_grid(
                    _aim([figures[row] for row in rows]).to(self.device),
                    [len(rows), 4, pixels, pixels],
                    align_corners=False,
                )
                ink[torch.tensor(rows, device=self.device)] = functional.grid_sample(
                    sprites[torch.tensor(chosen, device=self.device)].float() / 255,
                    grid,
                    mode="bicubic",
                    align_corners=False,
                )
        light = torch.tensor([figure.light for figure in figures], device=self.device)
        colour = torch.tensor([figure.colour for figure in figures], device=self.device)
        return _tone(ink, light.view(-1, 1, 1, 1), colour.view(-1, 1, 1, 1))


def draw_background(scenes: Sequence[Scene], pixels: int) -> torch.Tensor:
    """Draw each plain colour, or gradient from top to bottom: (B, 3, H, W) in 0..1."""
    ends = torch.tensor(
        [[COLOURS[scene.top], COLOURS[scene.bottom]] for scene in scenes], dtype=torch.float32
    )  # (B, 2, 3)
    ends += torch.tensor([scene.tint for scene in scenes]).unsqueeze(1)
    part = torch.linspace(0, 1, pixels).view(1, -1, 1)  # (1, H, 1)
    rows = torch.lerp(ends[:, :1], ends[:, 1:], part).clamp(0, 255) / 255  # (B, H, 3)
    return rows.transpose(1, 2).unsqueeze(-1).repeat(1, 1, 1, pixels)


def _aim(figures: Sequence[Figure]) -> torch.Tensor:
    """Map the picture's -1..1 to each sprite's, (B, 2, 3)."""
    rows = []
    for figure in figures:
        grow = 1 / figure.size
        turn = -grow if figure.flip else grow
        across, down = (1 - 2 * figure.x) * turn, (1 - 2 * figure.y) * grow
        rows.append([[turn, 0.0, across], [0.0, grow, down]])
    return torch.tensor(rows)


def _tone(ink: torch.Tensor, light: torch.Tensor, colour: torch.Tensor) -> torch.Tensor:
    """Change brightness and saturation; what bicubic sampling threw too far comes back."""
    alpha = ink[:, 3:].clamp(0, 1)
    weights = torch.tensor(LUMA, device=ink.device).view(1, 3, 1, 1)
    lit = ink[:, :3] * light
    gray = (lit * weights).sum(1, keepdim=True)
    shown = torch.lerp(gray.expand_as(lit), lit, colour)
    return torch.cat([torch.minimum(shown.clamp(min=0), alpha), alpha], 1)


def _multiply(sprites: torch.Tensor) -> torch.Tensor:
    """Multiply the colours by alpha: uint8 (N, 4, P, P) in and out."""
    real = sprites.float()
    real[:, :3] *= real[:, 3:] / 255
    return real.round().to(torch.uint8)


def _halve(sprites: torch.Tensor) -> torch.Tensor:
    """Halve the side: uint8 (N, 4, P, P) in, (N, 4, P/2, P/2) out."""
    return functional.avg_pool2d(sprites.float(), 2).round().to(torch.uint8)
