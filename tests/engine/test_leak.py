"""Memory that is left behind between jobs is noticed, and a leak that goes on ends the process."""

import logging

import pytest

from core.engine.device import Device
from core.engine.leak import ALLOWED, Level
from tests.engine.budget import BudgetDevice


def grown(device: BudgetDevice, size: int = ALLOWED + 1) -> None:
    device.budget.take(size)


def test_what_libraries_keep_for_work_is_no_leak(caplog: pytest.LogCaptureFixture) -> None:
    device = BudgetDevice(1 << 40)
    level = Level(device, lambda: 0)
    grown(device, ALLOWED)
    assert not any(level.rising() for _ in range(9))
    assert caplog.records == []


def test_weights_belong_on_the_device() -> None:
    device = BudgetDevice(1 << 40)
    level = Level(device, lambda: device.budget.live)
    grown(device, ALLOWED * 9)
    assert not any(level.rising() for _ in range(9))


def test_a_rise_is_told_once_and_a_level_that_stays_is_let_be(
    caplog: pytest.LogCaptureFixture,
) -> None:
    device = BudgetDevice(1 << 40)
    level = Level(device, lambda: 0)
    grown(device)
    with caplog.at_level(logging.WARNING):
        assert not any(level.rising() for _ in range(9))
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "256 MiB" in caplog.text


def test_a_leak_that_goes_on_is_known_by_its_third_rise() -> None:
    device = BudgetDevice(1 << 40)
    level = Level(device, lambda: 0)
    rising = []
    for _ in range(3):
        grown(device)
        rising.append(level.rising())
    assert rising == [False, False, True]


def test_what_the_garbage_collector_still_frees_is_no_leak() -> None:
    class Circle:
        def __init__(self, device: BudgetDevice) -> None:
            self.itself = self
            self._device = device
            grown(device)

        def __del__(self) -> None:
            self._device.budget.give(ALLOWED + 1)

    device = BudgetDevice(1 << 40)
    level = Level(device, lambda: 0)
    Circle(device)
    assert not level.rising()
    assert device.budget.live == 0


def test_a_processor_counts_no_tensors_and_so_no_leaks() -> None:
    level = Level(Device("cpu"), lambda: 1 << 40)
    assert not level.rising()
