"""The queue against a small model of it: whatever happens in whatever order."""

from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from anyio.from_thread import BlockingPortal, start_blocking_portal
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from core.config import Settings
from core.errors import Conflict
from core.graph.sweep import BoundAxis
from core.jobs.queue import Finished, NewBatch, Queue
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.records.graph import Graph
from core.store import batches, events, jobs
from core.store.database import Database

SEEDS = BoundAxis(label="seed", targets=(("n", "seed"),), values=tuple(range(9)))
ENDED = ("succeeded", "failed", "canceled", "quarantined")
LOST = ENDED[1:]


class QueueMachine(RuleBasedStateMachine):
    """The model: every job's status, crashes, suspicion and wish to be canceled."""

    root: Any
    portal: BlockingPortal

    def __init__(self) -> None:
        super().__init__()
        self.layout = Layout(self.root.mktemp("queue"))
        self.layout.make()
        self.told: list[Numbered] = []
        self.boot, self.generation = 0, 1
        self.status: dict[str, str] = {}
        self.crashes: dict[str, int] = {}
        self.suspect: set[str] = set()
        self.canceling: set[str] = set()
        self.batches: dict[str, tuple[list[str], int | None]] = {}  # jobs that count, bound
        self.followed: set[str] = set()  # jobs in whose place another was asked for

    def call(self, run: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
        return self.portal.call(run)

    @initialize()
    def open(self) -> None:
        opened = Database.open(
            self.layout.database, publish=self.told.extend, backups=self.layout.backups,
            migrations=shipped("migrations"),
        )  # fmt: skip
        self.manager = self.portal.wrap_async_context_manager(opened)
        self.queue = Queue(self.manager.__enter__(), Settings(), "boot-0")

    def teardown(self) -> None:
        self.manager.__exit__(None, None, None)

    def running(self) -> list[str]:
        return [job for job, status in self.status.items() if status == "running"]

    @rule(
        count=st.integers(1, 5), owner=st.sampled_from("abc"), priority=st.integers(-1, 1),
        most=st.sampled_from([None, None, 1, 2]),
    )  # fmt: skip
    def add(self, count: int, owner: str, priority: int, most: int | None) -> None:
        new = NewBatch(
            owner=owner, graph=Graph(nodes=[]), axes=(SEEDS,), cost=10**6, priority=priority,
            cells=[(seed,) for seed in range(count)], max_rows=most,
        )  # fmt: skip
        added = self.call(lambda: self.queue.add(new))
        self.status.update(dict.fromkeys(added.jobs, "queued"))
        self.batches[added.batch] = (added.jobs, most)

    @precondition(lambda self: self.batches)
    @rule(data=st.data())
    def retry_batch(self, data: st.DataObject) -> None:
        batch = data.draw(st.sampled_from(sorted(self.batches)))
        jobs_, most = self.batches[batch]
        lost = [job for job in jobs_ if self.status[job] in LOST]
        if not lost:
            with pytest.raises(Conflict):
                self.call(lambda: self.queue.retry_batch(batch))
            return
        new = self.call(lambda: self.queue.retry_batch(batch)).jobs
        assert len(new) == len(lost)
        self.status.update(dict.fromkeys(new, "queued"))
        self.followed.update(lost)
        self.batches[batch] = ([*(job for job in jobs_ if job not in lost), *new], most)

    def ready(self) -> int:
        """Count the waiting jobs that the bounds of their batches let go."""
        count = 0
        for jobs_, most in self.batches.values():
            waiting = sum(self.status[job] == "queued" for job in jobs_)
            running = sum(self.status[job] == "running" for job in jobs_)
            count += waiting if most is None else min(waiting, most - running)
        return count

    @rule(limit=st.integers(1, 4))
    def claim(self, limit: int) -> None:
        ready = self.ready()
        alone = not self.running()
        got = [c.job for c in self.call(lambda: self.queue.claim(self.generation, limit, alone))]
        waiting = [job for job, status in self.status.items() if status == "queued"]
        doubted = [job for job in waiting if job in self.suspect]
        if doubted:
            assert got == ([min(doubted)] if alone else [])
        elif self.suspect & {*self.running()}:
            assert got == []
        else:
            assert len(got) == min(limit, ready)
        for job in got:
            assert self.status[job] == "queued"
            self.status[job] = "running"

    @precondition(lambda self: self.running())
    @rule(data=st.data(), status=st.sampled_from(["succeeded", "failed", "canceled"]))
    def finish(self, data: st.DataObject, status: Any) -> None:
        job = data.draw(st.sampled_from(self.running()))
        late = data.draw(st.booleans())
        ended = Finished(job=job, generation=self.generation - late, status=status, seconds=1)
        assert self.call(lambda: self.queue.finish(ended)) is not late
        if not late:
            self.end(job, status)

    @precondition(lambda self: self.status)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        job = data.draw(st.sampled_from(sorted(self.status)))
        if self.status[job] in ENDED:
            with pytest.raises(Conflict):
                self.call(lambda: self.queue.cancel(job))
        elif self.call(lambda: self.queue.cancel(job)) == "canceled":
            assert self.status[job] == "queued"
            self.end(job, "canceled")
        else:
            assert self.status[job] == "running"
            self.canceling.add(job)

    @rule()
    def crash(self) -> None:
        running = self.running()
        self.call(lambda: self.queue.lost(self.generation))
        self.generation += 1
        for job in running:
            self.crashes[job] = self.crashes.get(job, 0) + (len(running) == 1)
            if job in self.canceling:
                self.end(job, "canceled")
            elif self.crashes[job] == 2:
                self.end(job, "quarantined")
            else:
                self.status[job] = "queued"
                self.suspect.add(job)

    @rule()
    def restart(self) -> None:
        self.boot += 1
        self.generation = 1
        self.queue = Queue(self.queue.database, Settings(), f"boot-{self.boot}")
        back = self.call(self.queue.recover)
        for job in self.running():
            if job in self.canceling:
                self.end(job, "canceled")
            elif job in back.quarantined:
                self.end(job, "quarantined")
            else:
                self.status[job] = "queued"
        rows = self.read(lambda c: c.execute("SELECT id FROM jobs WHERE suspect = 1").fetchall())
        self.suspect |= {job for (job,) in rows}  # by the number of starts

    def end(self, job: str, status: str) -> None:
        self.status[job] = status
        self.suspect.discard(job)
        self.canceling.discard(job)

    def read(self, call: Callable[[Any], Any]) -> Any:
        return self.call(lambda: self.queue.database.read(call))

    @invariant()
    def all_agree(self) -> None:
        rows = dict(self.read(lambda c: c.execute("SELECT id, status FROM jobs").fetchall()))
        assert rows == self.status
        counts = self.read(jobs.counts)
        for status, count in counts.items():
            assert count == [*rows.values()].count(status)
        kept = "SELECT SUM(queued), SUM(running), SUM(succeeded), SUM(count) FROM batches"
        sums = self.read(lambda c: c.execute(kept).fetchone())
        if rows:
            assert sums == (
                counts["queued"], counts["running"], counts["succeeded"],
                len(rows) - len(self.followed),
            )  # fmt: skip
        for batch, (jobs_, _) in self.batches.items():
            kept_of = self.read(lambda c, batch=batch: batches.get(c, batch)).counts
            assert kept_of == {s: sum(rows[j] == s for j in jobs_) for s in kept_of}
        each = "SELECT COALESCE(SUM(queued), 0), COALESCE(SUM(cost), 0) FROM clients"
        assert self.read(lambda c: c.execute(each).fetchone()) == (
            counts["queued"], counts["queued"] * 10**6
        )  # fmt: skip

    @invariant()
    def every_end_is_told_once_and_no_number_is_missing(self) -> None:
        assert [fact.seq for fact in self.told] == list(range(1, len(self.told) + 1))
        assert self.told == self.read(lambda c: events.after(c, 0, 10_000))
        ends = [fact.job for fact in self.told if b'"job.ended"' in fact.text]
        assert sorted(map(str, ends)) == sorted(j for j, s in self.status.items() if s in ENDED)


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_the_queue_does_what_its_model_does(tmp_path_factory: pytest.TempPathFactory) -> None:
    with start_blocking_portal() as portal:
        QueueMachine.root, QueueMachine.portal = tmp_path_factory, portal
        machine = QueueMachine.TestCase
        machine.settings = settings(
            max_examples=30, stateful_step_count=40, deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        )  # fmt: skip
        machine().runTest()
