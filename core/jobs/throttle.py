"""Work that may take its time: after each piece it rests, so that it takes a share of a core."""

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager

import anyio

SHARE = 0.1
_LONGEST = 30.0  # seconds; a piece that took long waited for others


class Throttle:
    """Keeps the time at work below a share of all the time.

    :param share: above 0, at most 1.
    :param clock: gives seconds; never goes back.
    """

    def __init__(
        self,
        share: float = SHARE,
        clock: Callable[[], float] = time.monotonic,
        rest: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        self._rest_per_work = 1 / share - 1
        self._clock = clock
        self._rest = rest

    @asynccontextmanager
    async def piece(self) -> AsyncGenerator[None]:
        """Measure a piece of work, and rest after it as long as the share asks."""
        begun = self._clock()
        yield
        worked = self._clock() - begun
        await self._rest(min(worked * self._rest_per_work, _LONGEST))
