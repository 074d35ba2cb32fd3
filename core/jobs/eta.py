"""How long things take: seconds of the engine per unit of cost, measured and slowly forgotten.

Cost is rows x steps x pixels. What is measured is the pace of the whole engine: the time since
the last job ended, or since this one started if that was later. So eight jobs in one batched
forward, which all end together, are measured as the eighth part each that they are.
"""

from msgspec import Struct

from core.store.place import GUESS

KEEP = 0.95  # of what was known, at each job: the last twenty count most


class Pace(Struct, frozen=True, kw_only=True):
    """Two sums that fade together, so that a burst of ends weighs no more than its cost."""

    seconds: float = 0.0
    cost: float = 0.0
    last: int = 0  # when a job ended last, in milliseconds

    @property
    def rate(self) -> float | None:
        """Seconds per unit of cost; None until the first job has succeeded."""
        return self.seconds / self.cost if self.cost > 0 else None

    @property
    def guess(self) -> float:
        """Seconds per unit of cost, measured or not; for fair share, never shown."""
        return GUESS if self.rate is None else self.rate

    def measured(self, *, started: int, ended: int, cost: int) -> "Pace":
        """Take in a job that succeeded. Times in milliseconds."""
        busy = max(0, ended - max(started, self.last)) / 1000
        return Pace(seconds=self.seconds * KEEP + busy, cost=self.cost * KEEP + cost, last=ended)

    def passed(self, ended: int) -> "Pace":
        """Take in the end of a job that tells nothing of the pace: it failed or was canceled."""
        return Pace(seconds=self.seconds, cost=self.cost, last=ended)
