"""Signs of life: what the dispatcher's loops and the engine last showed of themselves.

Written on the loop's thread by those who work, read by whoever judges (``server.watchdog``).
Judges nothing itself.
"""

import time
from collections import Counter

from core.ipc.reports import Heartbeat
from core.meters import Tally

_REASONS = 32  # that are told apart; a node's author can make up more


class Vitals:
    """The newest signs of one dispatcher and of its engine, and what its engines did in all."""

    def __init__(self) -> None:
        self._busy: dict[str, float] = {}  # loop → since when it works on one thing
        self._rested = time.monotonic()
        self.heartbeat: Heartbeat | None = None
        self._beaten = 0.0  # when it came
        self.ponged = 0  # number of the newest answered Ping
        self.worked = time.monotonic()  # when the engine last ended a job or answered
        self.ends: Counter[str] = Counter()  # reason → engines that ended so
        self._steps = self._widths = Tally()  # of engines that have ended

    def busy(self, loop: str) -> None:
        """Note that a loop begins to work on something."""
        self._busy[loop] = time.monotonic()

    def rest(self, loop: str) -> None:
        """Note that a loop waits for something to do."""
        self._busy.pop(loop, None)
        self._rested = time.monotonic()

    def stuck(self) -> tuple[str, float] | None:
        """Name the loop that has worked longest on one thing, and for how many seconds."""
        if not self._busy:
            return None
        loop = min(self._busy, key=self._busy.__getitem__)
        return loop, time.monotonic() - self._busy[loop]

    def beat(self, heartbeat: Heartbeat) -> None:
        """Note a heartbeat."""
        self.heartbeat = heartbeat
        self._beaten = time.monotonic()

    def silence(self) -> float:
        """Give the seconds since the last heartbeat of this engine; 0 before its first."""
        return 0.0 if self.heartbeat is None else time.monotonic() - self._beaten

    def pong(self, number: int) -> None:
        """Note the answer to a Ping."""
        self.ponged = max(self.ponged, number)
        self.worked = time.monotonic()

    def lost(self, reason: str) -> None:
        """Note the end of an engine; what it counted is kept."""
        self.ends[reason if reason in self.ends or len(self.ends) < _REASONS else "other"] += 1
        self._steps, self._widths = self.steps, self.widths
        self.heartbeat = None

    @property
    def steps(self) -> Tally:
        """Give the seconds of every turn of the sampling loop since the server started."""
        return self._steps + (self.heartbeat.steps if self.heartbeat else Tally())

    @property
    def widths(self) -> Tally:
        """Give the rows of every turn since the server started."""
        return self._widths + (self.heartbeat.widths if self.heartbeat else Tally())
