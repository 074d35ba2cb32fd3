"""Histograms for figures: fixed arrays of counters, so that observing costs one bisection.

Read when somebody asks, by ``server.metrics``. Knows neither what is measured nor how it is shown.
"""

from bisect import bisect_left
from collections.abc import Sequence

from msgspec import Struct

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
LONG_SECONDS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0, 7200.0)
COUNTS = (1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0)


class Tally(Struct, frozen=True):
    """What a histogram holds, as it travels: a count for each bucket and the values' sum."""

    counts: list[int] = []  # not cumulative; the last is of values above every bound
    sum: float = 0.0

    def __add__(self, other: "Tally") -> "Tally":
        """Add two tallies of the same bounds; an empty one adds nothing."""
        if not self.counts or not other.counts:
            return self if self.counts else other
        pairs = zip(self.counts, other.counts, strict=True)
        return Tally([a + b for a, b in pairs], self.sum + other.sum)


class Histogram:
    """Counts of values, by bucket.

    One thread observes; a reader may see the newest value in ``counts`` and not yet in ``sum``.

    :param bounds: upper bounds of the buckets, ascending; a value on a bound is inside.
    """

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def tally(self) -> Tally:
        """Copy what was counted."""
        return Tally(list(self.counts), self.sum)
