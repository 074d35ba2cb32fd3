"""Layers of a file that are several of a network's: which rows of a change each of them gets.

The weight of the file's layer is those of the network's, one below the other. Knows modules and
tensors; neither names in files (``dialects``) nor formulas (``deltas``).
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import nn

from core.engine.models.gguf import dense

_BY_ROWS = frozenset({"up", "down", "alpha", "bias"})  # a change of these can be made row by row


class Share(NamedTuple):
    """What a module has of a file's layer."""

    names: tuple[str, ...]  # of the modules that are the layer, in the order of their rows
    place: int  # of the module among them
    turned: bool = False  # its halves lie the other way round in the file

    def rows(self, modules: Mapping[str, nn.Module]) -> torch.Tensor:
        """Give the rows of the layer's weight that are the module's, in its own order."""
        counts = [int(_weight(modules[name]).shape[0]) for name in self.names]
        first = sum(counts[: self.place])
        rows = torch.arange(first, first + counts[self.place])
        return rows.roll(len(rows) // 2) if self.turned else rows

    def count(self, modules: Mapping[str, nn.Module]) -> int:
        """Count the rows of the layer's weight."""
        return sum(int(_weight(modules[name]).shape[0]) for name in self.names)

    def whole(self, modules: Mapping[str, nn.Module]) -> torch.Tensor:
        """Give the weight of the layer as the file means it, float32 on the modules' device."""
        whole = torch.cat([dense(_weight(modules[name])) for name in self.names])
        return whole.roll(len(whole) // 2, dims=0) if self.turned else whole


def narrowed(
    tensors: Mapping[str, torch.Tensor], rows: torch.Tensor, count: int
) -> dict[str, torch.Tensor] | None:
    """Give the tensors of some rows alone; ``None`` where a change is not made row by row.

    :param count: of the rows that the layer has.
    """
    kept = [tensors[role] for role in ("up", "bias") if role in tensors]
    if not tensors.keys() <= _BY_ROWS or any(len(one) != count for one in kept):
        return None
    return {role: one[rows] if role in ("up", "bias") else one for role, one in tensors.items()}


def busy(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Leave out the ranks of a layer that add nothing to it, being those of its neighbours' rows.

    Its scale stays as it was. Where no rank adds anything all of them are kept.
    """
    adds = tensors["up"].flatten(1).any(dim=0)
    if adds.all() or not adds.any():
        return dict(tensors)
    return {**tensors, "up": tensors["up"][:, adds], "down": tensors["down"][adds]}


def _weight(module: nn.Module) -> torch.Tensor:
    weight = module.weight
    assert isinstance(weight, torch.Tensor)
    return weight
