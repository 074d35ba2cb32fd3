"""The carrier: how weights come onto the device and leave it, whole or block by block.

Knows modules and places. Who is moved and when is residency's knowledge.
"""

from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

_RAM = torch.device("cpu")


class Carrier:
    """Moves modules between RAM and one device. Only under the baton."""

    def __init__(self, device: torch.device) -> None:
        self._device = device

    def bring(self, module: nn.Module) -> None:
        """Move a module onto the device. When it does not fit it lies in RAM, as before.

        :raises torch.OutOfMemoryError: when it does not fit.
        """
        moved = False
        try:
            # Moved in inference mode, weights would be inference tensors and could not be trained.
            with torch.inference_mode(False):
                module.to(self._device)
            moved = True
        finally:
            if not moved:
                self.take_away(module)

    def take_away(self, module: nn.Module) -> None:
        """Move a module into RAM."""
        with torch.inference_mode(False):
            module.to(_RAM)

    def offload(self, module: nn.Module) -> None:
        """Let a module that lies in RAM work on the device.

        The weights of each block are moved in for its turn, and dropped after it: slow, but it
        takes no more of the device than the largest block.
        """
        # Not accelerate's ``cpu_offload``: it empties torch's cache for each weight that visits.
        hooks = [hook for block in module.modules() for hook in self._visits(block)]
        module._offloaded = _Offloaded(self._device, hooks)  # type: ignore[assignment]

    def restore(self, module: nn.Module) -> None:
        """Undo ``offload``: the module lies in RAM, and is an ordinary one again."""
        offloaded = module.__dict__.pop("_offloaded", None)
        if offloaded is not None:
            for hook in offloaded.hooks:
                hook.remove()

    def _visits(self, block: nn.Module) -> list[RemovableHandle]:
        """Let a block's own weights be on the device while it runs, or fails."""
        tables: tuple[dict[str, Any], ...] = (block._parameters, block._buffers)
        kept = [
            (table, name, tensor)
            for table in tables
            for name, tensor in table.items()
            if tensor is not None
        ]

        def come(*_: object) -> None:
            with torch.inference_mode(False):
                for table, name, tensor in kept:
                    there = tensor.data.to(self._device, non_blocking=True)
                    is_weight = isinstance(tensor, nn.Parameter)
                    table[name] = nn.Parameter(there, tensor.requires_grad) if is_weight else there

        def leave(*_: object) -> None:
            for table, name, tensor in kept:
                table[name] = tensor

        if not kept:
            return []
        return [
            block.register_forward_pre_hook(come),
            block.register_forward_hook(leave, always_call=True),
        ]


class _Offloaded(NamedTuple):
    """What a module remembers while it is offloaded."""

    device: torch.device
    hooks: list[RemovableHandle]


def place_of(module: nn.Module) -> torch.device:
    """Say where a module works, and its inputs belong: not where an offloaded one lies.

    A twin works where those do that its tensors are of.
    """
    for one in (module, *module.__dict__.get("_lent_by", ())):
        offloaded = one.__dict__.get("_offloaded")
        if offloaded is not None:
            place: torch.device = offloaded.device
            return place
    return next(module.parameters()).device
