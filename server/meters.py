"""What the server counts of itself while it answers: requests, replays, the loop's lag.

Counting is an addition to an array; ``server.metrics`` reads it when somebody asks.
"""

import time
from array import array
from typing import NamedTuple

import anyio

from core.meters import Histogram

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "WS"})
_TICK = 0.05  # seconds; a longer stall of the loop is always seen, a shorter one by chance
_WINDOW = 1_200  # ticks that are remembered: a minute


class Lag(NamedTuple):
    """How late the loop woke within the last minute, in seconds."""

    median: float = 0.0
    p99: float = 0.0
    most: float = 0.0


class LoopLag:
    """Wakes every 50 ms and notes by how much it was too late: so long the loop was held up."""

    def __init__(self, tick: float = _TICK, window: int = _WINDOW) -> None:
        self._tick = tick
        self._late = array("d", bytes(8 * window))
        self._count = 0

    async def run(self) -> None:
        """Tick until cancelled."""
        while True:
            due = time.perf_counter() + self._tick
            await anyio.sleep(self._tick)
            self.note(time.perf_counter() - due)

    def note(self, late: float) -> None:
        """Note one tick; the oldest of the window is forgotten."""
        self._late[self._count % len(self._late)] = max(0.0, late)
        self._count += 1

    def figures(self) -> Lag:
        """Sort the window; a millisecond's work, so only for who asks."""
        held = sorted(self._late[: min(self._count, len(self._late))])
        if not held:
            return Lag()
        return Lag(held[len(held) // 2], held[int(len(held) * 0.99)], held[-1])


class Meters:
    """The counters of one running server. Names of routes are templates, so they are few."""

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, int], int] = {}  # (method, route, status) → count
        self.durations: dict[tuple[str, str], Histogram] = {}  # until the answer's first byte
        self.replays = 0  # times that a subscriber read facts from the disk
        self.lag = LoopLag()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer. Methods that nobody serves are one."""
        method = method if method in METHODS else "OTHER"
        key = (method, route, status)
        self.answers[key] = self.answers.get(key, 0) + 1
        took = self.durations.get((method, route))
        if took is None:
            took = self.durations[method, route] = Histogram()
        took.observe(seconds)
