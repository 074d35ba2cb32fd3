"""Batch width: how many rows share a forward, learned from the times of real steps.

Knows seconds and counts; knows neither rows nor devices, nor what fits into memory. Kept per
(model, shape), since both decide where a device is full.
"""

from collections.abc import Hashable

START = 8  # rows a forward takes before anything is known
BOUND = 16  # rows it never exceeds
_BLEND = 0.25  # weight of a new time in the moving average
_SAMPLES = 2  # times of a width before it is judged
_SETTLED = 4  # turns before the width of one is measured too
_AGAIN = 64  # turns after which a width that was given up is tried once more
_GAIN = 0.95  # a row's share at the cap, of that alone, below which the cap is raised
_MARGIN = 1.03  # how much slower than the best is still as good


class Widths:
    """Learned widths of one (model, shape)."""

    def __init__(self, most: int = BOUND) -> None:
        self.cap = min(START, most)
        self._most = most
        self._turns = 0
        self._seconds: dict[int, float] = {}  # width → a row's share of a turn, moving average
        self._samples: dict[int, int] = {}

    def choose(self, waiting: int) -> int:
        """Choose how many of ``waiting`` rows to run now: never a width slower than one by one."""
        width = min(waiting, self.cap)
        if width <= 1:
            return width
        if not self._known(1):
            # Measured early, and only once: without it there is nothing to compare with.
            return width if self._turns < _SETTLED else 1
        if not self._known(width) or self._turns % _AGAIN == 0:
            return width
        usable = {w: s for w, s in self._seconds.items() if w <= width and self._known(w)}
        best = min(usable.values())
        if self._seconds[width] <= best * _MARGIN:
            return width
        return max(w for w, seconds in usable.items() if seconds <= best * _MARGIN)

    def learn(self, width: int, seconds: float) -> None:
        """Note what a turn of ``width`` rows took."""
        self._turns += 1
        seen = self._samples[width] = self._samples.get(width, 0) + 1
        share = seconds / width
        if seen <= _SAMPLES:  # the first of a width pays for tuning and warm caches
            self._seconds[width] = min(share, self._seconds.get(width, share))
        else:
            self._seconds[width] += _BLEND * (share - self._seconds[width])
        if width == self.cap and self._known(width) and self._known(1):
            self._widen()

    def figures(self) -> dict[int, float]:
        """Give the seconds a row has in a turn of each width that was run."""
        return dict(self._seconds)

    def _known(self, width: int) -> bool:
        return self._samples.get(width, 0) >= _SAMPLES

    def _widen(self) -> None:
        if self._seconds[self.cap] < _GAIN * self._seconds[1]:
            self.cap = min(self.cap * 2, self._most)


class WidthTable:
    """The learned widths of every (model, shape) that was sampled, the newest ``bound`` of them."""

    def __init__(self, bound: int = 64, most: int = BOUND) -> None:
        self._bound = bound
        self._most = most  # rows that any of them lets share a forward
        self._rows: dict[Hashable, Widths] = {}

    def of(self, key: Hashable) -> Widths:
        """Give the widths of ``key``; the one used longest ago makes room for a new one."""
        found = self._rows.pop(key, None) or Widths(self._most)
        self._rows[key] = found  # last in order: newest
        while len(self._rows) > self._bound:
            del self._rows[next(iter(self._rows))]
        return found
