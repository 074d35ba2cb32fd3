"""Masks as numbers: grown, shrunk, feathered, brought to another size. 1 is what is painted anew.

Pure functions of (B, 1, H, W) float32 in [0, 1], on the CPU. Knows neither nodes nor models.
"""

import math

import torch
from torch.nn import functional

from core.errors import Invalid

REACH = 3.0  # standard deviations after which a feathered edge ends
_FAINT = 1 / 1024  # what is nearer to an end than this is at it: kept means kept to the bit


def grow(values: torch.Tensor, pixels: int) -> torch.Tensor:
    """Spread what is white by a square of ``pixels`` each way; shrink it where negative.

    Outside of the picture nothing is white when growing and all is when shrinking, so a mask
    that ends at the border does not draw back from it.
    """
    if pixels < 0:
        return 1 - grow(1 - values, -pixels)
    return _spread(_spread(values, pixels, 2), pixels, 3)


def blur(values: torch.Tensor, radius: float) -> torch.Tensor:
    """Feather the edges with a Gaussian of standard deviation ``radius`` pixels.

    Further than ``REACH`` deviations from an edge nothing changes, to the bit. The border of the
    picture is continued outwards.
    """
    reach = math.ceil(REACH * radius)
    if not reach:
        return values
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float32)
    weights = torch.exp(-0.5 * (offsets / radius) ** 2)
    weights = weights / weights.sum()
    padded = functional.pad(values, (reach, reach, reach, reach), mode="replicate")
    across = functional.conv2d(padded, weights.view(1, 1, 1, -1))
    blurred = functional.conv2d(across, weights.view(1, 1, -1, 1))
    blurred = torch.where(blurred < _FAINT, 0.0, blurred)
    return torch.where(blurred > 1 - _FAINT, 1.0, blurred)


def resize(values: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Stretch to a size: the mean of the pixels that fall together, or a blend of neighbours."""
    if tuple(values.shape[-2:]) == (height, width):
        return values
    smaller = height <= values.shape[-2] and width <= values.shape[-1]
    if smaller:
        return functional.interpolate(values, (height, width), mode="area")
    return functional.interpolate(
        values, (height, width), mode="bilinear", antialias=True, align_corners=False
    ).clamp(0, 1)


def bounds(values: torch.Tensor) -> tuple[int, int, int, int] | None:
    """Give left, top, right and bottom of what is not black in any of the masks.

    Right and bottom are past the last pixel. ``None`` where all is black.
    """
    white = (values > 0).any(dim=0).any(dim=0)  # (B, 1, H, W) -> (H, W)
    columns, rows = white.any(dim=0).nonzero(), white.any(dim=1).nonzero()
    if not len(rows):
        return None
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def check_fit(values: torch.Tensor, pixels: torch.Tensor) -> None:
    """Check that masks fit pictures (B, C, H, W): their size, and one for all or one for each.

    :raises Invalid: mask_size, mask_count.
    """
    size, wanted = _size(values), _size(pixels)
    if size != wanted:
        raise Invalid("mask_size", size=size, wanted=wanted)
    if len(values) not in (1, len(pixels)):
        raise Invalid("mask_count", masks=len(values), pictures=len(pixels))


def _size(tensor: torch.Tensor) -> str:
    return f"{tensor.shape[-1]} × {tensor.shape[-2]}"


def _spread(values: torch.Tensor, pixels: int, dim: int) -> torch.Tensor:
    """Give the largest value within ``pixels`` along a dimension, in log2(pixels) passes."""
    window, reach = 2 * pixels + 1, [0, 0, 0, 0]
    start = 2 * (3 - dim)  # pad counts from the last dimension
    reach[start] = reach[start + 1] = pixels
    largest, covered = functional.pad(values, reach), 1
    while covered < window:
        shift = min(covered, window - covered)
        kept = largest.shape[dim] - shift
        largest = torch.maximum(largest.narrow(dim, 0, kept), largest.narrow(dim, shift, kept))
        covered += shift
    return largest
