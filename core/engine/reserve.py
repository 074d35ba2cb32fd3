"""Reserves: how much working memory phases took, so that room is made before they begin.

Knows bytes by model, phase, shape and width; how room is made is residency's knowledge.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from core.engine.device import Device
from core.engine.faults import out_of_memory, requested
from core.engine.ladder import Shortage

_BOUND = 512  # needs remembered
_SETTLED = 3  # times a need is measured
_MARGIN = 0.9  # share of the free bytes that a picture of another size is said to fit in


class Need(NamedTuple):
    """What decides how much working memory a phase takes."""

    model: Hashable
    phase: str
    shape: tuple[int, ...]  # of one row or picture
    width: int = 1  # rows in one forward


class _Known:
    """What was seen of one need."""

    def __init__(self) -> None:
        self.peak = 0  # most bytes measured
        self.samples = 0
        self.refused = -1  # most free bytes that were not enough
        self.free: int | None = None  # bytes that ``doubt`` found, for the attempt that follows
        self.seconds = math.inf  # that it took the last time

    def refuse(self, free: int) -> None:
        """Note that ``free`` bytes were too few; what was measured before is in doubt."""
        self.refused = max(self.refused, free)
        self.samples = 0

    def accept(self, peak: int) -> None:
        """Note that it went well and took ``peak`` bytes, 0 if that was not watched."""
        self.refused = -1
        if peak:
            self.peak = max(self.peak, peak) if self.samples else peak
            self.samples += 1

    @property
    def bar(self) -> int:
        """Give the bytes that must be free for it; 0 when nothing is known."""
        return max(self.peak, self.refused + 1)


class Reserve:
    """The working memory of every phase, learned from what it took."""

    def __init__(self, device: Device, make_room: Callable[[int], bool]) -> None:
        self._device = device
        self._make_room = make_room
        self._known: dict[Need, _Known] = {}  # the one used longest ago first

    @contextmanager
    def working(self, need: Need) -> Iterator[None]:
        """Do a phase inside: idle models made room for it before, what it takes is learned.

        Only under the baton: what others allocate meanwhile would be counted too.
        """
        known = self._of(need)
        before, known.free = known.free, None
        if before is None and self._device.counts:
            before = self._prepare(need)
        usage = self._device.measure(watch=known.samples < _SETTLED)
        since = time.monotonic()
        try:
            with usage:
                yield
        except (RuntimeError, MemoryError) as error:
            if out_of_memory(error):
                known.refuse(self._device.free() if before is None else before)
                known.peak = max(known.peak, usage.peak + requested(error))
            raise
        known.accept(usage.peak)
        known.seconds = time.monotonic() - since

    def expect(self, need: Need) -> int:
        """Give the bytes a phase will take: measured, else in proportion to the next of kin.

        Kin are other widths and then other sizes of the same model and phase. 0 if unknown.
        """
        exact = self._known.get(need)
        if exact is not None and exact.peak:
            return exact.peak
        kin = [
            (other, known.peak) for other, known in list(self._known.items())
            if known.peak and (other.model, other.phase) == (need.model, need.phase)
        ]  # fmt: skip
        if not kin:
            return 0
        wanted = _size(need)
        nearest, peak = min(
            kin, key=lambda pair: (pair[0].shape != need.shape, abs(_size(pair[0]) - wanted))
        )
        return math.ceil(peak * wanted / _size(nearest))

    def doubt(self, need: Need, least: int = 0) -> Shortage | None:
        """Say what will be lacking where it is known that a phase does not fit.

        A guess by kin is no knowledge. Idle models are sent away first.

        :param least: bytes that it takes for certain, while nothing was measured.
        """
        known = self._known.get(need)
        bar = known.bar if known is not None and known.bar else least
        if not bar:
            return None
        free = self._device.free()
        if free < bar:
            self._make_room(bar)
            free = self._device.free()
        if known is not None:
            known.free = free
        return None if free >= bar else Shortage(needed=bar, free=free)

    def quick(self, need: Need, seconds: float) -> bool:
        """Say whether a phase is known to take less time than this."""
        known = self._known.get(need)
        return known is not None and known.seconds < seconds

    def share(self, need: Need, free: int) -> float:
        """Give the share of each side of a picture that would fit into ``free`` bytes.

        By what the same model took in the same phase for each cell, at most. 0 if unknown, or if
        the need has no sides.
        """
        taken = [
            known.peak / _size(other) for other, known in list(self._known.items())
            if known.peak and (other.model, other.phase) == (need.model, need.phase)
        ]  # fmt: skip
        if not taken or len(need.shape) < 4:
            return 0.0
        return min(1.0, math.sqrt(free * _MARGIN / max(taken) / _size(need)))

    def fitting(self, need: Need, room: Callable[[], int]) -> int:
        """Give the widest width, at most the one asked for, that is not known to be too wide.

        :param room: gives the bytes that are free, and those of idle models; asked when it counts.
        """
        bars = {
            other.width: known.bar
            for other, known in list(self._known.items())
            if known.bar and other.width <= need.width and other[:3] == need[:3]
        }
        if not bars:
            return need.width
        free = room()
        least = min((width for width, bar in bars.items() if bar > free and width > 1), default=0)
        if not least:
            return need.width
        return max(least // 2, *(width for width in (1, *bars) if width < least))

    def _prepare(self, need: Need) -> int:
        """Make room; give the bytes that are free then."""
        expected, free = self.expect(need), self._device.free()
        if free >= expected:
            return free
        self._make_room(expected)
        return self._device.free()

    def _of(self, need: Need) -> _Known:
        known = self._known.pop(need, None) or _Known()
        self._known[need] = known  # last in order: newest
        while len(self._known) > _BOUND:
            del self._known[next(iter(self._known))]
        return known


def _size(need: Need) -> int:
    return max(1, math.prod(need.shape)) * need.width
