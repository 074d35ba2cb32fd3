"""Residency: which weights sit on the device, in RAM or nowhere, least recently used out first.

Knows parts by their handle and how to move them; how they are read from disk is the loader's
knowledge. All moves to the device happen under the baton, reads from disk beside it.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import torch
from torch import nn

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.ladder import Rung, Shortage, climb
from core.engine.loader import Loader
from core.engine.memory import machine_memory
from core.engine.values import Handle

log = logging.getLogger(__name__)

_SLICE = 0.1  # seconds between two looks at a waiter's job
_RESERVE = 0.1  # share of the device's memory that stays free of weights, for working memory


class _Holder(Protocol):
    """The job that asks; ``core.engine.context.Job`` is one."""

    id: str

    def check(self) -> None: ...

    def degrade(self, rung: str, shortage: Shortage) -> None: ...

    @property
    def tell(self) -> Callable[[str], None]: ...


class _Part:
    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.module: nn.Module | None = None
        self.bytes = 0
        self.on_device = False
        self.offloaded = False  # its weights lie in RAM, and it works on the device
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
        """Give a part that works on the device, in evaluation mode, until the block ends.

        Must be called without the baton, which the move to the device takes for itself. Where it
        does not fit, its weights stay in RAM and are moved in block by block.

        :raises Cancelled: while it waits.
        :raises ModelUnreadable: when the loader cannot read it.
        :raises OutOfMemory: when it does not fit even so.
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
                if part.offloaded and not part.pins:
                    self._restore(part)
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
        """Take every part that nobody uses off the device; give the bytes that freed.

        Only under the baton.
        """
        freed = 0
        for part in self._idle():
            freed += part.bytes
            self._evict(part)
        self._device.empty_cache()
        return freed

    def offload(self, module: nn.Module) -> bool:
        """Take a part's weights into RAM, from where it works on, until nobody uses it.

        Only under the baton, and not while the module is running.

        :returns: whether that made room: not on the CPU, nor for a module of others.
        """
        with self._lock:
            part = next((p for p in self._parts.values() if p.module is module), None)
            if part is None or not part.on_device or self._device.is_cpu:
                return False
            self._device.carrier.take_away(module)
            part.on_device = False
            self._offload(part)
            return True

    def room(self) -> int:
        """Count the bytes of the device that are free, or would be without idle parts."""
        return self._device.free() + sum(part.bytes for part in self._idle())

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
            if part.offloaded:  # by another job, which holds it
                job.degrade("offload", Shortage(part.bytes, self._device.free()))
                return
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
        # Read in inference mode, weights would be inference tensors and could not be trained.
        with self._baton.aside("load"), torch.inference_mode(False):
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
            climb(
                lambda: self._bring(part),
                (
                    Rung("evict_idle", lambda: self.evict_idle() > 0),
                    Rung("offload", lambda: self._offload(part)),
                ),
                device=self._device,
                tell=job.degrade,
                expected=lambda: part.bytes,
            )

    def _bring(self, part: _Part) -> None:
        if not part.offloaded:
            assert part.module is not None
            self._device.carrier.bring(part.module)
            part.on_device = True

    def _offload(self, part: _Part) -> bool:
        assert part.module is not None
        self._device.carrier.offload(part.module)
        part.offloaded = True
        return True

    def _restore(self, part: _Part) -> None:
        assert part.module is not None
        self._device.carrier.restore(part.module)
        part.offloaded = False

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
            self._device.carrier.take_away(part.module)
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
