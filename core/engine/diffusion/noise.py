"""Noise: drawn on the CPU in float32, one generator a picture.

A seed gives the same noise alone, in a batch of 8, and on another device. Knows no schedulers.
"""

from typing import NamedTuple

import torch

_SEEDS = 2**53  # seeds stay exact in a browser's numbers
_PARALLEL = 0.9995  # cosine above which a chord is as good as the arc


class Variation(NamedTuple):
    """How far the noise of a seed is turned towards that of another: 1 is all the way."""

    seed: int = 0
    strength: float = 0.0


_NONE = Variation()


def generator(seed: int, index: int = 0) -> torch.Generator:
    """Make the generator of picture ``index`` of a batch: the seed counts on with the index."""
    return torch.Generator(device="cpu").manual_seed((seed + index) % _SEEDS)


def draw(shape: tuple[int, ...], source: torch.Generator) -> torch.Tensor:
    """Draw standard normal noise: float32, on the CPU."""
    return torch.randn(shape, generator=source, device="cpu", dtype=torch.float32)


def begin(
    shape: tuple[int, ...], seed: int, index: int = 0, variation: Variation = _NONE
) -> tuple[torch.Tensor, torch.Generator]:
    """Draw the noise that picture ``index`` begins with; give its generator for what follows.

    The seed that a picture is turned towards does not count on with the index, so that each
    picture of a batch can be made again alone.
    """
    source = generator(seed, index)
    drawn = draw(shape, source)
    if variation.strength <= 0:
        return drawn, source
    source_of_other = generator(variation.seed)
    other = draw(shape, source_of_other)
    if variation.strength >= 1:
        return other, source_of_other
    return turned(drawn, other, variation.strength), source


def turned(one: torch.Tensor, other: torch.Tensor, share: float) -> torch.Tensor:
    """Go a share of the arc from one noise to another, so that the length of noise is kept.

    Spherical interpolation (Shoemake 1985, "Animating Rotation with Quaternion Curves"); a mean
    of two noises would be weaker than either, and its picture without detail.
    """
    cosine = (one * other).sum() / (one.norm() * other.norm())
    if cosine > _PARALLEL:
        return torch.lerp(one, other, share)
    angle = torch.acos(cosine)
    return (torch.sin((1 - share) * angle) * one + torch.sin(share * angle) * other) / angle.sin()
