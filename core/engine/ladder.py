"""The memory ladder: work that lacks memory is done again with more room, a rung at a time.

Knows attempts and rungs, in the order given; what a rung does is known to who gives it. Each is
taken between two attempts, when nothing keeps the tensors of the failed one alive.
"""

import gc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple, TypeVar

from core.engine.device import Device
from core.engine.faults import forget, out_of_memory, requested
from core.errors import OutOfMemory

FREE = "free_then"  # on an error: bytes that were free when it was raised
_STEP = 8  # pixels: sides of pictures are multiples of it

T = TypeVar("T")


class Shortage(NamedTuple):
    """How much was lacking, in bytes."""

    needed: int  # by the allocation that failed; where that is not known, by the work
    free: int  # when it failed


class Rung(NamedTuple):
    """One way to make room."""

    name: str  # stable; a job's ``degraded`` lists it
    take: Callable[[], bool]  # says whether there was room to be made this way


Tell = Callable[[str, Shortage], None]


def climb(
    work: Callable[[], T],
    rungs: Iterable[Rung],
    *,
    device: Device,
    tell: Tell,
    expected: Callable[[], int] = lambda: 0,
    doubt: Callable[[], Shortage | None] = lambda: None,
    share: Callable[[int], float] = lambda free: 0.0,
) -> T:
    """Do ``work``; whenever memory is lacking take the next rung and do it again.

    :param rungs: tried in order, each at most once; one that makes no room is passed over.
    :param tell: called with each rung that was taken, and what led to it.
    :param expected: bytes the work takes as far as is known, for errors that do not say.
    :param doubt: says before an attempt that it cannot succeed; then it is not made, unless
        there is no rung left.
    :param share: says how much of each side of the picture would fit into so many free bytes.
    :raises OutOfMemory: when there is no rung left.
    """
    left = iter(rungs)
    believed = True
    while True:
        shortage = doubt() if believed else None
        tried = shortage is None
        if shortage is None:
            made, shortage = _attempt(work, device, expected)
            if shortage is None:
                return made[0]
            gc.collect()
            device.empty_cache()
        taken = next((rung for rung in left if rung.take()), None)
        if taken is not None:
            tell(taken.name, shortage)
        elif tried:
            lacking = OutOfMemory(needed=shortage.needed, free=shortage.free)
            lacking.share = share(device.free())
            raise lacking
        else:
            believed = False


@contextmanager
def sized(size: Callable[[], tuple[int, int]]) -> Iterator[None]:
    """Let an error of the work inside tell the largest picture that would fit, where it is known.

    :param size: gives width and height of the picture, in pixels.
    """
    try:
        yield
    except OutOfMemory as error:
        if error.share and "largest_width" not in error.params:
            width, height = (int(side * error.share) // _STEP * _STEP for side in size())
            if width and height:
                error.params |= {"largest_width": width, "largest_height": height}
        raise


def _attempt(
    work: Callable[[], T], device: Device, expected: Callable[[], int]
) -> tuple[list[T], Shortage | None]:
    """Do the work once; give what it made, or what was lacking and nothing of the error."""
    try:
        return [work()], None
    except (RuntimeError, MemoryError) as error:
        if not out_of_memory(error):
            raise
        # While what the work had made is still there; who lets go of it before says so.
        free = getattr(error, FREE, None) or device.free()
        # Room in pieces is none: what fails in so many free bytes needed more than those.
        lacking = max(requested(error) or expected(), free + 1)
        forget(error)
    return [], Shortage(needed=lacking, free=free)
