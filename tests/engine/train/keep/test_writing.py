"""One thing is written at a time, and what it ends with reaches who waits."""

import threading

import pytest

from core.engine.train.keep.writing import Writer
from core.errors import DiskFull


def test_the_second_work_begins_when_the_first_is_done() -> None:
    going, order, idled = threading.Event(), [], []
    writer = Writer(idle=lambda: (idled.append(len(order)), going.set())[0])

    def first() -> None:
        assert going.wait(10)
        order.append("first")

    writer.write(first)
    assert writer.busy
    writer.write(lambda: order.append("second"))
    writer.wait()
    assert order == ["first", "second"]
    assert idled[0] == 0, "who waited was told so before the first was done"
    assert not writer.busy


def test_who_waits_may_leave_and_the_work_goes_on() -> None:
    going = threading.Event()

    class Left(BaseException):
        pass

    def leave() -> None:
        raise Left

    writer, done = Writer(idle=leave), []
    writer.write(lambda: done.append(going.wait(10)))
    with pytest.raises(Left):
        writer.wait()
    going.set()
    writer.end()
    assert done == [True]


@pytest.mark.parametrize("error", [OSError(5, "no"), DiskFull(), ValueError("no")])
def test_what_the_work_ends_with_is_raised_once(error: Exception) -> None:
    def fail() -> None:
        raise error

    writer = Writer()
    writer.write(fail)
    with pytest.raises(type(error)):
        writer.wait()
    writer.wait()


def test_an_end_swallows_what_nobody_can_use_any_more() -> None:
    def fail() -> None:
        raise OSError(28, "full")

    writer = Writer()
    writer.write(fail)
    writer.end()
    writer.wait()
