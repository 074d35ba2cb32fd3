"""Randomness as a pure function of (seed, purpose, step).

Nothing here remembers anything, so a resumed run draws what the first would have drawn.
"""

import hashlib
import random

import torch


def mix(seed: int, purpose: str, step: int) -> int:
    """Mix the three into one number below 2^63."""
    digest = hashlib.sha256(f"{seed}/{purpose}/{step}".encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def make_random(seed: int, purpose: str, step: int) -> random.Random:
    """Make the standard library's generator."""
    return random.Random(mix(seed, purpose, step))


def make_generator(seed: int, purpose: str, step: int, device: str = "cpu") -> torch.Generator:
    """Make a torch generator; what it draws differs between kinds of device."""
    return torch.Generator(device).manual_seed(mix(seed, purpose, step))
