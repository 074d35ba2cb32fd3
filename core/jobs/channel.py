"""A bounded queue between two tasks of one event loop, with a sync way in."""

from collections import deque
from typing import Generic, Self, TypeVar

import anyio

T = TypeVar("T")


class Channel(Generic[T]):
    """At most ``limit`` items in order; one receiver. When it is full, ``send`` waits.

    Needs no closing to be forgotten, and does not yield while an item is at hand.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._items: deque[T] = deque()
        self._filled = anyio.Event()
        self._taken = anyio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    def send_nowait(self, item: T) -> bool:
        """Append an item; ``False`` when the channel is full or closed."""
        if self._closed or len(self._items) >= self._limit:
            return False
        self._items.append(item)
        self._filled.set()
        return True

    async def send(self, item: T) -> None:
        """Append an item; waits while the channel is full. An item for a closed one is dropped."""
        while not self.send_nowait(item) and not self._closed:
            if self._taken.is_set():  # several may wait on one: all look again when it is set
                self._taken = anyio.Event()
            await self._taken.wait()

    def close(self) -> None:
        """Take nothing more; the receiver gets what is left, then the end."""
        self._closed = True
        self._filled.set()
        self._taken.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._filled = anyio.Event()
            await self._filled.wait()
        item = self._items.popleft()
        self._taken.set()
        return item
