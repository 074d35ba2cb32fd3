"""Preprocessors: from a picture to what a ControlNet was trained to see. No model, no download.

Pure functions on the CPU: pictures (B, 3, H, W) and grey ones (B, 1, H, W), float32 in [0, 1].
Edges and lines are white on black. What a turned picture gives is what the picture gives, turned.
"""

import math

import torch
from torch.nn import functional

_LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, of red, green, blue
_REACH = 3.0  # standard deviations after which a Gaussian is cut off
_FINE = 1 << 16  # levels of blurred grey: with whole numbers equal edges are equal, not nearly
_WIDER = 1.6  # the second Gaussian of a difference, in widths of the first
_EIGHTH = math.tan(math.pi / 8)


def luminance(pixels: torch.Tensor) -> torch.Tensor:
    """Give the luma of pictures, (B, 1, H, W)."""
    weights = torch.tensor(_LUMA, dtype=torch.float32).view(1, 3, 1, 1)
    return (pixels * weights).sum(dim=1, keepdim=True).clamp(0, 1)


def canny(grey: torch.Tensor, sigma: float, low: float, high: float) -> torch.Tensor:
    """Find edges one pixel thin: (B, 1, H, W) of 0 and 1.

    Canny 1986, "A Computational Approach to Edge Detection" (IEEE PAMI 8(6), §VIII): Gaussian,
    gradient, non-maximum suppression, hysteresis. Of the two sides of an edge the darker is taken.

    :param sigma: of the Gaussian, pixels; 0 for none.
    :param low: change over two pixels up to which there is no edge; from black to white is 1.
    :param high: change from which on there always is one; between them, where it joins such a one.
    """
    levels, across, down = _gradient(grey, sigma)
    steep = across**2 + down**2
    unit = (2.0 * _FINE) ** 2  # of ``steep``: Sobel's kernel is twice as steep as a neighbour
    thin = _crest(levels, across, down, steep) & (steep > low**2 * unit)
    strong = thin & (steep >= high**2 * unit)
    kept = [_linked(weak, sure) for weak, sure in zip(thin[:, 0], strong[:, 0], strict=True)]
    return torch.stack(kept)[:, None].to(torch.float32)


def lineart(grey: torch.Tensor, sigma: float, low: float, high: float) -> torch.Tensor:
    """Draw where a picture changes: black at ``low``, white from ``high`` on, as in ``canny``."""
    _, across, down = _gradient(grey, sigma)
    steep = (across**2 + down**2).sqrt() / (2.0 * _FINE)
    return ((steep - low) / max(high - low, 1e-6)).clamp(0, 1).to(torch.float32)


def xdog(
    grey: torch.Tensor, sigma: float, sharpness: float, threshold: float, softness: float
) -> torch.Tensor:
    """Draw lines as by hand, with an extended difference of Gaussians.

    Winnemöller, Kyprianidis and Olsen 2012, "XDoG" (Computers & Graphics 36(6), eq. 5 and 7),
    turned to white on black.

    :param sharpness: p, how much more than the picture itself its edges count.
    :param threshold: ε, darker than which all becomes line; ``softness``: 1 / φ, over how much.
    """
    narrow, wide = blurred(grey, sigma), blurred(grey, _WIDER * sigma)
    below = threshold - ((1 + sharpness) * narrow - sharpness * wide)
    inked = torch.tanh(below.clamp(min=0) / max(softness, 1e-6))
    return inked.clamp(0, 1).to(torch.float32)


def colors(pixels: torch.Tensor, block: int) -> torch.Tensor:
    """Give the mean colour of each block of about so many pixels, at the picture's size."""
    size = pixels.shape[-2:]
    cells = max(1, round(size[0] / block)), max(1, round(size[1] / block))
    means = functional.adaptive_avg_pool2d(pixels, cells)
    return functional.interpolate(means, size, mode="nearest-exact")


def rough(pixels: torch.Tensor, factor: float) -> torch.Tensor:
    """Take away what is finer than ``factor`` pixels: shrunk, and stretched again."""
    size = pixels.shape[-2:]
    small = [max(1, round(side / factor)) for side in size]
    means = functional.interpolate(pixels, small, mode="area")
    return functional.interpolate(means, size, mode="bicubic", align_corners=False).clamp(0, 1)


def blurred(values: torch.Tensor, sigma: float) -> torch.Tensor:
    """Blur with a Gaussian of standard deviation ``sigma`` pixels, in float64; borders go on."""
    exact, reach = values.to(torch.float64), math.ceil(_REACH * sigma)
    if not reach:
        return exact
    offsets = torch.arange(-reach, reach + 1, dtype=torch.float64)
    weights = torch.exp(-0.5 * (offsets / sigma) ** 2)
    weights = weights / weights.sum()
    padded = functional.pad(exact, (reach, reach, reach, reach), mode="replicate")
    across = functional.conv2d(padded, weights.view(1, 1, 1, -1))
    return functional.conv2d(across, weights.view(1, 1, -1, 1))


def _gradient(grey: torch.Tensor, sigma: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Give blurred levels and Sobel's gradient of them, across and down: whole, as float64."""
    levels = (blurred(grey, sigma) * _FINE).round()
    padded = functional.pad(levels, (1, 1, 1, 1), mode="replicate")
    kernel = torch.tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], dtype=torch.float64) / 2
    across = functional.conv2d(padded, kernel[None, None])
    down = functional.conv2d(padded, kernel.mT[None, None])
    return levels, across, down


def _crest(
    levels: torch.Tensor, across: torch.Tensor, down: torch.Tensor, steep: torch.Tensor
) -> torch.Tensor:
    """Say where an edge is steepest along its gradient; of two as steep ones, at the darker."""
    wide, high = across.abs(), down.abs()
    flat, upright = high <= _EIGHTH * wide, wide <= _EIGHTH * high
    falling = across * down > 0  # the gradient leads down to the right, or up to the left
    steps = torch.where(
        flat, 0, torch.where(upright, 1, torch.where(falling, 2, 3))
    )  # 0: across, 1: down, 2 and 3: along a diagonal
    best = torch.zeros_like(flat)
    for number, (x, y) in enumerate(((1, 0), (0, 1), (1, 1), (-1, 1))):
        holds = torch.ones_like(flat)
        for sign in (1, -1):
            beside = _beside(steep, sign * x, sign * y, -1.0)
            light = _beside(levels, sign * x, sign * y, math.inf)
            holds &= (steep > beside) | ((steep == beside) & (levels <= light))
        best |= holds & (steps == number)
    return best


def _beside(values: torch.Tensor, x: int, y: int, outside: float) -> torch.Tensor:
    """Give at each pixel the value of the one that lies (x, y) from it."""
    padded = functional.pad(values, (1, 1, 1, 1), value=outside)
    high, wide = values.shape[-2:]
    return padded[..., 1 + y : 1 + y + high, 1 + x : 1 + x + wide]


def _linked(weak: torch.Tensor, strong: torch.Tensor) -> torch.Tensor:
    """Keep the pieces of ``weak`` (H, W), joined over sides and corners, that hold a ``strong``.

    Pieces are found by hooking roots to smaller ones and jumping to them, in a number of rounds
    that grows with the logarithm of the pixels (Shiloach and Vishkin 1982, J. Algorithms 3(1)),
    so that no picture is slow.
    """
    places = weak.flatten().nonzero().flatten()
    numbers = torch.full(weak.shape, -1)
    numbers.view(-1)[places] = torch.arange(len(places))
    pairs = torch.cat([_pairs(numbers, *step) for step in ((0, 1), (1, 0), (1, 1), (1, -1))])
    roots = torch.arange(len(places))
    while len(pairs):
        ends = roots[pairs]  # (P, 2)
        apart = ends[:, 0] != ends[:, 1]
        if not apart.any():
            break
        pairs, ends = pairs[apart], ends[apart]
        roots.scatter_reduce_(0, ends.amax(dim=1), ends.amin(dim=1), "amin")
        while not torch.equal(jumped := roots[roots], roots):
            roots = jumped
    holds = torch.zeros(len(places), dtype=torch.bool)
    holds[roots[strong.flatten()[places]]] = True
    kept = torch.zeros_like(weak)
    kept.view(-1)[places] = holds[roots]
    return kept


def _pairs(numbers: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """List the pairs of numbered pixels of which one lies (down, across) from the other, (P, 2)."""
    high, wide = numbers.shape
    left, right = max(0, -across), max(0, across)
    first = numbers[: high - down, left : wide - right]
    second = numbers[down:, left + across : wide - right + across]
    both = (first >= 0) & (second >= 0)
    return torch.stack([first[both], second[both]], dim=1)
