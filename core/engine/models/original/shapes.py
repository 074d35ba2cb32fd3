"""What shapes tell: how many blocks there are, and how wide they are."""

from collections.abc import Mapping
from typing import Any

import torch

Json = dict[str, Any]
Tensors = dict[str, torch.Tensor]

_MOST = 256  # blocks that are counted


def count(tensors: Mapping[str, object], pattern: str) -> int:
    """Count the blocks whose tensors are there, from 0 on; ``{}`` in the pattern is the number."""
    return next((n for n in range(_MOST) if pattern.format(n) not in tensors), _MOST)


def width(tensors: Mapping[str, torch.Tensor], name: str, axis: int = 0) -> int:
    """Give how long a weight is.

    :raises KeyError: when there is none of that name.
    """
    return int(tensors[name].shape[axis])


def without(tensors: Tensors, prefix: str) -> Tensors:
    """Take a prefix off the names that have it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
