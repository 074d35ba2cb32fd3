"""Batch width is learned from times, and never slower than one by one."""

from collections.abc import Callable

from core.engine.diffusion.width import BOUND, START, Widths, WidthTable


def drive(widths: Widths, turn: Callable[[int], float], waiting: int, turns: int) -> list[int]:
    """Run turns on a device that takes ``turn(width)`` seconds; give the widths chosen."""
    chosen = []
    for _ in range(turns):
        width = widths.choose(waiting)
        widths.learn(width, turn(width))
        chosen.append(width)
    return chosen


def test_nothing_known_starts_with_eight() -> None:
    assert Widths().choose(20) == START
    assert Widths().choose(3) == 3
    assert Widths().choose(1) == 1


def test_a_device_that_gains_by_batching_gets_wider_up_to_the_bound() -> None:
    widths = Widths()
    chosen = drive(widths, lambda width: 1.0 + 0.1 * width, 40, 60)
    assert chosen[-1] == BOUND
    assert max(chosen) == BOUND


def test_a_bound_of_rows_is_never_passed() -> None:
    table = WidthTable(most=3)
    chosen = drive(table.of("a"), lambda width: 1.0 + 0.1 * width, 40, 60)
    assert max(chosen) == 3
    assert set(drive(WidthTable(most=1).of("a"), lambda width: 1.0, 9, 20)) == {1}


def test_a_device_that_loses_by_batching_goes_one_by_one() -> None:
    widths = Widths()
    chosen = drive(widths, lambda width: width**1.5, 8, 60)
    assert set(chosen[12:63]) == {1}


def test_a_device_that_is_full_at_four_settles_on_a_width_that_is_not_slower_than_one() -> None:
    widths = Widths()
    seconds = {1: 1.0, 2: 1.1, 4: 1.5, 8: 9.0}
    drive(widths, lambda width: seconds[width], 4, 10)
    chosen = drive(widths, lambda width: seconds[width], 8, 20)
    assert chosen[-1] == 4


def test_a_width_that_was_given_up_is_tried_again_later() -> None:
    widths = Widths()
    drive(widths, lambda width: width**1.5, 8, 20)
    assert 8 in drive(widths, lambda width: 1.0, 8, 70)


def test_shapes_learn_apart_and_the_oldest_is_forgotten() -> None:
    table = WidthTable(bound=2)
    table.of("a").learn(8, 1.0)
    assert table.of("b").figures() == {}
    assert table.of("a").figures() == {8: 0.125}
    table.of("c")
    table.of("d")
    assert table.of("a").figures() == {}
