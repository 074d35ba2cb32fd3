"""Trainings in the queue: one at a time, steered, resumed, judged after a crash, told once."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import msgspec
import pytest

from core.errors import Conflict
from core.ids import new_id
from core.ipc.reports import TrainingBegan, TrainingLosses, TrainingPauses, TrainingSaved
from core.jobs import trained
from core.jobs.fake_job import FakeScript
from core.jobs.fake_training import loss_of
from core.jobs.queue import Finished
from core.paths import Layout
from core.store import checkpoints, events, models, training_points, trainings
from core.store.trainings import Run
from tests.core.store.runs import ask, points

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
House = Any
Open = Callable[..., AbstractAsyncContextManager[House]]
FAST = FakeScript(step=0.001)


async def run_of(home: House, training: str) -> Run:
    found: Run = await home.db.read(lambda c: trainings.run(c, training))
    return found


async def wish(home: House, training: str, wanted: Any) -> None:
    await home.db.write(
        lambda tx: trainings.wish(tx, trainings.run(tx.connection, training), wanted)
    )


async def told(home: House, *kinds: str) -> list[dict[str, Any]]:
    rows = await home.db.read(lambda c: events.after(c, 0, 10_000))
    facts = [msgspec.json.decode(row.text) for row in rows]
    return [fact for fact in facts if fact["type"] in kinds]


async def until(home: House, kind: str, count: int = 1, **fields: Any) -> dict[str, Any]:
    """Wait for the fact of a kind, however long ago."""
    seen = 0
    with anyio.fail_after(15):
        async with home.bus.subscribe(["training", "jobs"], since=0) as subscriber:
            async for message in subscriber:
                fact: dict[str, Any] = msgspec.json.decode(message.data)
                if fact["type"] == kind and fields.items() <= fact.items():
                    seen += 1
                    if seen == count:
                        return fact
    raise AssertionError("the bus was closed")


async def test_a_training_runs_to_its_end_and_becomes_a_model_with_its_words(
    house: Open, layout: Layout
) -> None:
    async with house(FAST) as home:
        training, job = await ask(home.queue, recipe={"sample_every": 10})
        ended = (await home.ended([job]))[job]
        assert (ended.status, ended.kind, ended.result["step"]) == ("succeeded", "training", 20)
        run = await run_of(home, training)
        shown = run.shown
        assert (shown.status, shown.step, shown.model) == ("succeeded", 20, ended.result["model"])
        model = await home.db.read(lambda c: models.get(c, shown.model))
        assert (model.kind, model.token, model.class_word) == ("lora", "sks", "dog")
        assert model.trigger == "sks dog"
        curve = await home.db.read(lambda c: training_points.losses(c, run))
        assert curve == [loss_of(42, step) for step in range(1, 21)]
        samples = await home.db.read(lambda c: training_points.samples(c, run))
        assert [one.step for one in samples.items] == [20, 20, 20, 10, 10, 10]
        roles = [one.role for one in samples.items]
        assert sorted(roles) == sorted(["subject", "context", "drift"] * 2)
        pictures = {picture.id: picture for picture in await home.pictures()}
        assert {one.image for one in samples.items} == set(pictures)
        assert {picture.kind for picture in pictures.values()} == {"sample"}
        assert "a photo of sks dog" in {picture.prompt for picture in pictures.values()}
        assert {path.stem for path in layout.images.rglob("*.png")} == set(pictures)
        assert not list(layout.staging.iterdir())
        kept = (await home.db.read(lambda c: checkpoints.page(c, run))).items
        assert [(one.kind, one.step) for one in kept] == [
            ("checkpoint", 20), ("snapshot", 20), ("checkpoint", 15), ("snapshot", 10),
        ]  # fmt: skip
        (began,) = await told(home, "training.started")
        assert (began["step"], began["steps"], began["job"]) == (0, 20, job)
        (end,) = await told(home, "training.ended")
        assert (end["status"], end["step"], end["model"]) == ("succeeded", 20, shown.model)
        assert end["seq"] < (await told(home, "job.ended"))[0]["seq"]


async def test_one_training_goes_at_a_time_and_pictures_go_beside_it(house: Open) -> None:
    async with house(FakeScript(step=0.005), in_flight=4) as home:
        first, one = await ask(home.queue, recipe={"max_steps": 60})
        second, two = await ask(home.queue, owner="bob")
        await until(home, "training.started", training=first)
        pictures = await home.ask(3)
        await home.ended(pictures)
        run = await run_of(home, first)
        assert run.shown.status == "running"
        assert (await run_of(home, second)).shown.status == "queued"
        assert (await home.job(two)).status == "queued"
        ended = await home.ended([one, two])
        assert {job.status for job in ended.values()} == {"succeeded"}
        started = [fact["training"] for fact in await told(home, "training.started")]
        assert started == [first, second]
        ends = {fact["training"]: fact["seq"] for fact in await told(home, "training.ended")}
        began = {fact["training"]: fact["seq"] for fact in await told(home, "training.started")}
        assert ends[first] < began[second]


async def test_paused_it_waits_and_resumed_it_goes_on_where_it_was(house: Open) -> None:
    async with house(FakeScript(step=0.005)) as home:
        training, job = await ask(home.queue, name="fake slow")
        await until(home, "training.loss", training=training)
        await wish(home, training, "paused")
        assert home.dispatcher.steering.steer(job, "pause")
        paused = await until(home, "training.paused", training=training)
        run = await run_of(home, training)
        assert (run.shown.status, run.shown.step) == ("paused", paused["step"])
        assert (await home.job(job)).status == "running"
        await wish(home, training, None)
        assert home.dispatcher.steering.steer(job, "resume")
        ended = (await home.ended([job]))[job]
        assert ended.status == "succeeded"
        run = await run_of(home, training)
        curve = await home.db.read(lambda c: training_points.losses(c, run))
        assert curve == [loss_of(42, step) for step in range(1, 21)]
        facts = [fact["paused"] for fact in await told(home, "training.paused")]
        assert facts == [True, False]


async def test_stopped_it_keeps_everything_and_another_job_goes_on(house: Open) -> None:
    async with house(FAST) as home:
        training, job = await ask(home.queue, name="fake slow")
        await until(home, "training.loss", training=training)
        assert home.dispatcher.steering.steer(job, "stop")
        ended = (await home.ended([job]))[job]
        assert (ended.status, ended.result["stopped"]) == ("succeeded", True)
        run = await run_of(home, training)
        assert (run.shown.status, run.shown.step) == ("stopped", ended.result["step"])
        assert run.shown.model is None
        added = await home.queue.retry(job)
        with pytest.raises(Conflict) as caught:
            await home.queue.retry(job)
        assert caught.value.name == "training_active"
        assert (await home.ended(added.jobs))[added.jobs[0]].status == "succeeded"
        run = await run_of(home, training)
        assert (run.shown.status, run.shown.job) == ("succeeded", added.jobs[0])
        steps = [fact["step"] for fact in await told(home, "training.started")]
        assert steps == [0, ended.result["step"]]


async def test_a_cancel_ends_it_and_a_failure_is_told(house: Open) -> None:
    async with house(FAST) as home:
        training, job = await ask(home.queue, name="fake slow")
        await until(home, "training.loss", training=training)
        assert await home.queue.cancel(job) == "canceling"
        home.dispatcher.cancel(job)
        assert (await home.ended([job]))[job].status == "canceled"
        assert (await run_of(home, training)).shown.status == "canceled"
        training, job = await ask(home.queue, name="fake fail")
        assert (await home.ended([job]))[job].status == "failed"
        shown = (await run_of(home, training)).shown
        assert (shown.status, shown.error.code) == ("failed", "node_failed")
        statuses = [fact["status"] for fact in await told(home, "training.ended")]
        assert statuses == ["canceled", "failed"]


async def test_it_goes_on_from_its_checkpoint_when_the_engine_died(house: Open) -> None:
    async with house(FAST) as home:
        training, job = await ask(home.queue, name="fake crash once", recipe={"sample_every": 1})
        ended = (await home.ended([job]))[job]
        assert (ended.status, ended.attempt) == ("succeeded", 2)
        run = await run_of(home, training)
        curve = await home.db.read(lambda c: training_points.losses(c, run))
        assert curve == [loss_of(42, step) for step in range(1, 21)]
        samples = await home.db.read(lambda c: training_points.samples(c, run, None, 100))
        assert sorted({one.step for one in samples.items}) == [*range(1, 21)]
        assert len(samples.items) == len(await home.pictures()) == 60  # three a step


async def test_it_goes_on_when_the_server_was_stopped_and_a_paused_one_waits(
    house: Open, layout: Layout
) -> None:
    async with house(FakeScript(step=0.005), boot="one") as home:
        training, job = await ask(home.queue, name="fake slow")
        await until(home, "training.checkpoint", training=training)
    async with house(FAST, boot="two") as home:
        await until(home, "training.started", count=2, training=training)
        home.dispatcher.steering.steer(job, "pause")
        await wish(home, training, "paused")
        await until(home, "training.paused", training=training)
    async with house(FAST, boot="three") as home:
        assert (await run_of(home, training)).shown.status == "paused"
        _, two = await ask(home.queue)
        await home.ended([two])
        assert (await home.job(job)).status == "queued"
        await wish(home, training, None)
        await home.queue.balance()
        assert (await home.ended([job]))[job].status == "succeeded"
        run = await run_of(home, training)
        curve = await home.db.read(lambda c: training_points.losses(c, run))
        assert curve == [loss_of(42, step) for step in range(1, 21)]
        assert (await home.job(job)).attempt == 1  # those that were cut short do not count


async def test_a_training_that_kills_the_engine_is_quarantined_and_tells_why(house: Open) -> None:
    async with house(FAST) as home:
        training, job = await ask(home.queue, name="fake crash")
        assert (await home.ended([job]))[job].status == "quarantined"
        shown = (await run_of(home, training)).shown
        assert (shown.status, shown.error.code) == ("failed", "engine_crashed")
        _, other = await ask(home.queue)
        assert (await home.ended([other]))[other].status == "succeeded"


async def claim(home: House, generation: int = 1, alone: bool = True) -> list[str]:
    return [one.job for one in await home.queue.claim(generation, 9, alone=alone)]


async def test_after_a_crash_a_training_is_tried_last_and_alone_until_it_got_further(
    house: Open,
) -> None:
    async with house(FakeScript(start=99)) as home:  # no engine takes jobs but the test
        training, job = await ask(home.queue, name="dog")
        assert await claim(home) == [job]
        await home.db.write(lambda tx: trained.apply("boot-1", 1, losses(training, job, 3), tx))
        pictures = await home.ask(2)
        assert await claim(home, alone=False) == pictures
        await home.queue.lost(1)
        third = await home.ask(1)
        # Short ones are judged first, one by one.
        for picture in pictures:
            assert await claim(home, 2) == [picture]
            assert await claim(home, 2, alone=False) == []
            await home.queue.finish(Finished(job=picture, generation=2, status="succeeded"))
        assert await claim(home, 2) == [job]
        again = losses(training, job, 2)
        assert await home.db.write(lambda tx: trained.apply("boot-1", 2, again, tx)) == "stored"
        assert await claim(home, 2, alone=False) == []  # no further than when the engine died
        beyond = losses(training, job, 4)
        done = await home.db.write(lambda tx: trained.apply("boot-1", 2, beyond, tx))
        assert done == "acquitted"
        assert await claim(home, 2, alone=False) == third
        # Dying alone, before it gets further, is its own doing: twice, and it is over.
        await home.queue.finish(Finished(job=third[0], generation=2, status="succeeded"))
        for generation in (2, 3):
            await home.queue.lost(generation)
            assert await claim(home, generation + 1) == ([job] if generation == 2 else [])
        assert (await home.job(job)).status == "quarantined"


async def test_a_training_that_crashes_beside_others_is_found_out(house: Open) -> None:
    """It dies at step 5 each time; who runs beside it by then is never blamed for that."""
    async with house(FakeScript(start=99)) as home:
        training, job = await ask(home.queue)
        assert await claim(home) == [job]
        report = losses(training, job, 4)
        await home.db.write(lambda tx: trained.apply("boot-1", 1, report, tx))
        (picture,) = await home.ask(1)
        assert await claim(home, alone=False) == [picture]
        await home.queue.lost(1)
        assert await claim(home, 2) == [picture]
        await home.queue.finish(Finished(job=picture, generation=2, status="succeeded"))
        others = await home.ask(1)
        for generation in (2, 3):
            assert await claim(home, generation) == [job]
            await home.db.write(lambda tx: trained.apply("boot-1", generation, report, tx))  # noqa: B023
            assert await claim(home, generation, alone=False) == []
            await home.queue.lost(generation)
        assert (await home.job(job)).status == "quarantined"
        assert await claim(home, 4) == others


async def test_reports_of_another_engine_or_job_change_nothing(house: Open) -> None:
    async with house(FakeScript(start=99)) as home:
        training, job = await ask(home.queue)
        assert await claim(home, 5) == [job]
        begun = TrainingBegan(job=job, training=training, step=0, steps=9)
        saved = TrainingSaved(
            job=job, training=training, name="step-000001", step=1, kind="checkpoint", size=1
        )
        paused = TrainingPauses(job=job, training=training, step=1, paused=True)
        before = len(await home.db.read(lambda c: events.after(c, 0, 10_000)))
        for report in (begun, losses(training, job, 3), saved, paused):
            for boot, generation, changes in (
                ("boot-1", 4, {}), ("boot-0", 5, {}), ("boot-1", 5, {"job": new_id()}),
                ("boot-1", 5, {"training": new_id()}),
            ):  # fmt: skip
                wrong = msgspec.structs.replace(report, **changes)
                call = lambda tx: trained.apply(boot, generation, wrong, tx)  # noqa: B023, E731
                assert await home.db.write(call) is None
        assert len(await home.db.read(lambda c: events.after(c, 0, 10_000))) == before
        for report in (begun, losses(training, job, 3), saved, paused):
            call = lambda tx: trained.apply("boot-1", 5, report, tx)  # noqa: B023, E731
            assert await home.db.write(call) == "stored"
        run = await run_of(home, training)
        assert (run.shown.step, run.shown.status) == (1, "paused")
        assert len((await home.db.read(lambda c: checkpoints.page(c, run))).items) == 1


async def test_one_that_lacked_memory_rests_and_the_next_waits_too(house: Open) -> None:
    async with house(FakeScript(start=99)) as home:
        _, job = await ask(home.queue)
        assert await claim(home) == [job]
        await home.queue.release(1, [job], "memory")
        (picture,) = await home.ask(1)
        assert await claim(home, alone=False) == [picture]
        await home.queue.balance()
        assert await claim(home, alone=False) == [job]


async def test_a_stop_that_was_asked_is_done_though_the_engine_dies(house: Open) -> None:
    async with house(FakeScript(start=99)) as home:
        training, job = await ask(home.queue)
        assert await claim(home) == [job]
        await wish(home, training, "stopped")
        await home.queue.lost(1)
        assert (await home.job(job)).status == "canceled"
        assert (await run_of(home, training)).shown.status == "stopped"


async def test_a_sweep_goes_one_by_one_and_its_failed_cells_can_be_asked_again(
    house: Open,
) -> None:
    async with house(FAST) as home:
        found = [await ask(home.queue, sweep="s", name=name) for name in ("a", "fake fail", "c")]
        ended = await home.ended([job for _, job in found])
        assert [ended[job].status for _, job in found] == ["succeeded", "failed", "succeeded"]
        page = await home.db.read(lambda c: trainings.page(c, "ann", sweep="s"))
        assert [one.id for one in page.items] == [training for training, _ in reversed(found)]
        batch = ended[found[1][1]].batch
        added = await home.queue.retry_batch(batch)
        assert (await run_of(home, found[1][0])).shown.status in ("queued", "running")
        assert (await home.ended(added.jobs))[added.jobs[0]].status == "failed"


def losses(training: str, job: str, last: int) -> TrainingLosses:
    return TrainingLosses(job=job, training=training, points=points(1, last))
