"""Reading: a part comes from disk into RAM, and is arranged for the device that it will work on.

Knows who loads, in which number format and in which tier of speed; which parts are wanted, and what
makes way for them, is residency's knowledge.
"""

import logging
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import torch

from core.engine import speed
from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.loader import Loader
from core.engine.part import Part, dtype_of
from core.engine.values import Handle

log = logging.getLogger(__name__)


class _Asker(Protocol):
    id: str

    @property
    def check(self) -> Callable[[], None]: ...


class Reader:
    """Reads parts for one device."""

    def __init__(self, device: Device, baton: Baton, loader: Loader, tier: speed.Speed) -> None:
        self._device = device
        self._baton = baton
        self._loader = loader
        self._tier = tier
        if tier == "compiled" and speed.compiles(device.torch):
            speed.watch(baton.moved)

    def size(self, handle: Handle) -> int:
        """Estimate the bytes that a part will take; 0 if unknown."""
        return self._loader.size(handle, dtype_of(handle, self._device.dtype))

    def read(self, part: Part, job: _Asker, lender: Part | None) -> None:
        """Read a part, or make it of the one that lends it its layers.

        :raises Cancelled: while it waits for the device.
        :raises ModelUnreadable: when the loader cannot read it.
        """
        since = time.monotonic()
        # Read in inference mode, weights would be inference tensors and could not be trained.
        with self._beside(lender, job), torch.inference_mode(False):
            if lender is None:
                dtype = dtype_of(part.handle, self._device.dtype)
                module = own = self._loader.load(part.handle, dtype)
                speed.prepare(module, self._tier, self._device.torch)
            else:
                module, own = self._loader.adapt(part.handle, lender.there)
                speed.finish(module, self._tier, self._device.torch)
        module.eval().requires_grad_(False)
        part.hold(module, own, lender)
        log.info(
            "Loaded %s of %s with %d adapters: %d MiB in %.2f s",
            part.handle.part, part.handle.path, len(part.handle.adapters), part.bytes >> 20,
            time.monotonic() - since,
            extra={"action": "load"},
        )  # fmt: skip

    def _beside(self, lender: Part | None, job: _Asker) -> AbstractContextManager[object]:
        """Say how a part is read: merging works on the device where the weights lie there."""
        if lender is None or self._device.is_cpu:
            return self._baton.aside("load")
        return self._baton.hold(job.id, "load", check=job.check)
