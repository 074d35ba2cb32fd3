"""Noise: drawn on the CPU in float32, one generator a picture.

A seed gives the same noise alone, in a batch of 8, and on another device. Knows no schedulers.
"""

import torch

_SEEDS = 2**53  # seeds stay exact in a browser's numbers


def generator(seed: int, index: int = 0) -> torch.Generator:
    """Make the generator of picture ``index`` of a batch: the seed counts on with the index."""
    return torch.Generator(device="cpu").manual_seed((seed + index) % _SEEDS)


def draw(shape: tuple[int, ...], source: torch.Generator) -> torch.Tensor:
    """Draw standard normal noise: float32, on the CPU."""
    return torch.randn(shape, generator=source, device="cpu", dtype=torch.float32)
