"""The ladder: rungs in order, each once, between attempts; and what it says at its end."""

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest
import torch

from core.engine.device import Device
from core.engine.ladder import Rung, Shortage, climb, sized
from core.errors import OutOfMemory

FULL = "CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 79.25 GiB."


class Work:
    """Fails a number of times with what it made in its hands, then succeeds."""

    def __init__(self, failures: int, error: Callable[[], Exception]) -> None:
        self.left = failures
        self.attempts = 0
        self.made: list[weakref.ref[torch.Tensor]] = []
        self._error = error

    def __call__(self) -> str:
        self.attempts += 1
        working = torch.zeros(8)
        self.made.append(weakref.ref(working))
        self.left -= 1
        if self.left >= 0:
            raise self._error()
        return "done"


class Steps:
    """Rungs that note when they were taken."""

    def __init__(self, work: Work, **rungs: bool) -> None:
        self.work = work
        self.taken: list[tuple[str, int]] = []  # and after how many attempts
        self.told: list[tuple[str, Shortage]] = []
        self.alive: list[int] = []
        self.rungs = [Rung(name, self._take(name, helps)) for name, helps in rungs.items()]

    def _take(self, name: str, helps: bool) -> Callable[[], bool]:
        def take() -> bool:
            self.taken.append((name, self.work.attempts))
            self.alive.append(sum(ref() is not None for ref in self.work.made))
            return helps

        return take

    def climb(self, **options: Any) -> str:
        return climb(
            self.work, self.rungs, device=Device("cpu"),
            tell=lambda rung, shortage: self.told.append((rung, shortage)), **options,
        )  # fmt: skip


def full() -> Exception:
    return torch.OutOfMemoryError(FULL)


def test_work_that_fits_takes_no_rung() -> None:
    steps = Steps(Work(0, full), a=True)
    assert steps.climb() == "done"
    assert (steps.taken, steps.told, steps.work.attempts) == ([], [], 1)


def test_rungs_are_taken_in_order_one_before_each_further_attempt() -> None:
    steps = Steps(Work(2, full), a=True, b=True, c=True)
    assert steps.climb() == "done"
    assert steps.taken == [("a", 1), ("b", 2)]
    assert [name for name, _ in steps.told] == ["a", "b"]
    told = steps.told[0][1]
    assert told.needed == max(20 << 20, told.free + 1)


def test_a_rung_that_makes_no_room_is_passed_over_and_not_told() -> None:
    steps = Steps(Work(1, full), a=False, b=True)
    assert steps.climb() == "done"
    assert steps.taken == [("a", 1), ("b", 1)]
    assert [name for name, _ in steps.told] == ["b"]
    assert steps.work.attempts == 2


def test_when_a_rung_is_taken_nothing_of_the_failed_attempt_is_alive() -> None:
    enabled = gc.isenabled()
    gc.disable()  # what only the garbage collector would free counts as alive
    try:
        steps = Steps(Work(2, full), a=True, b=True)
        steps.climb()
    finally:
        if enabled:
            gc.enable()
    assert steps.alive == [0, 0]


@pytest.mark.parametrize(
    "error",
    [full, MemoryError, lambda: RuntimeError("DefaultCPUAllocator: can't allocate memory")],
)
def test_the_end_of_the_ladder_is_told_in_bytes(error: Callable[[], Exception]) -> None:
    steps = Steps(Work(99, error), a=True, b=False)
    with pytest.raises(OutOfMemory) as caught:
        steps.climb(expected=lambda: 1 << 60)
    assert steps.work.attempts == 2
    needed, free = caught.value.params["needed"], caught.value.params["free"]
    assert isinstance(free, int)
    assert free > 0
    # Room in pieces is none: what failed needed more than was free.
    assert needed == (max(20 << 20, free + 1) if error is full else 1 << 60)
    assert caught.value.__context__ is None  # which would keep tensors alive


def test_any_other_error_passes_as_it_is() -> None:
    steps = Steps(Work(1, lambda: RuntimeError("CUDA error: out of memory")), a=True)
    with pytest.raises(RuntimeError, match="CUDA error"):
        steps.climb()
    assert steps.taken == []


def test_what_is_known_not_to_fit_is_not_tried() -> None:
    steps = Steps(Work(0, full), a=True)
    lacking = Shortage(needed=2, free=1)
    assert steps.climb(doubt=lambda: None if steps.taken else lacking) == "done"
    assert steps.told == [("a", lacking)]
    assert steps.work.attempts == 1


def test_a_doubt_is_put_to_the_test_where_no_rung_is_left() -> None:
    steps = Steps(Work(0, full), a=True)
    assert steps.climb(doubt=lambda: Shortage(2, 1)) == "done"
    assert (steps.work.attempts, [name for name, _ in steps.told]) == (1, ["a"])
    steps = Steps(Work(9, full), a=True)
    with pytest.raises(OutOfMemory):
        steps.climb(doubt=lambda: Shortage(2, 1))
    assert steps.work.attempts == 1


def test_the_largest_picture_is_told_where_it_is_known() -> None:
    steps = Steps(Work(9, full))
    with pytest.raises(OutOfMemory) as caught, sized(lambda: (1000, 500)):
        steps.climb(share=lambda free: 0.5)
    assert caught.value.params["largest_width"] == 496  # a multiple of eight
    assert caught.value.params["largest_height"] == 248


@pytest.mark.parametrize("share", [0.0, 0.001])
def test_where_it_is_not_known_no_size_is_told(share: float) -> None:
    steps = Steps(Work(9, full))
    with pytest.raises(OutOfMemory) as caught, sized(lambda: (1000, 500)):
        steps.climb(share=lambda free: share)
    assert set(caught.value.params) == {"needed", "free"}
