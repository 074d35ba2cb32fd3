"""What one entry of a batch is conditioned on: the tokens of a prompt, and perhaps their sum.

Knows tensors; neither prompts nor networks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch

from core.engine.values import Sizes


class Prompted(NamedTuple):
    """A prompt as a network takes it; all entries of a batch have the same shapes."""

    tokens: torch.Tensor  # (1, T, D)
    pooled: torch.Tensor | None = None  # (1, P), of networks that take it
    sizes: Sizes = Sizes()

    def to(self, device: torch.device, dtype: torch.dtype) -> "Prompted":
        """Give the same on a device, in a number format."""
        pooled = None if self.pooled is None else self.pooled.to(device, dtype)
        return self._replace(tokens=self.tokens.to(device, dtype), pooled=pooled)

    def zeros(self) -> "Prompted":
        """Give nothing at all, in the same shapes."""
        pooled = None if self.pooled is None else torch.zeros_like(self.pooled)
        return Prompted(torch.zeros_like(self.tokens), pooled)

    @property
    def shape(self) -> tuple[tuple[int, ...], tuple[int, ...] | None]:
        """Give the shapes of both."""
        return tuple(self.tokens.shape), None if self.pooled is None else tuple(self.pooled.shape)


def stacked(entries: Sequence[Prompted]) -> Prompted:
    """Lay E entries of one shape in a batch: (E, T, D) and (E, P)."""
    pooled = [entry.pooled for entry in entries if entry.pooled is not None]
    return Prompted(
        torch.cat([entry.tokens for entry in entries]), torch.cat(pooled) if pooled else None
    )


def blended(members: Sequence[tuple[float, Prompted]]) -> Prompted:
    """Mix prompts by their shares, in float32; one alone stays as it is, to the bit."""
    if len(members) == 1:
        return members[0][1]
    pooled = [(share, one.pooled) for share, one in members if one.pooled is not None]
    return Prompted(
        _mean([(share, one.tokens) for share, one in members]), _mean(pooled) if pooled else None
    )


def _mean(members: Sequence[tuple[float, torch.Tensor]]) -> torch.Tensor:
    mean = sum(share * tensor.float() for share, tensor in members)
    assert isinstance(mean, torch.Tensor)
    return mean.to(members[0][1].dtype)
