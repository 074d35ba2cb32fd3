"""The baton: one holder, in order, interactive first, training never starved."""

import threading
import time

import pytest

from core.engine.baton import Baton, Cancelled


class Queueing:
    """Threads that wait for a baton which the test holds, so their order is the test's."""

    def __init__(self, baton: Baton) -> None:
        self.baton = baton
        self.order: list[str] = []
        self.threads: list[threading.Thread] = []

    def join(self, name: str, priority: int = 0) -> None:
        def wait() -> None:
            with self.baton.hold(name, name, priority):
                self.order.append(name)

        waiting = len(self.baton._waiting)
        self.threads.append(threading.Thread(target=wait))
        self.threads[-1].start()
        deadline = time.monotonic() + 5
        while len(self.baton._waiting) == waiting:
            assert time.monotonic() < deadline

    def finish(self) -> list[str]:
        for thread in self.threads:
            thread.join(5)
        return self.order


def test_who_came_first_is_served_first_among_equals() -> None:
    queue = Queueing(baton := Baton())
    with baton.hold("test", "step"):
        for name in "abcd":
            queue.join(name)
    assert queue.finish() == ["a", "b", "c", "d"]


def test_interactive_work_goes_before_training() -> None:
    queue = Queueing(baton := Baton())
    with baton.hold("test", "train", -1):
        queue.join("training", -1)
        queue.join("picture")
        assert baton.wanted()
    assert queue.finish() == ["picture", "training"]


def test_training_gets_its_share_while_pictures_never_stop() -> None:
    baton, stop = Baton(share=0.25), threading.Event()
    held = {0: 0.0, -1: 0.0}

    def work(priority: int) -> None:
        while not stop.is_set():
            with baton.hold("job", "step", priority):
                since = time.perf_counter()
                while time.perf_counter() - since < 0.002:
                    pass
                held[priority] += time.perf_counter() - since

    threads = [threading.Thread(target=work, args=(p,)) for p in (0, 0, 0, -1)]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.6)
    stop.set()
    for thread in threads:
        thread.join(5)
    share = held[-1] / (held[0] + held[-1])
    assert 0.12 < share < 0.4  # a quarter, on a busy machine


def test_a_waiter_whose_job_is_canceled_leaves_the_line() -> None:
    baton, canceled, left = Baton(), threading.Event(), threading.Event()

    def check() -> None:
        if canceled.is_set():
            raise Cancelled("job")

    def wait() -> None:
        try:
            with baton.hold("job", "step", check=check):
                pass
        except Cancelled:
            left.set()

    with baton.hold("test", "step"):
        thread = threading.Thread(target=wait)
        thread.start()
        canceled.set()
        assert left.wait(5)
    thread.join(5)
    with baton.hold("next", "step"):
        assert baton.phase() == "step"


def test_the_phase_is_the_holders_then_what_goes_on_beside_then_idle() -> None:
    baton = Baton()
    with baton.aside("load"):
        assert baton.phase() == "load"
        with baton.hold("job", "decode"):
            assert baton.phase() == "decode"
        assert baton.phase() == "load"
    assert baton.phase() == "idle"


def test_an_error_of_the_holder_gives_the_baton_back() -> None:
    baton = Baton()
    with pytest.raises(ValueError, match="mine"), baton.hold("job", "step"):
        raise ValueError("mine")
    with baton.hold("job", "step"):
        assert baton.age() < 5


def test_who_lends_the_device_gets_it_back_after_those_who_waited() -> None:
    queue = Queueing(baton := Baton())
    with baton.hold("test", "decode"):
        queue.join("a")
        queue.join("b")
        baton.lend(0.0)
        queue.order.append("mine")
        assert baton.phase() == "decode"
    assert queue.finish() == ["a", "b", "mine"]


def test_the_device_is_not_lent_before_its_holder_had_it_for_a_while() -> None:
    queue = Queueing(baton := Baton())
    with baton.hold("test", "decode"):
        queue.join("a")
        baton.lend(60.0)
        queue.order.append("mine")
    assert queue.finish() == ["mine", "a"]


def test_who_gives_up_while_the_device_is_lent_leaves_it_to_those_who_have_it() -> None:
    queue, go = Queueing(baton := Baton()), threading.Event()

    def keep() -> None:
        with baton.hold("other", "step"):
            queue.order.append("other")
            go.wait(5)

    def give_up() -> None:
        if queue.order:
            raise Cancelled("job")

    other = threading.Thread(target=keep)
    with pytest.raises(Cancelled), baton.hold("test", "decode"):
        other.start()
        deadline = time.monotonic() + 5
        while not baton.wanted():
            assert time.monotonic() < deadline
        baton.lend(0.0, give_up)
    assert baton.phase() == "step"
    go.set()
    other.join(5)
    assert baton.phase() == "idle"
