"""Parts of pictures: cut out around a mask, brought to a size, matched in colour, put back.

Pure functions of (B, 3, H, W) float32 in [0, 1] on the CPU. Knows neither nodes nor models.
"""

import torch
from torch.nn import functional

from core.engine import masks
from core.engine.values import Area
from core.errors import Invalid

_RING = 8  # pixels around a hard mask that are compared where no edge is feathered
_CONTRAST = 1.5  # most that the spread of colours is stretched or squeezed
_FLAT = 1e-3  # spread below which a surface has no contrast to match


def around(values: torch.Tensor, padding: int, ratio: float, picture: torch.Tensor) -> Area:
    """Choose what to cut out: the mask's bounds, padded, near to ``ratio`` of width to height.

    Never outside of the picture; where it is too small for the ratio, the part has another.

    :raises Invalid: mask_empty, when nothing is white.
    """
    found = masks.bounds(values)
    if found is None:
        raise Invalid("mask_empty")
    high, wide = picture.shape[-2:]
    left, top = max(0, found[0] - padding), max(0, found[1] - padding)
    right, bottom = min(wide, found[2] + padding), min(high, found[3] + padding)
    width = min(wide, max(right - left, round((bottom - top) * ratio)))
    height = min(high, max(bottom - top, round((right - left) / ratio)))
    left = min(max(0, (left + right - width) // 2), wide - width)
    top = min(max(0, (top + bottom - height) // 2), high - height)
    return Area(left=left, top=top, width=width, height=height)


def cut(tensor: torch.Tensor, area: Area) -> torch.Tensor:
    """Give the part of a picture or a mask (B, C, H, W) that lies in an area, as a view.

    :raises Invalid: area_outside, when the area is not all inside.
    """
    high, wide = tensor.shape[-2:]
    right, bottom = area.left + area.width, area.top + area.height
    if min(area.left, area.top) < 0 or right > wide or bottom > high:
        raise Invalid("area_outside", width=wide, height=high)
    return tensor[..., area.top : bottom, area.left : right]


def resize(pixels: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Stretch pictures to a size; those that have it stay as they are, to the bit."""
    if tuple(pixels.shape[-2:]) == (height, width):
        return pixels
    return functional.interpolate(
        pixels, (height, width), mode="bicubic", antialias=True, align_corners=False
    ).clamp(0, 1)


def paste(
    source: torch.Tensor, drawn: torch.Tensor, values: torch.Tensor, area: Area, *, match: bool
) -> torch.Tensor:
    """Put what was drawn into an area of pictures, as far as the mask is white.

    Where the mask is black the source stays, to the bit.

    :param drawn: of any size; stretched to the area.
    :param match: bring the drawn part's colours to those of the source along the edge first.
    :raises Invalid: batch_mismatch, mask_size, mask_count, area_outside.
    """
    if len(source) not in (1, len(drawn)):
        raise Invalid("batch_mismatch", first=len(source), second=len(drawn))
    masks.check_fit(values, source if len(source) > 1 else source.expand(len(drawn), -1, -1, -1))
    old, weight = cut(source, area), cut(values, area)
    new = resize(drawn, area.height, area.width)
    if match:
        new = matched(new, old, weight)
    blended = torch.where(weight > 0, torch.lerp(old, new, weight), old)
    result = source.expand(len(drawn), -1, -1, -1).clone()
    cut(result, area).copy_(blended)
    return result


def matched(new: torch.Tensor, old: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """Give ``new`` the mean and the spread of colours that ``old`` has along the mask's edge.

    The edge is where the mask is neither black nor white; a ring around it where it is hard.
    """
    edge = ((weight > 0) & (weight < 1)).to(torch.float32)
    hard = (masks.grow(weight, _RING) > 0).to(torch.float32) * (weight == 0)
    none = edge.sum(dim=(-2, -1), keepdim=True) == 0
    edge = torch.where(none, hard, edge)
    mean_old, spread_old = _moments(old, edge)
    mean_new, spread_new = _moments(new, edge)
    contrast = ((spread_old + _FLAT) / (spread_new + _FLAT)).clamp(1 / _CONTRAST, _CONTRAST)
    changed = ((new - mean_new) * contrast + mean_old).clamp(0, 1)
    return torch.where(edge.sum(dim=(-2, -1), keepdim=True) > 0, changed, new)


def _moments(pixels: torch.Tensor, edge: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give mean and standard deviation of each colour over an edge, (B, 3, 1, 1) each."""
    count = edge.sum(dim=(-2, -1), keepdim=True).clamp(min=1)
    mean = (pixels * edge).sum(dim=(-2, -1), keepdim=True) / count
    squares = ((pixels - mean) ** 2 * edge).sum(dim=(-2, -1), keepdim=True)
    return mean, (squares / count).sqrt()


def extend(pixels: torch.Tensor, sides: tuple[int, int, int, int], *, mirror: bool) -> torch.Tensor:
    """Enlarge pictures by left, right, top, bottom: the border goes on, or they are mirrored.

    New pixels are those of the picture, at the nearest place or at the one that as many mirrors
    show there; the old ones stay to the bit.
    """
    left, right, top, bottom = sides
    columns = _places(pixels.shape[-1], left, right, mirror=mirror)
    rows = _places(pixels.shape[-2], top, bottom, mirror=mirror)
    return pixels.index_select(-2, rows).index_select(-1, columns)


def _places(length: int, before: int, after: int, *, mirror: bool) -> torch.Tensor:
    places = torch.arange(-before, length + after)
    if not mirror:
        return places.clamp(0, length - 1)
    around = places % (2 * length)
    return torch.minimum(around, 2 * length - 1 - around)
