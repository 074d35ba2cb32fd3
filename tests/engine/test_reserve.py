"""Working memory: learned from what phases took, and made free before they begin."""

import pytest
import torch

from core.engine.device import Device
from core.engine.reserve import Need, Reserve
from tests.engine.budget import BudgetDevice

MIB = 1 << 20
STEP = Need("m", "step", (1, 4, 8, 8))


class Room:
    """A device of which others take ``idle`` bytes, that they give up when asked."""

    def __init__(self, limit: int, idle: int = 0) -> None:
        self.device = BudgetDevice(limit)
        self.device.budget.take(idle)
        self.idle = idle
        self.asked: list[int] = []
        self.reserve = Reserve(self.device, self._make_room)

    def _make_room(self, needed: int) -> bool:
        self.asked.append(needed)
        self.device.budget.give(self.idle)
        self.idle = 0
        return self.device.free() >= needed

    def work(self, need: Need, size: int) -> None:
        with self.reserve.working(need):
            torch.empty(size, dtype=torch.uint8)


def test_what_a_phase_took_is_expected_of_it() -> None:
    room = Room(100 * MIB)
    assert room.reserve.expect(STEP) == 0
    room.work(STEP, 3 * MIB)
    room.work(STEP, 2 * MIB)
    assert room.reserve.expect(STEP) == 3 * MIB


def test_room_is_made_before_and_only_when_it_is_needed() -> None:
    room = Room(10 * MIB, idle=6 * MIB)
    room.work(STEP, 3 * MIB)
    assert room.asked == []
    room.device.budget.limit = 8 * MIB
    room.work(STEP, 3 * MIB)
    assert room.asked == [3 * MIB]
    assert room.device.budget.refused == []


def test_what_is_not_known_is_expected_in_proportion_to_its_kin() -> None:
    room = Room(100 * MIB)
    room.work(STEP, 2 * MIB)
    room.work(STEP._replace(shape=(1, 4, 16, 16)), 9 * MIB)
    assert room.reserve.expect(STEP._replace(width=3)) == 6 * MIB  # by its own shape
    assert room.reserve.expect(STEP._replace(shape=(1, 4, 16, 8))) == 4 * MIB
    assert room.reserve.expect(STEP._replace(phase="decode")) == 0
    assert room.reserve.expect(STEP._replace(model="other")) == 0


def test_what_did_not_fit_is_doubted_until_there_is_more_room() -> None:
    room = Room(4 * MIB)
    with pytest.raises(torch.OutOfMemoryError):
        room.work(STEP, 6 * MIB)
    lacking = room.reserve.doubt(STEP)
    assert lacking is not None
    assert lacking.needed >= 6 * MIB
    assert lacking.free == 4 * MIB
    room.device.budget.limit = 7 * MIB
    assert room.reserve.doubt(STEP) is None
    room.work(STEP, 6 * MIB)
    room.device.budget.limit = 6 * MIB
    assert room.reserve.doubt(STEP) is None  # what it takes is known better now


def test_idle_models_are_sent_away_before_there_is_a_doubt() -> None:
    room = Room(8 * MIB, idle=4 * MIB)
    with pytest.raises(torch.OutOfMemoryError):
        room.work(STEP, 6 * MIB)
    assert room.reserve.doubt(STEP) is None
    assert room.idle == 0


def test_a_guess_by_kin_is_no_doubt() -> None:
    room = Room(4 * MIB)
    room.work(STEP, 2 * MIB)
    assert room.reserve.doubt(STEP._replace(width=8)) is None


def test_widths_that_did_not_fit_are_left_out_while_there_is_no_more_room() -> None:
    room = Room(10 * MIB)
    room.work(STEP._replace(width=2), 2 * MIB)
    with pytest.raises(torch.OutOfMemoryError):
        room.work(STEP._replace(width=8), 16 * MIB)
    wide = STEP._replace(width=12)
    assert room.reserve.fitting(wide, room.device.free) == 4
    assert room.reserve.fitting(STEP._replace(width=8), room.device.free) == 4
    assert room.reserve.fitting(STEP._replace(width=6), room.device.free) == 6
    assert room.reserve.fitting(wide, lambda: 20 * MIB) == 12
    room.work(STEP._replace(width=6), 6 * MIB)
    assert room.reserve.fitting(wide, room.device.free) == 6


def test_one_row_is_always_worth_a_try() -> None:
    room = Room(1 * MIB)
    for width in (1, 2):
        with pytest.raises(torch.OutOfMemoryError):
            room.work(STEP._replace(width=width), 2 * MIB)
    assert room.reserve.fitting(STEP._replace(width=2), room.device.free) == 1


def test_a_phase_is_measured_a_few_times_and_then_left_alone() -> None:
    room = Room(100 * MIB)
    watched: list[bool] = []
    measure = room.device.measure

    def noting(watch: bool = True) -> object:
        watched.append(watch)
        return measure(watch)

    room.device.measure = noting  # type: ignore[method-assign, assignment]
    for _ in range(5):
        room.work(STEP, MIB)
    assert watched == [True, True, True, False, False]


def test_needs_are_forgotten_the_oldest_first() -> None:
    room = Room(100 * MIB)
    for side in range(513):
        room.work(Need("m", "step", (side,)), 1024)
    room.work(Need("other", "step", (1,)), 1024)
    assert len(room.reserve._known) == 512
    assert Need("m", "step", (0,)) not in room.reserve._known


def test_a_device_that_cannot_count_makes_no_room_and_expects_nothing() -> None:
    def fail(needed: int) -> bool:
        raise AssertionError(needed)

    reserve = Reserve(Device("cpu"), fail)
    with reserve.working(STEP):
        torch.zeros(1 << 20)
    assert reserve.expect(STEP) == 0
    assert reserve.doubt(STEP) is None
    assert reserve.fitting(STEP._replace(width=4), lambda: 0) == 4


def test_what_is_taken_for_certain_is_doubted_until_it_was_measured() -> None:
    room = Room(4 * MIB, idle=2 * MIB)
    assert room.reserve.doubt(STEP, 4 * MIB) is None  # the idle ones made way
    lacking = room.reserve.doubt(STEP, 5 * MIB)
    assert lacking == (5 * MIB, 4 * MIB)
    room.work(STEP, 3 * MIB)
    assert room.reserve.doubt(STEP, 5 * MIB) is None


def test_the_largest_picture_that_fits_is_told_by_what_others_took() -> None:
    room = Room(100 * MIB)
    large = STEP._replace(shape=(1, 4, 80, 80))
    assert room.reserve.share(large, 10 * MIB) == 0  # nothing is known
    room.work(STEP, MIB)  # of 8 × 8
    share = room.reserve.share(large, 25 * MIB)
    assert 0.45 < share < 0.5  # 40 × 40 cells take 25 MiB; some of it is left
    assert room.reserve.share(STEP, 25 * MIB) == 1
    assert room.reserve.share(large._replace(model="other"), 25 * MIB) == 0
    assert room.reserve.share(Need("m", "step", ()), 25 * MIB) == 0


def test_a_phase_is_quick_once_it_was() -> None:
    room = Room(4 * MIB)
    assert not room.reserve.quick(STEP, 60.0)
    room.work(STEP, MIB)
    assert room.reserve.quick(STEP, 60.0)
    assert not room.reserve.quick(STEP, 0.0)
