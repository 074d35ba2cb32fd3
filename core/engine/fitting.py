"""Control pictures brought to the size of what is drawn: stretched, cut, or with a border.

Pure functions of (B, C, H, W) float32 in [0, 1] on the CPU. Scaling is a step of its own, so that
a preprocessor can come between it and the cut: scaling again then changes nothing.
"""

import torch

from core.engine import patches
from core.graph.controls import Resize


def scaled(pixels: torch.Tensor, height: int, width: int, mode: Resize) -> torch.Tensor:
    """Scale to a size: to it ("stretch"), to cover it ("crop"), or to lie in it ("fit").

    Shapes are kept but for "stretch"; a picture that has the right scale stays to the bit.
    """
    high, wide = pixels.shape[-2:]
    if mode == "crop":
        share = max(height / high, width / wide)
        size = max(height, round(high * share)), max(width, round(wide * share))
    elif mode == "fit":
        share = min(height / high, width / wide)
        size = min(height, max(1, round(high * share))), min(width, max(1, round(wide * share)))
    else:
        size = height, width
    return patches.resize(pixels, *size)


def fitted(pixels: torch.Tensor, height: int, width: int, mode: Resize) -> torch.Tensor:
    """Bring pictures to exactly a size, centred.

    "crop" cuts off what is outside. "fit" fills the rest with the median of the picture's border:
    black around edges on black.
    """
    resized = scaled(pixels, height, width, mode)
    high, wide = resized.shape[-2:]
    top, left = abs(height - high) // 2, abs(width - wide) // 2
    if mode == "crop":
        return resized[..., top : top + height, left : left + width]
    if (high, wide) == (height, width):
        return resized
    filled = _border(resized).expand(*resized.shape[:2], height, width).clone()
    filled[..., top : top + high, left : left + wide] = resized
    return filled


def _border(pixels: torch.Tensor) -> torch.Tensor:
    """Give the median of each channel along the border, (B, C, 1, 1)."""
    edge = torch.ones(pixels.shape[-2:], dtype=torch.bool)
    edge[1:-1, 1:-1] = False
    along = pixels[..., edge]  # (B, C, pixels of the border)
    return along.median(dim=-1).values[..., None, None]
