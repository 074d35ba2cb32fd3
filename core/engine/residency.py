"""Residency: which weights sit on the device, in RAM or nowhere, least recently used out first.

Knows parts by their handle and how to move them; how they are read from disk is the loader's
knowledge. All moves to the device happen under the baton, reads from disk beside it. A part with
adapters is made from the one without, which stays where it is for as long as the other is used.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from core.engine.baton import Baton
from core.engine.device import Device
from core.engine.hosting import Hosting
from core.engine.ladder import Rung, Shortage, climb
from core.engine.loader import Loader
from core.engine.memory import machine_memory
from core.engine.moves import Moves
from core.engine.part import Holder, Part, Weights, identities, key_of, plain, size_of
from core.engine.reader import Reader
from core.engine.speed import Speed
from core.engine.values import Handle, placed

__all__ = ["Residency", "Weights", "size_of"]

_SLICE = 0.1  # seconds between two looks at a waiter's job
_RESERVE = 0.1  # share of the device's memory that stays free of weights, for working memory


class Residency:
    """Weights by handle: on the device, in RAM, or absent.

    :param ram: bytes in RAM beyond which idle parts are forgotten; 0 means half of the machine's.
    :param vram: bytes on the device that weights never exceed; 0 means all but a share that stays
        free for working memory. On the CPU ``ram`` is the bound of both.
    :param tier: how networks are arranged once they are read.
    """

    def __init__(
        self,
        device: Device,
        baton: Baton,
        loader: Loader,
        ram: int = 0,
        vram: int = 0,
        tier: Speed = "plain",
    ) -> None:
        self._device = device
        self._baton = baton
        self._reader = Reader(device, baton, loader, tier)
        self._ram = ram or machine_memory() // 2
        self._vram = vram
        self._parts: dict[Handle, Part] = {}
        self._moves = Moves(device, lambda: list(self._parts.values()))
        self._lock = threading.Lock()
        self.hosting = Hosting(device, self._parts, self._lock, self._trim)

    @contextmanager
    def use(self, handle: Handle, job: Holder) -> Iterator[nn.Module]:
        """Give a part that works on the device, in evaluation mode, until the block ends.

        Must be called without the baton, which the move to the device takes for itself. Where it
        does not fit, its weights stay in RAM and are moved in block by block.

        :raises Cancelled: while it waits.
        :raises ModelUnreadable: when the loader cannot read it.
        :raises OutOfMemory: when it does not fit even so.
        """
        handle = placed(handle)
        if not handle.adapters and not handle.image_adapters:
            with self._using(handle, job) as part:
                yield part.there
            return
        with self._using(plain(handle), job) as lender, self._using(handle, job, lender) as part:
            yield part.there

    @contextmanager
    def _using(self, handle: Handle, job: Holder, lender: Part | None = None) -> Iterator[Part]:
        part = self._pin(handle)
        try:
            self._load(part, job, lender)
            yield part
        finally:
            with self._lock:
                part.pins -= 1
                part.used = time.monotonic()
                if part.offloaded and not part.pins:
                    self._moves.restore(part)
                if part.module is None and not part.pins:
                    self._parts.pop(part.key, None)

    def make_room(self, needed: int) -> bool:
        """Move idle parts off the device until ``needed`` bytes are free there.

        :returns: whether they are. On the CPU, device and RAM are one: idle parts are dropped.
        """
        for part in self._idle():
            if self._device.free() >= needed:
                return True
            self._evict(part)
        if self._device.free() < needed:
            self.hosting.ask()
        return self._device.free() >= needed

    def evict_idle(self) -> int:
        """Take every part that nobody uses off the device; give the bytes that freed.

        Only under the baton.
        """
        freed = 0
        for part in self._idle():
            freed += part.bytes
            self._evict(part)
        freed += self.hosting.ask()
        self._device.empty_cache()
        return freed

    def offload(self, module: nn.Module) -> bool:
        """Take a part's weights into RAM, from where it works on, until nobody uses it.

        Only under the baton, and not while the module is running.

        :returns: whether that made room: not on the CPU, nor for a module of others.
        """
        with self._lock:
            part = next((p for p in self._parts.values() if p.module is module), None)
            moved = [p for p in (part, part and part.lender) if p is not None and p.on_device]
            if not moved or self._device.is_cpu or any(one.hosted for one in moved):
                return False
            for one in moved:
                self._moves.take_away(one)
                self._moves.offload(one)
            return True

    def room(self) -> int:
        """Count the bytes of the device that are free, or would be without idle parts."""
        return self._device.free() + sum(part.bytes for part in self._idle())

    def unload(self, identity: str | None = None) -> None:
        """Forget idle parts altogether: those of one checkpoint, or all."""
        with self._lock:
            for handle, part in list(self._parts.items()):
                if not part.pins and (identity is None or identity in identities(handle)):
                    self._forget(part)
        self._device.empty_cache()

    def identities(self) -> list[str]:
        """Name the checkpoints of which something is in memory."""
        parts = list(self._parts.values())  # without the lock: heartbeats must not wait for a move
        there = [identities(p.handle) for p in parts if p.module is not None and not p.hosted]
        return sorted({identity for found in there for identity in found})

    def weights(self) -> Weights:
        """Count the bytes of weights, and what they may be. Never waits."""
        on_device, in_ram = self.figures()
        if self._device.is_cpu:
            return Weights(0, on_device + in_ram, 0, self._ram)
        return Weights(on_device, in_ram, self._most(), self._ram)

    def figures(self) -> tuple[int, int]:
        """Count the bytes of weights on the device and in RAM."""
        parts = [part for part in list(self._parts.values()) if part.module is not None]
        on_device = sum(part.bytes for part in parts if part.on_device)
        return on_device, sum(part.bytes for part in parts) - on_device

    def _pin(self, handle: Handle) -> Part:
        with self._lock:
            part = self._parts.setdefault(key_of(handle), Part(handle))
            if part.module is None:
                part.handle = handle  # the newest way to the files
            part.pins += 1
            return part

    def _load(self, part: Part, job: Holder, lender: Part | None) -> None:
        while not part.lock.acquire(timeout=_SLICE):
            job.check()
        try:
            job.check()
            if lender is not None:
                self._share(lender, job)
            if part.offloaded:  # by another job, which holds it
                job.degrade("offload", Shortage(part.bytes, self._device.free()))
                return
            if part.module is None or not part.on_device:
                job.tell("load")
            if part.module is None:
                self._trim(0 if lender is not None else self._reader.size(part.handle))
                self._reader.read(part, job, lender)
                if lender is not None:  # how much it would be was not known before
                    self._trim(0)
            if not part.on_device:
                self._move_in(part, job)
        finally:
            part.lock.release()

    def _move_in(self, part: Part, job: Holder) -> None:
        if self._device.is_cpu:
            part.on_device = True
            return
        reserve = int(self._device.total() * _RESERVE)
        with self._baton.hold(job.id, "load", check=job.check):
            lacking = self._within(part.bytes)
            if lacking is not None:
                self._offload(part)
                job.degrade("offload", lacking)
                return
            self.make_room(part.bytes + reserve)
            climb(
                lambda: None if part.offloaded else self._moves.bring(part),
                (
                    Rung("evict_idle", lambda: self.evict_idle() > 0),
                    Rung("offload", lambda: self._offload(part)),
                ),
                device=self._device,
                tell=job.degrade,
                expected=lambda: part.bytes,
            )

    def _within(self, coming: int) -> Shortage | None:
        """Keep to the device's budget: idle parts make way; say what is lacking all the same."""
        if not self._vram:
            return None
        for part in self._idle():
            if self.figures()[0] + coming <= self._vram:
                break
            self._evict(part)
        if self.figures()[0] + coming > self._vram:
            self.hosting.ask()
        free = self._vram - self.figures()[0]
        return None if coming <= free else Shortage(needed=coming, free=max(0, free))

    def _offload(self, part: Part) -> bool:
        self._moves.offload(part)
        return True

    def _share(self, lender: Part, job: Holder) -> None:
        if lender.offloaded:
            with self._baton.hold(job.id, "load", check=job.check):
                self._moves.share(lender)

    def _most(self) -> int:
        return self._vram or self._device.total() - int(self._device.total() * _RESERVE)

    def _idle(self) -> list[Part]:
        """List parts on the device that nobody uses, in the order in which they make way."""
        with self._lock:
            parts = [p for p in self._parts.values() if p.on_device and not p.pins]
        return sorted(parts, key=lambda part: part.turn)

    def _evict(self, part: Part) -> None:
        with self._lock:
            if part.pins or part.module is None:
                return
            if self._device.is_cpu:
                self._forget(part)
                return
            self._moves.take_away(part)
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
            for part in sorted(idle, key=lambda part: part.turn):
                if counted + coming <= self._ram:
                    return
                counted -= part.bytes
                self._forget(part)

    def _forget(self, part: Part) -> None:
        """Let go of an idle part, and of what was made from it; those are idle as well."""
        for one in [p for p in self._parts.values() if p is part or p.lender is part]:
            one.drop()
            self._parts.pop(one.key, None)
