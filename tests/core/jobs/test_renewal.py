"""Cells asked for again, and batches that bound how many of their jobs run."""

import itertools
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from core.config import Settings
from core.errors import Conflict, NotFound, QueueFull
from core.graph.sweep import BoundAxis
from core.jobs import admission, ending, renewal, taking
from core.jobs.queue import Finished, NewBatch, Queue
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.records.graph import Graph, GraphNode
from core.records.job import Batch, Job
from core.store import batches, jobs, link
from core.store.database import Database
from core.store.jobs import JobFilter
from core.store.transaction import Transaction
from tests.bench import big

pytestmark = pytest.mark.anyio
GRAPH = Graph(nodes=[GraphNode(id="n", type="latent.sample", settings={"seed": 0})])
ROOM = admission.Room(10**6, 10**6)


@pytest.fixture
def published() -> list[Numbered]:
    return []


@pytest.fixture
async def queue(layout: Layout, published: list[Numbered]) -> AsyncIterator[Queue]:
    async with Database.open(
        layout.database, publish=published.extend, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as opened:  # fmt: skip
        yield Queue(opened, Settings(queue_max=50), "boot-1")


def grid(count: int, owner: str = "me", **changes: Any) -> NewBatch:
    axis = BoundAxis(label="seed", targets=(("n", "seed"),), values=tuple(range(count)))
    cells = [(seed,) for seed in axis.values]
    return NewBatch(owner=owner, graph=GRAPH, axes=(axis,), cells=cells, cost=1000, **changes)


async def end(queue: Queue, job: str, status: Any) -> None:
    assert await queue.finish(Finished(job=job, generation=1, status=status, seconds=1.0))


async def claimed(queue: Queue, limit: int = 99) -> list[str]:
    return [each.job for each in await queue.claim(1, limit)]


async def read(queue: Queue, batch: str) -> Batch:
    return await queue.database.read(lambda connection: batches.get(connection, batch))


async def cells(queue: Queue, batch: str, **wanted: Any) -> list[Job]:
    page = await queue.database.read(lambda c: jobs.cells(c, batch, limit=200, **wanted))
    return page.items


def told(published: list[Numbered], kind: str) -> list[Any]:
    facts = [msgspec.json.decode(each.text) for each in published]
    return [fact for fact in facts if fact["type"] == kind]


async def test_only_cells_without_success_are_asked_for_again(
    queue: Queue, published: list[Numbered]
) -> None:
    added = await queue.add(grid(4))
    for job, status in zip(
        await claimed(queue), ("succeeded", "failed", "canceled", "succeeded"), strict=True
    ):
        await end(queue, job, status)
    again = await queue.retry_batch(added.batch, "me")
    assert (again.batch, again.count) == (added.batch, 2)
    held = await cells(queue, added.batch)
    assert [job.overrides["seed"] for job in held] == [0, 1, 2, 3]
    assert [job.status for job in held] == ["succeeded", "queued", "queued", "succeeded"]
    assert [job.id for job in held[1:3]] == again.jobs
    old = await queue.database.read(lambda c: jobs.get(c, added.jobs[1]))
    assert (old.status, old.successor) == ("failed", again.jobs[0])
    (fact,) = told(published, "batch.retried")
    assert (fact["batch"], fact["count"], fact["jobs"]) == (added.batch, 2, again.jobs)


async def test_counts_are_of_the_jobs_that_stand_for_the_cells(
    queue: Queue, published: list[Numbered]
) -> None:
    added = await queue.add(grid(3))
    for job in await claimed(queue):
        await end(queue, job, "failed")
    again = await queue.retry_batch(added.batch)
    now = await read(queue, added.batch)
    assert (now.count, now.retried, now.ended) == (3, 3, None)
    assert {k: v for k, v in now.counts.items() if v} == {"queued": 3}
    for job, status in zip(await claimed(queue), ("succeeded", "failed", "failed"), strict=True):
        assert job in again.jobs
        await end(queue, job, status)
    now = await read(queue, added.batch)
    assert {k: v for k, v in now.counts.items() if v} == {"succeeded": 1, "failed": 2}
    assert now.ended is not None
    assert [fact["counts"]["succeeded"] for fact in told(published, "batch.ended")] == [0, 1]
    third = await queue.retry_batch(added.batch)
    assert third.count == 2
    listed = await queue.database.read(lambda c: jobs.page(c, JobFilter(batch=added.batch)))
    assert len(listed.items) == 8  # every job that there was


async def test_what_is_asked_for_again_stands_where_it_stood_and_keeps_its_priority(
    queue: Queue,
) -> None:
    first = await queue.add(grid(1, priority=3))
    (job,) = await claimed(queue)
    await end(queue, job, "failed")
    await queue.add(grid(2))
    again = await queue.retry_batch(first.batch)
    assert (await claimed(queue))[0] == again.jobs[0]


async def test_nothing_to_retry_is_said_and_so_is_a_full_queue(queue: Queue) -> None:
    added = await queue.add(grid(30))
    with pytest.raises(Conflict) as caught:
        await queue.retry_batch(added.batch)
    assert caught.value.name == "nothing_to_retry"
    with pytest.raises(NotFound):
        await queue.retry_batch(added.batch, "you")
    await queue.cancel_batch(added.batch)
    await queue.add(grid(40))
    with pytest.raises(QueueFull):
        await queue.retry_batch(added.batch)
    assert {k: v for k, v in (await read(queue, added.batch)).counts.items() if v} == {
        "canceled": 30
    }


async def test_a_bound_lets_others_overtake(queue: Queue) -> None:
    mine = await queue.add(grid(6, max_rows=2))
    other = await queue.add(grid(3))
    got = await claimed(queue)
    assert got == [*mine.jobs[:2], *other.jobs]
    await end(queue, other.jobs[0], "succeeded")
    assert await claimed(queue) == []
    await end(queue, mine.jobs[0], "succeeded")
    assert await claimed(queue) == [mine.jobs[2]]
    await end(queue, mine.jobs[1], "failed")
    await end(queue, mine.jobs[2], "succeeded")
    assert await claimed(queue) == mine.jobs[3:5]


async def test_who_has_only_held_jobs_keeps_nobody_waiting(queue: Queue) -> None:
    mine = await queue.add(grid(3, owner="me", max_rows=1))
    assert await claimed(queue) == mine.jobs[:1]
    other = await queue.add(grid(2, owner="you"))
    assert await claimed(queue) == other.jobs


@pytest.mark.parametrize("place", [0, 4])
async def test_a_canceled_job_frees_its_place_only_where_it_had_one(
    queue: Queue, place: int
) -> None:
    mine = await queue.add(grid(5, max_rows=1))
    await queue.cancel(mine.jobs[place])
    left = [job for job in mine.jobs if job != mine.jobs[place]]
    for job in left:
        assert await claimed(queue) == [job]
        await end(queue, job, "succeeded")
    assert (await read(queue, mine.batch)).ended is not None


async def test_a_crash_and_a_retry_keep_to_the_bound(queue: Queue) -> None:
    mine = await queue.add(grid(4, max_rows=2))
    assert len(await claimed(queue)) == 2
    await queue.release(1)
    got = await claimed(queue)
    assert got == mine.jobs[:2]
    for job in got:
        await end(queue, job, "failed")
    again = await queue.retry_batch(mine.batch)
    assert await claimed(queue) == mine.jobs[2:4]
    for job in mine.jobs[2:4]:
        await end(queue, job, "succeeded")
    assert await claimed(queue) == again.jobs


async def test_a_bounded_batch_is_canceled_whole(queue: Queue) -> None:
    mine = await queue.add(grid(40, max_rows=3))
    running = await claimed(queue)
    assert await queue.cancel_batch(mine.batch) == running
    for job in running:
        await end(queue, job, "canceled")
    assert {k: v for k, v in (await read(queue, mine.batch)).counts.items() if v} == {
        "canceled": 40
    }
    other = await queue.add(grid(2))
    assert await claimed(queue) == other.jobs


def life(database: Path) -> dict[str, int]:
    """Count the steps of SQLite's machine for a bounded batch of 20 among others."""
    known: dict[str, int] = {}
    connection = link.writer(database)
    seq = 0

    def measure(name: str, call: Callable[[Transaction], Any]) -> Any:
        nonlocal seq
        steps = itertools.count()
        connection.execute("BEGIN IMMEDIATE")
        connection.set_progress_handler(lambda: next(steps) * 0, 5)
        tx = Transaction(connection, 1, seq)
        made = call(tx)
        connection.set_progress_handler(None, 0)
        connection.execute("COMMIT")
        seq = tx.seq
        known[name] = next(steps) * 5
        return made

    with closing(connection):
        new = grid(20, max_rows=4, client="fresh", priority=100)
        added = measure(
            "accept", lambda tx: admission.accept(tx, new, admission.checked(new), ROOM)
        )
        measure("cells", lambda tx: jobs.cells(tx.connection, added.batch))
        got = measure("claim", lambda tx: taking.take(tx, "boot", 1, 4, alone=True))
        for job in (each.job for each in got):
            done = Finished(job=job, generation=1, status="failed", seconds=1.0)
            measure("finish", lambda tx, done=done: ending.finish(tx, "boot", done))
        measure("retry", lambda tx: renewal.renew(tx, added.batch, None, ROOM))
        held(connection)
    return known


def held(connection: sqlite3.Connection) -> None:
    """See that every client's count of what is held is true."""
    wrong = connection.execute(
        """
        SELECT name
        FROM clients
        WHERE held <> (
            SELECT COUNT(*) FROM jobs
            WHERE client = clients.row AND status = 'queued' AND jobs.held = 1
        )
        """
    ).fetchall()
    assert wrong == []


def test_no_step_of_a_grid_costs_more_in_a_longer_history(tmp_path: Path) -> None:
    few, many = (
        life(big.build(tmp_path / str(count), images=0, jobs=count, queued=count // 2))
        for count in (400, 12_000)
    )
    for name, steps in few.items():
        assert steps > 50, name
        assert many[name] <= steps * 1.3 + 100, (name, steps, many[name])
