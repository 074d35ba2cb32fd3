"""Going on from a LoRA: its matrices are taken where they fit, else merged and trained on top of.

Reads files of any dialect and kind (``adapters``). What was merged of low rank is published with
what is trained on top, so the result is whole; of other kinds it is not, and is needed beside.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from core.engine.adapters import fused, merge
from core.engine.adapters.deltas import rank_of
from core.engine.adapters.files import AdapterFile, Layer, Names
from core.engine.train.export.kohya import Matrices
from core.engine.values import Handle
from core.errors import ModelUnreadable

_PLAIN = frozenset({"down", "up", "alpha"})
_ADAPTER = "default"


class Start(NamedTuple):
    """What a LoRA gives of one part."""

    taken: Mapping[str, Matrices]  # by layer: what its matrices begin as
    changes: Mapping[str, dict[str, torch.Tensor]]  # of all other layers: new tensors, in RAM
    carried: Mapping[str, Matrices]  # what of those changes is of low rank
    whole: bool  # whether all of them are


class File:
    """A LoRA's file, for the parts of a base.

    :raises ModelUnreadable: as ``AdapterFile``.
    """

    def __init__(self, path: Path, family: str) -> None:
        self._file, self._path, self._family = AdapterFile(str(path)), path, family
        self.name = self._file.name

    def of(self, part: str, network: nn.Module, fitting: Collection[str], rank: int) -> Start:
        """Read what it gives of a part.

        :param fitting: layers that have matrices of ``rank``, which may take those of the file.
        :raises ModelUnreadable: ``adapter_misfit`` when it was made for another network.
        """
        modules = {
            name: one
            for name, one in network.named_modules()
            if isinstance(getattr(one, "weight", None), torch.Tensor)
        }
        layers = self._file.layers(part)
        blocks = getattr(network.config, "layers_per_block", 0)
        found = list(Names(modules.keys(), blocks if isinstance(blocks, int) else 0).find(layers))
        if layers and not found:
            raise ModelUnreadable("adapter_misfit", model=self._file.name, family=self._family)
        handle = Handle(identity="", path=str(self._path), family=self._family, part=part)
        taken: dict[str, Matrices] = {}
        carried: dict[str, Matrices] = {}
        merged: dict[str, merge.Uses] = {}
        for name, layer in found:
            own = self._matrices(part, layer, modules)
            if own is not None and not own.tensors["lora_up"].any():
                continue  # rows of a neighbour alone
            twice = name in taken or name in merged
            if own is not None and name in fitting and own.rank <= rank and not twice:
                taken[name] = own
                continue
            merged.setdefault(name, []).append((self._file, layer, 1.0))
            if own is not None and not twice:
                carried[name] = own
        dtype = next(network.parameters()).dtype
        changes = {
            name: merge.merged(modules[name], handle, uses, dtype, modules)
            for name, uses in merged.items()
        }
        whole = merged.keys() == carried.keys() and all(len(one) == 1 for one in merged.values())
        return Start(taken, changes, carried, whole)

    def _matrices(
        self, part: str, layer: Layer, modules: Mapping[str, nn.Module]
    ) -> Matrices | None:
        """Read a layer's factors, float32; ``None`` where they are of another kind."""
        tensors = self._file.tensors(layer)
        if not {"down", "up"} <= tensors.keys() <= _PLAIN:
            return None
        rank = rank_of(tensors)
        assert rank is not None
        scale = self._file.scale(part, layer, tensors, rank)
        if layer.share is not None:
            rows, count = layer.share.rows(modules), layer.share.count(modules)
            narrow = fused.narrowed(tensors, rows, count)
            if narrow is None:
                return None
            tensors = fused.busy(narrow)
        down, up = tensors["down"].float(), tensors["up"].float()
        return Matrices({"lora_down": down, "lora_up": up}, len(down), scale)


def begin(layers: Mapping[str, Any], taken: Mapping[str, Matrices]) -> None:
    """Let matrices begin as those of a file; what they have more of adds nothing yet.

    :param layers: peft's, by the name of what they change.
    :raises ValueError: when shapes do not fit.
    """
    with torch.no_grad():
        for name, one in taken.items():
            layer = layers[name]
            down, up = layer.lora_A[_ADAPTER].weight, layer.lora_B[_ADAPTER].weight
            scale = one.scale / layer.scaling[_ADAPTER]
            first, second = one.tensors["lora_down"], one.tensors["lora_up"]
            fits = first.numel() == one.rank * down[0].numel() and (
                second.numel() == one.rank * up.shape[0]
            )
            if not fits:
                raise ValueError(f"{name} is of another shape")
            down[: one.rank] = first.reshape(one.rank, *down.shape[1:])
            up[:, : one.rank] = (second * scale).reshape(-1, one.rank, *up.shape[2:])
