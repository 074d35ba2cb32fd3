"""Hosting: networks that somebody else made, changes and owns, found by a handle like any other.

A training's weights are drawn with while they change: nodes ask for them by a handle, and get the
very tensors that the next step goes on with. They count among the weights, and never make way; who
is hosted may give other memory back when it is asked. Knows neither steps nor optimizers.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from torch import nn

from core.engine.device import Device
from core.engine.part import Part, key_of, size_of
from core.engine.values import Handle

Give = Callable[[], int]  # frees what it can of the device under the baton; bytes


class Hosting:
    """The guests of one residency.

    :param parts: the residency's own table, guarded by ``lock``.
    :param trim: forgets idle parts in RAM, so that so many bytes more are within bounds.
    """

    def __init__(
        self,
        device: Device,
        parts: dict[Handle, Part],
        lock: threading.Lock,
        trim: Callable[[int], None],
    ) -> None:
        self._device = device
        self._parts = parts
        self._lock = lock
        self._trim = trim
        self._givers: list[Give] = []

    @contextmanager
    def host(self, handle: Handle, module: nn.Module, own: int | None = None) -> Iterator[Part]:
        """Let a handle name a module, which works on the device, until the block ends.

        :param own: bytes that it takes, where it shares some with parts that are counted. What
            else belongs to it may be added to the part's ``bytes`` meanwhile.
        :raises ValueError: when something is in memory under the handle already.
        """
        part = Part(handle)
        part.hold(module, module, None)
        part.bytes = size_of(module) if own is None else own
        part.hosted = part.on_device = True
        part.pins = 1
        self._trim(part.bytes)
        with self._lock:
            if part.key in self._parts:
                raise ValueError(f"{handle.identity} is in memory already")
            self._parts[part.key] = part
        try:
            yield part
        finally:
            with self._lock:
                del self._parts[part.key]

    def adopt(self, handle: Handle, module: nn.Module) -> bool:
        """Take a module that lies on the device for the part that a handle names, from now on.

        As if it had been read from the handle's files: the caller lets go of it.

        :returns: whether it was taken; not where the part is in memory already.
        """
        module.eval().requires_grad_(False)
        part = Part(handle)
        part.hold(module, module, None)
        part.on_device = True
        self._trim(part.bytes)
        with self._lock:
            return self._parts.setdefault(key_of(handle), part) is part

    @contextmanager
    def giving(self, give: Give) -> Iterator[None]:
        """Ask somebody to give memory back, whenever idle parts are not enough, for the block."""
        self._givers.append(give)
        try:
            yield
        finally:
            self._givers.remove(give)

    def ask(self) -> int:
        """Ask all for what they can give; give the bytes that freed. Only under the baton."""
        if self._device.is_cpu:  # what leaves the device would only lie where it lay
            return 0
        return sum(give() for give in tuple(self._givers))
