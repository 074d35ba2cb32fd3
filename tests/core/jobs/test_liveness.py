"""The two clocks, and when the next engine may start."""

import pytest

from core.graph.catalogue import Catalogue
from core.ipc.reports import AnyReport, Heartbeat, Hello, JobDone, JobProgressed
from core.jobs.liveness import Limits, Liveness, Restarts

HELLO = Hello(
    protocol=1, pid=1, device="cpu", device_name="", memory_total=1, torch="",
    catalogue=Catalogue(nodes={}),
)  # fmt: skip


def beat(phase: str, age: float = 0.0, jobs: tuple[str, ...] = ("a",)) -> Heartbeat:
    return Heartbeat(
        jobs=list(jobs), phase=phase, progress_age=age, rss=1, used=1, total=1, models=[]
    )


def step(number: int, job: str = "a") -> JobProgressed:
    return JobProgressed(job=job, node="n", phase="step", step=number, steps=50)


def liveness(*heard: tuple[float, AnyReport]) -> Liveness:
    made = Liveness(Limits(), 0.0)
    for now, report in ((0.0, HELLO), *heard):
        made.hear(report, now)
    return made


def test_an_import_may_take_three_minutes_and_no_more() -> None:
    made = Liveness(Limits(), 0.0)
    made.hear(beat("import", jobs=()), 100.0)
    assert made.verdict(180.0) is None
    assert made.verdict(181.0) == "no_hello"


@pytest.mark.parametrize(("phase", "limit"), [("step", 15), ("idle", 15), ("load", 30)])
def test_a_heart_that_stops_is_noticed(phase: str, limit: int) -> None:
    made = liveness((10.0, beat(phase, jobs=())))
    assert made.verdict(10.0 + limit) is None
    assert made.verdict(10.1 + limit) == "no_heartbeat"


@pytest.mark.parametrize(
    ("phase", "limit"), [("step", 60), ("encode", 60), ("decode", 120), ("load", 300), ("?", 300)]
)
def test_a_beating_heart_without_progress_is_a_hang(phase: str, limit: int) -> None:
    made = liveness()
    for second in range(0, limit, 2):
        made.hear(beat(phase, age=second), float(second))
    assert made.verdict(float(limit)) is None
    made.hear(beat(phase, age=limit), float(limit))
    assert made.verdict(limit + 0.5) == "no_progress"


def test_without_a_job_no_progress_is_owed() -> None:
    made = liveness((0.0, beat("idle", age=0.0, jobs=())))
    made.hear(beat("idle", age=10_000.0, jobs=()), 10_000.0)
    assert made.verdict(10_001.0) is None


def test_a_slow_machine_gets_twenty_of_its_own_steps() -> None:
    made = liveness(*((20.0 * number, step(number)) for number in range(1, 6)))
    for second in range(100, 490, 10):
        made.hear(beat("step", age=second - 100.0), float(second))
        assert made.verdict(float(second)) is None
    made.hear(beat("step", age=401.0), 501.0)
    assert made.verdict(501.0) == "no_progress"


def test_time_in_which_nobody_listened_counts_for_nothing() -> None:
    made = liveness((1.0, beat("step")))
    made.resume(100.0)
    assert made.verdict(110.0) is None


def test_an_ended_job_leaves_nothing_behind() -> None:
    made = liveness((1.0, step(1)), (2.0, JobDone(job="a")))
    assert not made._stepped


def test_engines_that_die_young_wait_longer_each_time() -> None:
    restarts = Restarts(Limits(crashes=100))
    waits = [
        restarts.ended(now * 100.0, lived=1.0, worked=False, blamed=True)[0] for now in range(8)
    ]
    assert waits == [0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 30.0, 30.0]


@pytest.mark.parametrize(("lived", "worked"), [(60.0, False), (1.0, True)])
def test_a_healthy_life_starts_the_back_off_anew(lived: float, worked: bool) -> None:
    restarts = Restarts(Limits(crashes=100))
    for now in range(4):
        restarts.ended(float(now), lived=0.0, worked=False, blamed=True)
    assert restarts.ended(9.0, lived=lived, worked=worked, blamed=True) == (0.5, False)


def test_five_deaths_in_five_minutes_open_the_circuit_but_not_in_ten() -> None:
    quick, slow = Restarts(Limits()), Restarts(Limits())
    for now in range(4):
        assert not quick.ended(now * 60.0, lived=0, worked=False, blamed=False)[1]
        slow.ended(now * 120.0, lived=0, worked=False, blamed=False)
    assert quick.ended(299.0, lived=0, worked=False, blamed=False) == (60.0, True)
    assert not slow.ended(480.0, lived=0, worked=False, blamed=False)[1]
