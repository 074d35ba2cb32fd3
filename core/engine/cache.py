"""The outputs of nodes by key, least recently used out first, within a bound of bytes.

Whoever needs an output that another job is just making waits for that one. Knows values, not
nodes.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

import torch
from msgspec import Struct

Outputs = Mapping[str, Any]  # port → value

_OVERHEAD = 512  # bytes an entry takes beside its tensors
_SLICE = 0.1  # seconds between two looks at a waiter's job


class _Flight:
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.outputs: Outputs | None = None


class Cache:
    """Outputs by key, shared by all jobs. Values are never changed by those who take them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit  # bytes
        self._bytes = 0
        self._entries: OrderedDict[bytes, tuple[Outputs, int]] = OrderedDict()
        self._flights: dict[bytes, _Flight] = {}
        self._lock = threading.Lock()

    def get_or_make(
        self, key: bytes, make: Callable[[], Outputs], check: Callable[[], None]
    ) -> tuple[Outputs, bool]:
        """Give the outputs under ``key``, made by ``make`` if they are not there.

        One caller makes, others who come meanwhile wait for it; if it fails, the next one makes.

        :param check: called while waiting, ten times a second; may raise to give up.
        :returns: the outputs, and whether somebody else had made them.
        """
        while True:
            with self._lock:
                entry = self._entries.get(key)
                if entry is not None:
                    self._entries.move_to_end(key)
                    return entry[0], True
                flight = self._flights.get(key)
                mine = flight is None
                if flight is None:
                    flight = self._flights[key] = _Flight()
            if mine:
                return self._fly(key, flight, make), False
            while not flight.landed.wait(_SLICE):
                check()
            if flight.outputs is not None:
                return flight.outputs, True

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0

    def figures(self) -> tuple[int, int]:
        """Count entries and bytes."""
        return len(self._entries), self._bytes

    def _fly(self, key: bytes, flight: _Flight, make: Callable[[], Outputs]) -> Outputs:
        try:
            flight.outputs = make()
            self._put(key, flight.outputs)
            return flight.outputs
        finally:
            with self._lock:
                del self._flights[key]
            flight.landed.set()

    def _put(self, key: bytes, outputs: Outputs) -> None:
        size = size_of(outputs) + _OVERHEAD
        if size > self._limit:
            return
        with self._lock:
            self._entries[key] = (outputs, size)
            self._bytes += size
            while self._bytes > self._limit:
                _, (_, freed) = self._entries.popitem(last=False)
                self._bytes -= freed


def size_of(value: Any) -> int:
    """Count the bytes of the tensors and texts in a value, however deep."""
    if isinstance(value, torch.Tensor):
        return value.untyped_storage().nbytes()
    if isinstance(value, (str, bytes)):
        return len(value)
    if isinstance(value, Struct):
        return sum(size_of(getattr(value, name)) for name in value.__struct_fields__)
    if isinstance(value, Mapping):
        return sum(size_of(item) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(size_of(item) for item in value)
    return 0
