"""Signs of life: which loop works on what for how long, and what engines did over their lives."""

from core.ipc.reports import Heartbeat
from core.jobs.meters import JobMeters
from core.jobs.vitals import Vitals
from core.meters import COUNTS, Histogram, Tally
from core.store.work import Finished, Requeued


def heartbeat(steps: Tally) -> Heartbeat:
    return Heartbeat(
        jobs=[], phase="idle", progress_age=0, rss=1, used=2, total=3, models=[], steps=steps
    )


def test_the_loop_that_works_longest_on_one_thing_is_named() -> None:
    vitals = Vitals()
    assert vitals.stuck() is None
    vitals.busy("feed")
    vitals.busy("reports")
    found = vitals.stuck()
    assert found is not None
    assert found[0] == "feed"
    assert found[1] >= 0
    vitals.rest("feed")
    assert (vitals.stuck() or ("", 0))[0] == "reports"
    vitals.rest("reports")
    assert vitals.stuck() is None


def test_what_an_engine_counted_survives_it() -> None:
    vitals, steps = Vitals(), Histogram(COUNTS)
    steps.observe(2)
    vitals.beat(heartbeat(steps.tally()))
    steps.observe(3)
    vitals.beat(heartbeat(steps.tally()))
    assert sum(vitals.steps.counts) == 2
    vitals.lost("exit")
    vitals.beat(heartbeat(steps.tally()))
    assert sum(vitals.steps.counts) == 4
    assert vitals.steps.sum == 10


def test_reasons_that_others_make_up_are_bounded() -> None:
    vitals = Vitals()
    for number in range(1000):
        vitals.lost(f"made up {number}")
    assert len(vitals.ends) <= 33
    assert vitals.ends["other"] == 1000 - 32


def test_jobs_are_counted_by_what_became_of_them() -> None:
    meters = JobMeters()
    meters.finished(Finished(job="a", generation=1, status="succeeded", seconds=3.0))
    meters.finished(Finished(job="b", generation=1, status="failed", seconds=0.2))
    meters.returned(Requeued(queued=["c", "d"], quarantined=["e"]), "engine_lost")
    meters.returned(Requeued(), "server_restart")
    assert meters.durations["succeeded"].sum == 3.0
    assert sum(meters.durations["failed"].counts) == 1
    assert dict(meters.retried) == {"engine_lost": 2}
    assert meters.quarantined == 1
