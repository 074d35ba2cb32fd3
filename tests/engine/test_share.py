"""Who has the device next: pictures first, a run its share, and nobody between a picture's steps.

A machine without threads: everybody's work is a list of seconds, and so is time.
"""

import heapq
from collections.abc import Callable, Iterator
from itertools import count, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.engine.share import Share

PICTURE, RUN = 0, -1
STEP, STEPS, BETWEEN = 0.05, 20, 0.004  # of a picture: seconds, how many, seconds beside the device
DECODE, ASKING = 0.1, 0.1  # seconds; the second is what lies between two pictures of one client
TRAIN, FETCH = 0.19, 0.01  # of a run: seconds of a step, and of what is done before the next

Work = Iterator[tuple[float, float]]  # seconds beside the device, and then seconds of it


class Machine:
    """One device, and who works with it; ``held`` is who had it, since when and until when."""

    def __init__(self, share: Share, **work: tuple[int, Work]) -> None:
        self._share = share
        self._work = work
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._order = count()
        self._waiting: list[tuple[str, int, float]] = []
        self._busy = False
        self._now = 0.0
        self.held: list[tuple[str, float, float]] = []
        for name in work:
            self._go_on(name)

    def until(self, end: float) -> None:
        while self._events and self._events[0][0] < end:
            self._now, _, happen = heapq.heappop(self._events)
            happen()
            self._choose()

    def seconds(self, name: str, since: float = 0.0) -> float:
        return sum(end - begun for who, begun, end in self.held if who == name and begun >= since)

    def _at(self, when: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._order), happen))

    def _go_on(self, name: str) -> None:
        priority, work = self._work[name]
        if (piece := next(work, None)) is not None:
            beside, seconds = piece
            self._at(self._now + beside, lambda: self._waiting.append((name, priority, seconds)))

    def _choose(self) -> None:
        if self._busy or not self._waiting:
            return
        chosen = self._share.next([priority for _, priority, _ in self._waiting], self._now)
        if chosen is None:
            pause = self._share.pause(self._now)
            assert pause is not None, "nobody would ever be next"
            self._at(self._now + pause + 1e-9, lambda: None)
            return
        name, priority, seconds = self._waiting.pop(chosen)
        self._share.took(priority, [other for _, other, _ in self._waiting], self._now)
        self._busy, begun = True, self._now
        self._at(self._now + seconds, lambda: self._give(name, priority, begun))

    def _give(self, name: str, priority: int, begun: float) -> None:
        others = [other for _, other, _ in self._waiting]
        self._share.gave(priority, self._now - begun, others, self._now)
        self.held.append((name, begun, self._now))
        self._busy = False
        self._go_on(name)


def pictures(step: float = STEP, decode: float = DECODE, asking: float = ASKING) -> Work:
    """A client that never rests: it asks for a picture as soon as it has the one before."""
    while True:
        yield asking, 0.005  # the text
        for _ in range(STEPS):
            yield BETWEEN, step
        yield BETWEEN, decode


def steps(train: float = TRAIN) -> Work:
    while True:
        yield FETCH, train


def taken(machine: Machine) -> list[float]:
    """How long each picture took, from its asking."""
    ends = [end for _, _, end in [one for one in machine.held if one[0] == "client"][21::22]]
    return [after - before for before, after in pairwise(ends)]


def test_a_run_keeps_its_share_beside_a_client_that_never_rests() -> None:
    ten = iter([(1.0, STEP), *[(BETWEEN, STEP)] * 9])
    machine = Machine(Share(0.1), client=(PICTURE, ten), run=(RUN, steps()))
    machine.until(3)
    order = [name for name, _, _ in machine.held]
    begun = order.index("client")
    assert order[begun : begun + 11] == ["client"] * 10 + ["run"]


def test_the_device_is_kept_for_a_moment_only() -> None:
    one = iter([(0.0, STEP)])
    machine = Machine(Share(0.34), client=(PICTURE, one), run=(RUN, steps()))
    machine.until(0.5)
    (_, _, gone), (_, begun, _) = machine.held[:2]
    assert begun - gone <= 0.031


def test_steps_in_idle_time_pay_for_what_a_run_is_owed() -> None:
    owed, paid = Share(0.5), Share(0.5)
    for share in (owed, paid):
        share.gave(PICTURE, 1.0, [RUN], 1.0)
    paid.took(RUN, [], 2.0)
    paid.gave(RUN, 1.0, [], 3.0)
    assert (owed.next([PICTURE, RUN], 4.0), paid.next([PICTURE, RUN], 4.0)) == (1, 0)


def test_a_run_alone_never_waits() -> None:
    machine = Machine(Share(0.34), run=(RUN, steps()))
    machine.until(10)
    assert machine.seconds("run") >= 0.94 * 10


def test_who_has_a_picture_waits_for_no_two_steps_in_a_row() -> None:
    long = pictures(step=2.0)
    machine = Machine(Share(0.34), client=(PICTURE, long), run=(RUN, steps()))
    machine.until(300)
    order = [name for name, _, _ in machine.held]
    begun = order.index("client")
    assert ("run", "run") not in set(pairwise(order[begun:]))
    assert "run" in order[begun:]


def test_what_was_not_wanted_is_not_owed() -> None:
    """A client that leaves time between its pictures has them as if nobody trained."""
    rare = pictures(asking=3.0)
    machine = Machine(Share(0.34), client=(PICTURE, rare), run=(RUN, steps()))
    machine.until(200)
    assert machine.seconds("run") / 200 > 0.6


@settings(max_examples=25, deadline=None)
@given(
    share=st.floats(0.1, 0.5), step=st.floats(0.01, 1.0), train=st.floats(0.02, 2.0),
    clients=st.integers(1, 3),
)  # fmt: skip
def test_nobody_starves_whatever_a_step_takes(
    share: float, step: float, train: float, clients: int
) -> None:
    work = {f"client{at}": (PICTURE, pictures(step, asking=0.0)) for at in range(clients)}
    machine = Machine(Share(share), **work, run=(RUN, steps(train)))
    end = 200 * max(step, train)
    machine.until(end)
    fair = min(share, train / (train + step))  # no two in a row
    assert machine.seconds("run") / end >= 0.7 * fair
    assert machine.seconds("client0") / end >= 0.7 * (1 - share) / clients * 0.7
    for who in work:
        assert machine.seconds(who) > 0


@given(st.lists(st.integers(-2, 1), min_size=1, max_size=6), st.floats(0, 1))
def test_somebody_is_next_once_the_moment_is_over(waiting: list[int], now: float) -> None:
    share = Share(0.34)
    share.gave(1, 0.1, waiting, now)
    pause = share.pause(now)
    assert pause is not None
    chosen = share.next(waiting, now + pause + 1e-6)
    assert chosen is not None
    assert share.pause(now + pause + 1e-6) is None


@pytest.mark.parametrize("waiting", [[0, 0, -1], [-1, 0, 0]])
def test_among_equals_the_first_is_next(waiting: list[int]) -> None:
    assert Share(0.34).next(waiting, 0.0) == waiting.index(0)


def test_nobody_waits_so_nobody_is_next() -> None:
    assert Share(0.34).next([], 0.0) is None
