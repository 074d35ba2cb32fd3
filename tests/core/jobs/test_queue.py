"""The durable queue: acceptance, claims, ends, crashes, recovery; each with its facts."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import msgspec
import pytest

from core.config import Settings
from core.errors import Conflict, Invalid, NotFound, Problem, QueueFull
from core.graph import binding, sweep
from core.ids import new_id
from core.jobs.queue import Claimed, Finished, NewBatch, NewImage, Queue
from core.paths import Layout, shipped
from core.records.events import Numbered
from core.records.graph import Graph, GraphNode
from core.records.job import Axis, Job, Span, Sweep
from core.store import batches, images, jobs
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.jobs import JobFilter

pytestmark = pytest.mark.anyio
GRAPH = Graph(nodes=[GraphNode(id="n", type="latent.sample", settings={"seed": 0})])


@pytest.fixture
def published() -> list[Numbered]:
    return []


@pytest.fixture
async def database(layout: Layout, published: list[Numbered]) -> AsyncIterator[Database]:
    async with Database.open(
        layout.database, publish=published.extend, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as opened:  # fmt: skip
        yield opened


@pytest.fixture
def queue(database: Database) -> Queue:
    return Queue(database, Settings(queue_max=50), "boot-1")


def batch(count: int = 1, owner: str = "me", **changes: Any) -> NewBatch:
    axis = Axis(node="n", setting="seed", values=Span(start=100, count=count))
    axes = binding.bind(GRAPH, Sweep(axes=[axis]), {}) if count > 1 else ()
    cells = sweep.cells(axes, "product")
    return NewBatch(owner=owner, graph=GRAPH, axes=axes, cells=cells, **{"cost": 1000, **changes})


def done(job: str, generation: int = 1, status: Any = "succeeded", **changes: Any) -> Finished:
    return Finished(job=job, generation=generation, status=status, seconds=1.0, **changes)


def picture(index: int = 0) -> NewImage:
    return NewImage(id=new_id(), width=8, height=8, bytes=1, sha256="00", index=index)


def told(published: list[Numbered]) -> list[str]:
    return [msgspec.json.decode(each.text)["type"] for each in published]


async def read(queue: Queue, job: str) -> Job:
    return await queue.database.read(lambda c: jobs.get(c, job))


async def names(queue: Queue, limit: int = 99, generation: int = 1) -> list[str]:
    return [each.job for each in await queue.claim(generation, limit)]


async def test_one_job_is_told_as_a_job_and_several_as_one_batch(
    queue: Queue, published: list[Numbered]
) -> None:
    single = await queue.add(batch())
    many = await queue.add(batch(20))
    assert told(published) == ["job.queued", "batch.queued"]
    assert (single.count, len(many.jobs)) == (1, 20)
    assert (await queue.state()).counts["queued"] == 21


async def test_a_claim_carries_what_dispatch_needs(queue: Queue) -> None:
    added = await queue.add(batch(3, request_id="r1", exact=True, recipe={"name": "txt2img"}))
    first, second = await queue.claim(7, 2)
    assert [first.job, second.job] == added.jobs[:2]
    assert (first.attempt, first.request_id, first.exact, first.alone) == (1, "r1", True, False)
    assert sweep.apply(first.graph, first.axes, second.cell).nodes[0].settings["seed"] == 101
    assert (await read(queue, second.job)).overrides == {"n.seed": 101}


async def test_an_end_stores_pictures_status_and_facts_together(
    queue: Queue, published: list[Numbered]
) -> None:
    added = await queue.add(batch(2))
    first, second = await queue.claim(1, 2)
    published.clear()
    drawn = [picture(0), picture(1)]
    assert await queue.finish(done(first.job, images=drawn, degraded=["tiled"], cached=["n"]))
    assert told(published) == ["image.added", "image.added", "job.ended"]
    job = await read(queue, first.job)
    assert (job.status, job.images, job.degraded, job.cached) == (
        "succeeded", [each.id for each in drawn], ["tiled"], ["n"],
    )  # fmt: skip
    error = Problem(code="node_failed", node="n")
    assert await queue.finish(done(second.job, status="failed", error=error))
    assert told(published)[3:] == ["job.ended", "batch.ended"]
    failed = await read(queue, second.job)
    assert (failed.error, failed.cached) == (error, [])
    found = await queue.database.read(lambda c: batches.get(c, added.batch))
    assert (found.counts["succeeded"], found.counts["failed"]) == (1, 1)
    assert found.ended is not None
    page = await queue.database.read(lambda c: images.page(c, ImageFilter(batch=added.batch)))
    assert len(page.items) == 2


async def test_a_result_of_another_time_is_dropped(queue: Queue, published: list[Numbered]) -> None:
    await queue.add(batch())
    (job,) = await names(queue)
    before = len(published)
    assert not await queue.finish(done(job, generation=2, images=[picture()]))
    other = Queue(queue.database, queue.settings, "boot-2")
    assert not await other.finish(done(job, images=[picture()]))
    assert len(published) == before
    assert await queue.finish(done(job))
    assert not await queue.finish(done(job))  # a duplicate


async def test_the_same_key_gives_the_same_jobs_and_another_body_is_refused(
    queue: Queue, published: list[Numbered]
) -> None:
    first = await queue.add(batch(3, idempotency=("key", "body")))
    again = await queue.add(batch(3, idempotency=("key", "body")))
    assert again == msgspec.structs.replace(first, repeated=True)
    with pytest.raises(Conflict) as caught:
        await queue.add(batch(2, idempotency=("key", "other")))
    assert caught.value.name == "idempotency_mismatch"
    await queue.add(batch(1, owner="you", idempotency=("key", "other")))  # keys are each owner's
    assert told(published) == ["batch.queued", "job.queued"]


async def test_a_key_is_forgotten_after_a_day(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    await queue.add(batch(idempotency=("key", "body")))
    monkeypatch.setattr("core.store.writer.now", lambda: 10**13)
    assert not (await queue.add(batch(idempotency=("key", "other")))).repeated


async def test_a_full_queue_takes_nothing_and_writes_nothing(
    queue: Queue, published: list[Numbered]
) -> None:
    await queue.add(batch(45))
    with pytest.raises(QueueFull):
        await queue.add(batch(6))
    assert len(published) == 1
    await queue.add(batch(5))


async def test_one_client_does_not_fill_the_queue_of_the_others(
    database: Database, published: list[Numbered]
) -> None:
    queue = Queue(database, Settings(queue_max=50, queue_max_per_client=20), "boot-1")
    first = await queue.add(batch(15))
    with pytest.raises(QueueFull, match="client_queue_full"):
        await queue.add(batch(6))
    assert len(published) == 1
    await queue.add(batch(20, owner="you"))
    await queue.cancel(first.jobs[0])
    await queue.add(batch(6))  # a place was made, and 14 + 6 fit


async def test_too_many_jobs_and_none_are_refused(queue: Queue) -> None:
    with pytest.raises(Invalid, match="too_many_jobs"):
        await queue.add(NewBatch(owner="me", graph=GRAPH, cells=(() for _ in range(10_001))))
    with pytest.raises(Invalid, match="no_jobs"):
        await queue.add(NewBatch(owner="me", graph=GRAPH, cells=[]))


async def test_priority_goes_first_then_age(queue: Queue) -> None:
    a = (await queue.add(batch(2))).jobs
    b = (await queue.add(batch(1, priority=5))).jobs
    c = (await queue.add(batch(1, priority=-1))).jobs
    d = (await queue.add(batch(1))).jobs
    assert await names(queue) == [*b, *a, *d, *c]


async def test_clients_share_the_engine_however_many_jobs_they_bring(queue: Queue) -> None:
    many = (await queue.add(batch(10, owner="greedy", cost=10**6))).jobs
    few = (await queue.add(batch(3, owner="modest", cost=10**6))).jobs
    assert await names(queue, 6) == [many[0], few[0], many[1], few[1], many[2], few[2]]


async def test_who_asks_for_large_pictures_gets_fewer_of_them(queue: Queue) -> None:
    large = (await queue.add(batch(5, owner="large", cost=4 * 10**6))).jobs
    small = (await queue.add(batch(20, owner="small", cost=10**6))).jobs
    first = await names(queue, 10)
    assert (len({*first} & {*large}), len({*first} & {*small})) == (2, 8)


async def test_nobody_saves_up_a_share_while_away(queue: Queue) -> None:
    busy = (await queue.add(batch(20, owner="busy", cost=10**6))).jobs
    await names(queue, 10)
    late = (await queue.add(batch(10, owner="late", cost=10**6))).jobs
    first = await names(queue, 6)
    assert (len({*first} & {*late}), len({*first} & {*busy})) == (3, 3)


async def test_one_owner_may_be_several_clients(queue: Queue) -> None:
    a = (await queue.add(batch(5, client="tab 1"))).jobs
    b = (await queue.add(batch(5, client="tab 2"))).jobs
    assert await names(queue, 4) == [a[0], b[0], a[1], b[1]]


async def test_a_high_priority_is_a_head_start_and_no_larger_share(queue: Queue) -> None:
    plain = (await queue.add(batch(10, owner="plain", cost=30 * 10**6))).jobs
    urgent = (await queue.add(batch(10, owner="urgent", cost=30 * 10**6, priority=2))).jobs
    first = await names(queue, 8)
    assert {*first[:4]} <= {*urgent}  # 120 seconds ahead: four jobs of 30
    assert len({*first[4:]} & {*plain}) >= 2  # then by turns


async def test_one_crash_alone_is_forgiven_and_the_second_quarantines(
    queue: Queue, published: list[Numbered]
) -> None:
    await queue.add(batch())
    (job,) = await names(queue, generation=1)
    found = await queue.lost(1, exit_code=-9, log_tail="x" * 9000 + "boom")
    assert found.queued == [job]
    (claimed,) = await queue.claim(2, 9, alone=True)
    assert (claimed.alone, claimed.attempt) == (True, 2)
    found = await queue.lost(2, exit_code=-11, log_tail="x" * 9000 + "boom")
    assert found.quarantined == [job]
    error = (await read(queue, job)).error
    assert error is not None
    assert (error.code, error.params["exit"]) == ("engine_crashed", -11)
    assert str(error.params["log"]).endswith("boom")
    assert await queue.claim(3, 9, alone=True) == []
    assert told(published)[1:] == ["job.started", "job.retried", "job.started", "job.ended"]


async def test_suspects_are_tried_one_at_a_time_and_the_innocent_go_on(queue: Queue) -> None:
    added = await queue.add(batch(4))
    assert await names(queue, 3, generation=1) == added.jobs[:3]
    assert (await queue.lost(1)).queued == added.jobs[:3]
    assert await queue.claim(2, 9) == []  # something is in flight: not now
    for index in range(3):
        (claimed,) = await queue.claim(2, 9, alone=True)
        assert (claimed.job, claimed.alone) == (added.jobs[index], True)
        assert await queue.claim(2, 9, alone=False) == []  # nothing beside a suspect
        assert await queue.finish(done(claimed.job, generation=2))
    (rest,) = await queue.claim(2, 9)
    assert (rest.job, rest.alone) == (added.jobs[3], False)


async def test_a_job_that_was_to_be_canceled_ends_with_its_engine(queue: Queue) -> None:
    await queue.add(batch())
    (job,) = await names(queue)
    assert await queue.cancel(job) == "canceling"
    assert (await queue.lost(1)).canceled == [job]
    assert (await read(queue, job)).status == "canceled"


async def test_after_a_restart_what_ran_waits_again_where_it_stood(
    queue: Queue, published: list[Numbered]
) -> None:
    added = await queue.add(batch(3))
    await names(queue, 2)
    restarted = Queue(queue.database, queue.settings, "boot-2")
    assert (await restarted.recover()).queued == added.jobs[:2]
    assert (await restarted.recover()).queued == []
    assert not await restarted.finish(done(added.jobs[0]))
    assert [c.job for c in await restarted.claim(1, 9)] == added.jobs
    assert msgspec.json.decode(published[-5].text)["reason"] == "server_restart"


async def test_a_job_that_takes_the_server_down_is_tried_alone_and_then_no_more(
    queue: Queue,
) -> None:
    await queue.add(batch())
    seen = []
    for boot in range(10):
        server = Queue(queue.database, queue.settings, f"boot-{boot}")
        back = await server.recover()
        if back.quarantined:
            break
        (claimed,) = await server.claim(1, 9, alone=True)
        seen.append(claimed.alone)
    assert seen == [False] * 4 + [True] * 4


async def test_released_jobs_are_not_blamed(queue: Queue) -> None:
    added = await queue.add(batch(2))
    await names(queue)
    found = await queue.release(1, [added.jobs[0]], "disk_full")
    assert found.queued == [added.jobs[0]]
    assert (await read(queue, added.jobs[0])).attempt == 0
    assert (await read(queue, added.jobs[1])).status == "running"


async def test_cancel_says_what_became_of_it(queue: Queue, published: list[Numbered]) -> None:
    added = await queue.add(batch(2))
    (running,) = await names(queue, 1)
    with pytest.raises(NotFound):
        await queue.cancel(running, "you")
    assert await queue.cancel(running, "me") == "canceling"
    assert await queue.cancel(added.jobs[1], "me") == "canceled"
    with pytest.raises(Conflict):
        await queue.cancel(added.jobs[1])
    assert await queue.finish(done(running, status="canceled"))
    assert told(published)[-3:] == ["job.ended", "job.ended", "batch.ended"]


async def test_a_batch_is_canceled_whole(queue: Queue) -> None:
    other = await queue.add(batch())
    added = await queue.add(batch(40))
    running = await names(queue, 3)
    assert await queue.cancel_batch(added.batch) == [job for job in running if job in added.jobs]
    assert (await queue.state()).counts == {
        "queued": 0, "running": 3, "succeeded": 0, "failed": 0, "canceled": 38, "quarantined": 0,
    }  # fmt: skip
    assert other.jobs[0] in running
    with pytest.raises(NotFound):
        await queue.cancel_batch(added.batch, "you")


async def test_clear_cancels_what_waits_of_one_or_of_all(queue: Queue) -> None:
    await queue.add(batch(5, owner="me"))
    await queue.add(batch(5, owner="you"))
    await names(queue, 2)
    assert await queue.clear("me") == 4
    assert await queue.clear() == 4
    assert (await queue.state()).counts["running"] == 2


async def test_retry_makes_a_new_job_with_the_same_cell(
    queue: Queue, published: list[Numbered]
) -> None:
    added = await queue.add(batch(3, priority=2))
    for job in await names(queue, 2):
        with pytest.raises(Conflict):
            await queue.retry(job)
        await queue.finish(done(job, status="failed"))
    again = await queue.retry(added.jobs[1], "me")
    assert (again.count, again.batch != added.batch) == (1, True)
    job = await read(queue, again.jobs[0])
    assert (job.overrides, job.priority, job.status) == ({"n.seed": 101}, 2, "queued")
    assert (await read(queue, added.jobs[1])).status == "failed"
    assert told(published)[-1] == "job.queued"
    with pytest.raises(NotFound):
        await queue.retry(added.jobs[1], "you")


@pytest.mark.parametrize("position", [0, 1, 3, 4, 99])
async def test_a_job_moves_to_its_place(queue: Queue, position: int) -> None:
    added = await queue.add(batch(5))
    moved = added.jobs[2]
    await queue.reorder(moved, position=position)
    rest = [job for job in added.jobs if job != moved]
    rest.insert(position, moved)
    page = await queue.database.read(lambda c: jobs.page(c, JobFilter(status="queued")))
    assert {job.id: job.position for job in page.items} == {j: i for i, j in enumerate(rest)}
    assert await names(queue) == rest


async def test_moving_between_the_same_two_again_and_again_never_runs_out(queue: Queue) -> None:
    wanted = list((await queue.add(batch(6))).jobs)
    for turn in range(70):
        moved = wanted[2 + turn % 4]
        await queue.reorder(moved, position=1)
        wanted.remove(moved)
        wanted.insert(1, moved)
    assert await names(queue) == wanted


async def test_another_priority_moves_a_job_and_its_client(queue: Queue) -> None:
    a = (await queue.add(batch(2, owner="a", cost=10**6))).jobs
    b = (await queue.add(batch(2, owner="b", cost=10**6))).jobs
    await queue.reorder(b[1], priority=3)
    assert await names(queue) == [b[1], a[0], a[1], b[0]]
    with pytest.raises(Conflict):
        await queue.reorder(a[0], priority=1)


async def test_a_paused_queue_gives_nothing_out_until_resumed_for_the_same_reason(
    queue: Queue, published: list[Numbered]
) -> None:
    added = await queue.add(batch())
    assert await queue.pause("disk_full")
    assert not await queue.pause()
    assert await names(queue) == []
    assert (await queue.state()).reason == "disk_full"
    assert not await queue.resume("engine_unavailable")
    assert await queue.resume("disk_full")
    assert await names(queue) == added.jobs
    assert told(published)[1:3] == ["queue.changed", "queue.changed"]


async def test_wait_returns_when_something_changed_even_just_before(queue: Queue) -> None:
    await queue.add(batch())
    with anyio.fail_after(5):
        await queue.wait()
    with anyio.move_on_after(0.01) as scope:
        await queue.wait()
    assert scope.cancelled_caught
    async with anyio.create_task_group() as group:
        group.start_soon(queue.add, batch())
        with anyio.fail_after(5):
            await queue.wait()


async def test_an_eta_is_given_once_there_is_a_measure(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000]
    monkeypatch.setattr("core.store.writer.now", lambda: clock[0])
    added = await queue.add(batch(12, cost=500))
    assert (await read(queue, added.jobs[5])).eta_seconds is None
    for _ in range(2):
        (job,) = await names(queue, 1)
        clock[0] += 2_000
        await queue.finish(done(job))
    assert (await queue.state()).eta_seconds == pytest.approx(20, abs=0.2)
    waiting = await read(queue, added.jobs[5])
    assert (waiting.position, waiting.eta_seconds) == (3, pytest.approx(8, abs=0.2))
    found = await queue.database.read(lambda c: batches.get(c, added.batch))
    assert found.eta_seconds == pytest.approx(20, abs=0.2)


async def test_eight_that_end_together_are_measured_as_one_time(
    queue: Queue, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [1_000_000]
    monkeypatch.setattr("core.store.writer.now", lambda: clock[0])
    await queue.add(batch(48))
    for _ in range(4):
        running = await names(queue, 8)
        clock[0] += 8_000
        for job in running:
            await queue.finish(done(job))
    assert (await queue.state()).eta_seconds == pytest.approx(16, rel=0.25)


async def test_positions_over_clients_foretell_the_claims(queue: Queue) -> None:
    for owner, count in (("a", 12), ("b", 4), ("c", 7)):
        await queue.add(batch(count, owner=owner, cost=10**6))
    page = await queue.database.read(lambda c: jobs.page(c, JobFilter(status="queued")))
    foretold = {job.id: job.position for job in page.items}
    assert sorted(foretold.values(), key=lambda p: p or 0) == list(range(23))
    assert await names(queue) == sorted(foretold, key=lambda job: foretold[job] or 0)


async def test_pages_of_jobs_hold_each_once(queue: Queue) -> None:
    added = await queue.add(batch(23))
    await queue.add(batch(9, owner="you"))
    for asked, count in (
        (JobFilter(), 32), (JobFilter(owner="you"), 9), (JobFilter(batch=added.batch), 23),
        (JobFilter(status="running"), 0), (JobFilter(status="queued", owner="me"), 23),
    ):  # fmt: skip
        for limit in (1, 7, 200):
            found: list[str] = []
            cursor = None
            while True:
                page = await queue.database.read(
                    lambda c, a=asked, n=limit, x=cursor: jobs.page(c, a, x, n)
                )
                found += [job.id for job in page.items]
                cursor = page.next
                if cursor is None:
                    break
            assert len(found) == len({*found}) == count
            assert found == sorted(found, reverse=True)


async def test_a_claimed_value_is_the_one_of_its_own_cell(queue: Queue) -> None:
    axes = binding.bind(
        GRAPH,
        Sweep(
            axes=[
                Axis(node="n", setting="seed", values=[1, 2, 3]),
                Axis(node="n", setting="sampler", values=["euler", "ddim"]),
            ]
        ),
        {},
    )
    await queue.add(
        NewBatch(owner="me", graph=GRAPH, axes=axes, cells=sweep.cells(axes, "product"))
    )
    claimed: list[Claimed] = await queue.claim(1, 9)
    assert [each.cell for each in claimed] == list(sweep.cells(axes, "product"))
    copied = [msgspec.json.decode(msgspec.json.encode(each.cell)) for each in claimed]
    again = NewBatch(owner="me", graph=GRAPH, axes=axes, cells=[tuple(each) for each in copied])
    await queue.add(again)
    assert [each.cell for each in await queue.claim(1, 9)] == [each.cell for each in claimed]
