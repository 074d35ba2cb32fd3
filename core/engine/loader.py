"""Loaders: how parts of checkpoints come from disk into RAM.

Knows that there are files; where a part lies afterwards is residency's knowledge.
"""

import threading
from importlib import import_module
from typing import Protocol

import torch
from torch import nn

from core.engine.adapters.twin import Twin
from core.engine.values import SPANDREL, WHOLE, Handle
from core.ipc.commands import Quantize


class Loader(Protocol):
    """How parts come from disk."""

    def size(self, handle: Handle, dtype: torch.dtype) -> int:
        """Estimate the bytes the part will take; 0 if unknown."""

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        """Read the part into RAM; what is no weight hangs on the module as plain attributes.

        :raises ModelUnreadable: when files are missing or not of the family.
        """

    def adapt(self, handle: Handle, loaded: nn.Module) -> Twin:
        """Merge the adapters of a handle with the loaded part that they are put on.

        :raises ModelUnreadable: when one cannot be read, or is not for such a part.
        """


class LazyLoader:
    """The loader of ``core.engine.models.load``, imported late.

    So an engine says hello before it has imported diffusers and transformers, which take longer
    than torch. ``warm`` imports them meanwhile; who loads waits for it, since two threads that
    import such libraries at once may find half a module.

    :param quantize: how the weights of denoisers are kept (``models.quantize``).
    :param cuda: whether the device is one of CUDA's.
    """

    def __init__(self, quantize: Quantize = "none", cuda: bool = False) -> None:
        self._quantize: Quantize = quantize
        self._cuda = cuda
        self._lock = threading.Lock()

    def warm(self) -> None:
        """Import the classes of every family's parts."""
        from core.engine.models.families import FAMILIES

        with self._lock:
            for family in FAMILIES.values():
                for part in family.parts.values():
                    getattr(import_module(part.library), part.kind)

    def size(self, handle: Handle, dtype: torch.dtype) -> int:
        """Estimate the bytes the part will take; 0 if unknown."""
        if handle.format == SPANDREL:
            from core.engine.models import upscalers

            return upscalers.size(handle, dtype)
        if handle.part == WHOLE:
            from core.engine.pipelines import load as whole

            return whole.size(handle, dtype)
        from core.engine.models.load import size

        return size(handle, dtype, handle.narrow or self._quantize)

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        """Read the part into RAM."""
        from core.engine.models.load import load

        with self._lock:  # held for as long as a warm-up takes
            pass
        if handle.format == SPANDREL:
            from core.engine.models import upscalers

            return upscalers.load(handle, dtype)
        if handle.part == WHOLE:
            from core.engine.pipelines import load as whole

            return whole.load(handle, dtype)
        return load(handle, dtype, handle.narrow or self._quantize, self._cuda)

    def adapt(self, handle: Handle, loaded: nn.Module) -> Twin:
        """Merge the adapters of a handle with the loaded part that they are put on."""
        from core.engine.adapters.merge import adapt

        with self._lock:
            pass
        return adapt(handle, loaded)
