"""Residency: which weights sit on the device, in RAM or nowhere, least recently used out first.

Knows parts by their handle and how to move them; how they are read from disk is the loader's
knowledge. All moves to the device happen under the baton, reads from disk beside it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Protocol

import torch
from torch import nn

from core.engine.baton import Baton
from core.engine.device import Device, out_of_memory
from core.engine.memory import machine_memory
from core.engine.values import Handle
from core.errors import OutOfMemory

log = logging.getLogger(__name__)

_SLICE = 0.1  # seconds between two looks at a waiter's job
_RESERVE = 0.1  # share of the device's memory that stays free of weights, for working memory


class Loader(Protocol):
    """How parts come from disk."""

    def size(self, handle: Handle, dtype: torch.dtype) -> int:
        """Estimate the bytes the part will take; 0 if unknown."""

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        """Read the part into RAM; what is no weight hangs on the module as plain attributes.

        :raises ModelUnreadable: when files are missing or not of the family.
        """


class LazyLoader:
    """The loader of ``core.engine.models.load``, imported late.

    So an engine says hello before it has imported diffusers and transformers, which take longer
    than torch. ``warm`` imports them meanwhile; who loads waits for it, since two threads that
    import such libraries at once may find half a module.
    """

    def __init__(self) -> None:
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
        from core.engine.models.load import size

        return size(handle, dtype)

    def load(self, handle: Handle, dtype: torch.dtype) -> nn.Module:
        """Read the part into RAM."""
        from core.engine.models.load import load

        with self._lock:  # held for as long as a warm-up takes
            pass
        return load(handle, dtype)


class _Holder(Protocol):
    """The job that asks; ``core.engine.context.Job`` is one."""

    id: str

    def check(self) -> None: ...

    @property
    def tell(self) -> Callable[[str], None]: ...


class _Part:
    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.module: nn.Module | None = None
        self.bytes = 0
        self.on_device = False
        self.pins = 0
        self.used = time.monotonic()
        self.lock = threading.Lock()  # one loads, others wait for it


class Residency:
    """Weights by handle: on the device, in RAM (within ``ram`` bytes), or absent."""

    def __init__(self, device: Device, baton: Baton, loader: Loader, ram: int = 0) -> None:
        self._device = device
        self._baton = baton
        self._loader = loader
        self._ram = ram or machine_memory() // 2
        self._parts: dict[Handle, _Part] = {}
        self._lock = threading.Lock()

    @contextmanager
    def use(self, handle: Handle, job: _Holder) -> Iterator[nn.Module]:
        """Give a part, on the device, in evaluation mode; it stays there while the block runs.

        Must be called without the baton, which the move to the device takes for itself.

        :raises Cancelled: while it waits.
        :raises ModelUnreadable: when the loader cannot read it.
        :raises OutOfMemory: when it does not fit with everything idle evicted.
        """
        part = self._pin(handle)
        try:
            self._load(part, job)
            assert part.module is not None
            yield part.module
        finally:
            with self._lock:
                part.pins -= 1
                part.used = time.monotonic()
                if part.module is None and not part.pins:
                    self._parts.pop(handle, None)

    def make_room(self, needed: int) -> bool:
        """Move idle parts off the device until ``needed`` bytes are free there.

        :returns: whether they are. On the CPU, device and RAM are one: idle parts are dropped.
        """
        for part in self._idle():
            if self._device.free() >= needed:
                return True
            self._evict(part)
        return self._device.free() >= needed

    def evict_idle(self) -> int:
        """Take every part that nobody uses off the device; give the bytes that freed."""
        freed = 0
        for part in self._idle():
            freed += part.bytes
            self._evict(part)
        self._device.empty_cache()
        return freed

    def unload(self, identity: str | None = None) -> None:
        """Forget idle parts altogether: those of one checkpoint, or all."""
        with self._lock:
            for handle, part in list(self._parts.items()):
                if part.pins or identity not in (None, handle.identity):
                    continue
                part.module = None
                del self._parts[handle]
        self._device.empty_cache()

    def identities(self) -> list[str]:
        """Name the checkpoints of which something is in memory."""
        parts = list(self._parts.values())  # without the lock: heartbeats must not wait for a move
        return sorted({part.handle.identity for part in parts if part.module is not None})

    def figures(self) -> tuple[int, int]:
        """Count the bytes of weights on the device and in RAM."""
        parts = [part for part in list(self._parts.values()) if part.module is not None]
        on_device = sum(part.bytes for part in parts if part.on_device)
        return on_device, sum(part.bytes for part in parts) - on_device

    def _pin(self, handle: Handle) -> _Part:
        with self._lock:
            part = self._parts.setdefault(handle, _Part(handle))
            part.pins += 1
            return part

    def _load(self, part: _Part, job: _Holder) -> None:
        while not part.lock.acquire(timeout=_SLICE):
            job.check()
        try:
            job.check()
            if part.module is None or not part.on_device:
                job.tell("load")
            if part.module is None:
                self._read(part)
            if not part.on_device:
                self._move_in(part, job)
        finally:
            part.lock.release()

    def _read(self, part: _Part) -> None:
        expected = self._loader.size(part.handle, self._device.dtype)
        self._trim(expected)
        since = time.monotonic()
        with self._baton.aside("load"):
            module = self._loader.load(part.handle, self._device.dtype)
        module.eval().requires_grad_(False)
        part.bytes = size_of(module)
        part.module = module
        log.info(
            "Loaded %s of %s: %d MiB in %.2f s",
            part.handle.part, part.handle.path, part.bytes >> 20, time.monotonic() - since,
            extra={"action": "load"},
        )  # fmt: skip

    def _move_in(self, part: _Part, job: _Holder) -> None:
        assert part.module is not None
        if self._device.is_cpu:
            part.on_device = True
            return
        reserve = int(self._device.total() * _RESERVE)
        with self._baton.hold(job.id, "load", check=job.check):
            self.make_room(part.bytes + reserve)
            if not self._try_move(part):
                self.evict_idle()
                if not self._try_move(part):
                    raise OutOfMemory(needed=part.bytes, free=self._device.free())

    def _try_move(self, part: _Part) -> bool:
        assert part.module is not None
        try:
            part.module.to(self._device.torch)
        except RuntimeError as error:
            if not out_of_memory(error):
                raise
            failed = True
        else:
            failed = False
        if failed:  # outside the except, so that the traceback keeps no tensors alive
            part.module.to("cpu")
            return False
        part.on_device = True
        return True

    def _idle(self) -> list[_Part]:
        """List parts on the device that nobody uses, least recently used first."""
        with self._lock:
            parts = [p for p in self._parts.values() if p.on_device and not p.pins]
        return sorted(parts, key=lambda part: part.used)

    def _evict(self, part: _Part) -> None:
        with self._lock:
            if part.pins or part.module is None:
                return
            if self._device.is_cpu:
                self._forget(part)
                return
            part.module.to("cpu")
            part.on_device = False
        self._trim(0)

    def _trim(self, coming: int) -> None:
        """Forget idle parts in RAM until what lies there, and what is coming, is within bounds."""
        with self._lock:
            idle = [
                p for p in self._parts.values()
                if p.module is not None and not p.pins and (self._device.is_cpu or not p.on_device)
            ]  # fmt: skip
            counted = sum(
                p.bytes for p in self._parts.values() if self._device.is_cpu or not p.on_device
            )
            for part in sorted(idle, key=lambda part: part.used):
                if counted + coming <= self._ram:
                    return
                counted -= part.bytes
                self._forget(part)

    def _forget(self, part: _Part) -> None:
        part.module = None
        part.on_device = False
        self._parts.pop(part.handle, None)


def size_of(module: nn.Module) -> int:
    """Count the bytes of a module's parameters and buffers, shared ones once."""
    tensors = {t.data_ptr(): t for t in (*module.parameters(), *module.buffers())}
    return sum(t.nbytes for t in tensors.values())
