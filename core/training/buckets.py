"""Sizes that pictures are trained in: their own shape, as many pixels as a square has.

A picture is scaled until it covers its bucket, and what stands over is cropped. Server and engine
both ask here, so that what is shown before a run is what the run sees. Pure: knows no pictures.
"""

import hashlib
from bisect import bisect
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise

from core.records.training import Bucket

LONGEST = 2  # times the resolution: the longer side of a bucket
_MULTIPLE = 8  # pixels: what a VAE halves three times


def fit(width: int, height: int, resolution: int, step: int = 64) -> tuple[int, int]:
    """Choose the bucket whose shape is nearest: least of it is cropped.

    Nearest is by the ratio of the ratios, so that upright and lying pictures are treated alike;
    of two that are as near the squarer one is taken.

    :param width: pixels of the picture, upright; at least 1, as is ``height``.
    :param resolution: side of the square whose pixels no bucket exceeds; at least 8.
    :param step: of which sides are multiples; where the resolution is smaller, that is.
    :returns: (width, height) in pixels.
    """
    if width < height:
        tall, wide = fit(height, width, resolution, step)
        return wide, tall
    shapes, edges = _shapes(resolution, step)
    return shapes[bisect(edges, (width / height) ** 2)]


def square(resolution: int, step: int = 64) -> tuple[int, int]:
    """Choose the bucket of pictures that do not keep their shape."""
    return fit(1, 1, resolution, step)


def of(
    sizes: Iterable[tuple[int, int]], resolution: int, step: int = 64, *, kept: bool = True
) -> list[Bucket]:
    """Count how many pictures each bucket has, the fullest first.

    :param sizes: (width, height) of each picture, in pixels.
    :param kept: whether pictures keep their shape; else all are cropped to squares.
    """
    counts = Counter(
        fit(width, height, resolution, step) if kept else square(resolution, step)
        for width, height in sizes
    )
    return [
        Bucket(width=width, height=height, count=count)
        for (width, height), count in sorted(counts.items(), key=lambda each: (-each[1], each[0]))
    ]


def covering(size: tuple[int, int], bucket: tuple[int, int]) -> tuple[int, int]:
    """Scale a picture's size until it just covers a bucket; neither side is smaller then."""
    (width, height), (wide, tall) = size, bucket
    if width * tall >= wide * height:  # wider than the bucket: its height decides
        return max(wide, round(width * tall / height)), tall
    return wide, max(tall, round(height * wide / width))


def window(
    size: tuple[int, int], bucket: tuple[int, int], across: float = 0.5, down: float = 0.5
) -> tuple[int, int, int, int]:
    """Place a bucket over a picture that covers it.

    :param size: what ``covering`` gave.
    :param across: 0 … 1, left to right; a half is the centre, and so is it of ``down``.
    :returns: left, top, right, bottom in pixels, right and bottom outside.
    """
    left = int((size[0] - bucket[0]) * across)
    top = int((size[1] - bucket[1]) * down)
    return left, top, left + bucket[0], top + bucket[1]


def crop_at(seed: int, sha256: str, number: int) -> tuple[float, float]:
    """Place one of a picture's random crops, the same in every run of the same seed.

    :returns: across and down, as ``window`` takes them, in [0, 1).
    """
    told = (repr((seed, "crop", sha256, number, way)).encode() for way in ("x", "y"))
    across, down = (int.from_bytes(hashlib.sha256(one).digest()[:8], "big") >> 1 for one in told)
    return across / (1 << 63), down / (1 << 63)


@lru_cache(maxsize=64)
def _shapes(resolution: int, step: int) -> tuple[list[tuple[int, int]], list[float]]:
    """List the lying buckets, the square first, and the squared ratios halfway between two."""
    step = max(_MULTIPLE, min(step, resolution - resolution % _MULTIPLE))
    side = resolution // step * step or step
    longest = side * LONGEST
    shapes = [(side, side)]
    for height in range(side - step, 0, -step):
        width = min(longest, max(resolution, side) ** 2 // height // step * step)
        if width > shapes[-1][0]:
            shapes.append((width, height))
        if width == longest:
            break
    pairs = pairwise(shapes)
    return shapes, [(a * c) / (b * d) for (a, b), (c, d) in pairs]
