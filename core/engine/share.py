"""Share: who has the device next, and what lower priorities are owed of it.

Sums of seconds that it is told, by a clock that it is told as well. Knows neither threads nor jobs.
"""

from collections.abc import Sequence

FIRST = 0  # the priority of interactive work; what is below is owed a share
_CREDIT = 10.0  # seconds of device time that lower priorities can be owed, or owe
_GRACE = 0.03  # seconds between two pieces of work of one picture, on a busy processor


class Share:
    """First come first served, higher priorities first, lower ones never starved.

    Lower priorities are guaranteed a share of the device's time while higher ones want it too.
    What they are owed is given a hold at a time, once it is as much as their last one took: who
    waits with a higher one waits for no two in a row. What they do while nobody else wants the
    device pays what they are owed, and is never held against them. Who had the device is waited
    for a moment: else a lower priority would slip in between two steps of a picture, owed or not,
    and a step of a run is as long as several of those.

    :param share: of the device's time, for all lower priorities together; 0 to below 1.
    :param grace: seconds that the device is kept for who gave it back.
    """

    def __init__(self, share: float, grace: float = _GRACE) -> None:
        self._rate = share / (1 - share)
        self._grace = grace
        self._credit = 0.0  # seconds owed to lower priorities
        self._usual: dict[int, float] = {}  # seconds of the last hold, by its priority
        self._passed = False  # whether the last who got it went before a higher priority
        self._kept: tuple[int, float] | None = None  # for whom of which priority, until when

    def next(self, waiting: Sequence[int], now: float) -> int | None:
        """Choose who is next by what their priorities are, in order of arrival; None: not yet."""
        best = max(range(len(waiting)), key=waiting.__getitem__, default=None)  # keeps the first
        if best is None:
            return None
        above = max(waiting[best], self._awaited(now, waiting[best]))
        for at, priority in enumerate(waiting):
            if priority < above and self._owed(priority):
                return at
        return best if waiting[best] == above else None

    def pause(self, now: float) -> float | None:
        """Give the seconds after which another may be next though nothing happens, if any."""
        return None if self._kept is None or self._kept[1] <= now else self._kept[1] - now

    def took(self, priority: int, waiting: Sequence[int], now: float) -> None:
        """Note who got the device, and who waits on."""
        above = max((*waiting, priority, self._awaited(now, priority)))
        self._passed = above > priority
        self._kept = None

    def gave(self, priority: int, seconds: float, waiting: Sequence[int], now: float) -> None:
        """Note who gives the device back after how long, and who waits for it."""
        self._usual[priority] = seconds
        if any(other < priority for other in waiting):
            self._credit = min(self._credit + seconds * self._rate, _CREDIT)
        elif priority < FIRST:
            least = -_CREDIT if any(other > priority for other in waiting) else 0.0
            self._credit = min(self._credit, max(self._credit - seconds, least))
        self._kept = (priority, now + self._grace)

    def _owed(self, priority: int) -> bool:
        least = min(self._usual.get(priority, 0.0), _CREDIT / 2)
        return self._credit > 0 and self._credit >= least and not self._passed

    def _awaited(self, now: float, otherwise: int) -> int:
        """Give the priority that the device is kept for, if it is kept."""
        if self._kept is None or now >= self._kept[1]:
            return otherwise
        return self._kept[0]
