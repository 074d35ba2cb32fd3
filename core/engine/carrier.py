"""The carrier: how weights come onto the device and leave it, whole or block by block.

Knows modules and places. Who is moved and when is residency's knowledge.
"""

import torch
from torch import nn

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
        from accelerate import cpu_offload

        with torch.inference_mode(False):
            cpu_offload(module, self._device)

    def restore(self, module: nn.Module) -> None:
        """Undo ``offload``: the module lies in RAM, and is an ordinary one again."""
        from accelerate.hooks import remove_hook_from_submodules

        with torch.inference_mode(False):
            remove_hook_from_submodules(module)


def place_of(module: nn.Module) -> torch.device:
    """Say where a module works, and its inputs belong: not where an offloaded one lies."""
    for part in module.modules():
        hook = getattr(part, "_hf_hook", None)
        place = getattr(hook, "execution_device", None)
        if place is not None:
            return torch.device(place)
    return next(module.parameters()).device
