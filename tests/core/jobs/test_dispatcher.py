"""Queue, dispatcher, reports and a fake engine together, over a real database and real files."""

import hashlib
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import anyio
import msgspec
import pytest
from anyio import wait_all_tasks_blocked

from core.events import wire
from core.events.wire import Binary
from core.graph.sweep import BoundAxis
from core.ipc import exits
from core.ipc.commands import EngineOptions, RunGraph
from core.jobs.fake_job import FakeScript, Fault, asked_fault
from core.jobs.liveness import Limits
from core.jobs.process import ProcessExecutor
from core.media.metadata import read_ours, read_text
from core.paths import Layout
from core.records.graph import Graph, GraphNode
from core.records.image import Image
from core.store.work import NewBatch

pytestmark = pytest.mark.anyio

House = Any
Open = Callable[..., AbstractAsyncContextManager[House]]


def check_files(layout: Layout, pictures: list[Image]) -> None:
    """Hold every row to its file, and every file to a row."""
    for picture in pictures:
        data = layout.image(picture.id).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (picture.bytes, picture.sha256)
        assert layout.thumbnail(picture.id).is_file()
    ids = {picture.id for picture in pictures}
    assert {path.stem for path in layout.images.rglob("*.png")} == ids
    assert {path.stem for path in layout.thumbnails.rglob("*.webp")} == ids
    assert not list(layout.staging.iterdir())


async def test_a_picture_comes_into_the_gallery_with_what_made_it(
    house: Open, layout: Layout
) -> None:
    async with house() as home:
        jobs = await home.ask(2, prompt="a red fox")
        ended = await home.ended(jobs)
        assert {job.status for job in ended.values()} == {"succeeded"}
        pictures = await home.pictures()
        assert {(p.prompt, p.seed, p.model) for p in pictures} == {
            ("a red fox", 0, "starter"),
            ("a red fox", 1, "starter"),
        }
        assert len({picture.sha256 for picture in pictures}) == 2
        assert {picture.job for picture in pictures} == set(jobs)
        check_files(layout, pictures)
        second = next(picture for picture in pictures if picture.seed == 1)
        texts = read_text(layout.image(second.id).read_bytes())
        made = read_ours(texts)
        assert made is not None
        assert made.recipe is not None
        assert (made.recipe["seed"], made.recipe["prompt"]) == (1, "a red fox")
        assert "Seed: 1" in texts["parameters"]


async def test_forty_jobs_succeed_once_each_though_the_engine_dies_in_the_middle(
    house: Open, layout: Layout
) -> None:
    crashed: set[str] = set()

    def fault(command: RunGraph) -> Fault | None:
        tenth = len(crashed) < 2 and command.job[-1] in "05AFMR"
        if tenth and command.job not in crashed:
            crashed.add(command.job)
            return "crash"
        return None

    async with house(FakeScript(fault=fault)) as home:
        jobs = await home.ask(40)
        async with anyio.create_task_group() as group:
            group.start_soon(_kill_soon, home)
            ended = await home.ended(jobs)
        assert {job.status for job in ended.values()} == {"succeeded"}
        pictures = await home.pictures()
        assert sorted(picture.seed for picture in pictures) == list(range(40))
        assert await home.facts("job.ended") == 40
        assert await home.facts("image.added") == 40
        assert await home.facts("job.retried") >= 1
        assert home.executor.generation >= 2
        check_files(layout, pictures)


async def _kill_soon(home: House) -> None:
    async with home.bus.subscribe(["gallery"], since=0) as subscriber:
        for _ in range(5):
            await subscriber.receive()
    home.executor.kill("no_progress")


async def test_a_server_that_ends_in_the_middle_goes_on_where_it_was(
    house: Open, layout: Layout
) -> None:
    async with house(FakeScript(step=0.02), boot="one") as home:
        jobs = await home.ask(12)
        async with home.bus.subscribe(["gallery"], since=0) as subscriber:
            await subscriber.receive()
    async with house(boot="two") as home:
        ended = await home.ended(jobs)
        assert {job.status for job in ended.values()} == {"succeeded"}
        assert await home.facts("job.ended") == 12
        check_files(layout, await home.pictures())


async def test_a_poison_job_is_quarantined_and_the_others_succeed(
    house: Open, layout: Layout
) -> None:
    async with house() as home:
        (poison,) = await home.ask(prompt="fake:crash")
        others = await home.ask(5)
        ended = await home.ended([poison, *others])
        assert ended[poison].status == "quarantined"
        assert ended[poison].error.code == "engine_crashed"
        assert {ended[job].status for job in others} == {"succeeded"}
        check_files(layout, await home.pictures())


@pytest.mark.parametrize(("words", "code"), [("fail", "node_failed"), ("oom", "out_of_memory")])
async def test_a_failed_job_tells_code_and_node(house: Open, words: str, code: str) -> None:
    async with house() as home:
        (job,) = await home.ask(prompt=f"fake:{words}")
        error = (await home.ended([job]))[job].error
        assert (error.code, error.node) == (code, "sample")
        assert home.executor.generation == 1


async def test_what_is_no_longer_there_fails_its_job_alone(house: Open) -> None:
    async with house() as home:
        (lost,) = await home.ask(model="gone")
        graph = Graph(nodes=[GraphNode(id="x", type="no.such_node")])
        added = await home.queue.add(NewBatch(owner="ann", graph=graph))
        (good,) = await home.ask()
        ended = await home.ended([lost, good, *added.jobs])
        error = ended[lost].error
        assert (error.code, error.node) == ("unknown_model", "model")
        assert error.path == "$.settings.checkpoint"
        assert ended[added.jobs[0]].error.code == "unknown_node"
        assert ended[good].status == "succeeded"


async def test_a_running_job_is_cancelled_between_two_steps(house: Open) -> None:
    async with house(FakeScript(step=0.05)) as home:
        (job,) = await home.ask(steps=500)
        async with home.bus.subscribe(["jobs"], jobs=[job], since=0) as subscriber:
            async for message in subscriber:
                if b'"job.progress"' in message.data and b'"step"' in message.data:
                    break
        assert home.dispatcher.progress[job].steps > 0
        assert await home.queue.cancel(job) == "canceling"
        home.dispatcher.cancel(job)
        ended = await home.ended([job])  # all steps would take 25 s
        assert ended[job].status == "canceled"
        assert await home.pictures() == []
        assert home.executor.generation == 1


async def test_a_cancel_that_the_engine_ignores_costs_the_engine_its_life(
    house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.jobs.dispatcher._TICK", 0.02)
    monkeypatch.setattr("core.jobs.dispatcher._PATIENCE", 0.1)
    async with house() as home:
        (hung,) = await home.ask(prompt="fake:hang")
        (slow,) = await home.ask(prompt="fake:hang once")
        while len(home.dispatcher.progress) < 2:
            await wait_all_tasks_blocked()
        await home.queue.cancel(hung)
        home.dispatcher.cancel(hung)
        ended = await home.ended([hung], seconds=3)
        assert ended[hung].status == "canceled"
        assert home.executor.generation == 2
        await home.queue.cancel(slow)
        home.dispatcher.cancel(slow)
        assert (await home.ended([slow], seconds=3))[slow].status == "canceled"


async def test_previews_are_drawn_for_those_who_watch_and_never_after_the_end(
    house: Open,
) -> None:
    async with house(FakeScript(step=0.005, preview_rate=1000.0)) as home:
        async with home.bus.subscribe(["jobs", "previews"]) as subscriber:
            (job,) = await home.ask(steps=20)
            shown = 0
            with anyio.fail_after(10):
                async for message in subscriber:
                    if isinstance(message, Binary):
                        header, data = wire.split(message.data)
                        assert (header["job"], header["mime"]) == (job, "image/webp")
                        assert data.startswith(b"RIFF")
                        shown += 1
                    elif b'"job.ended"' in message.data:
                        break
            assert shown >= 2
            with anyio.move_on_after(0.05):
                async for message in subscriber:
                    raise AssertionError(message)


async def test_progress_carries_the_seconds_that_are_left(house: Open) -> None:
    async with house(FakeScript(step=0.01)) as home, home.bus.subscribe(["jobs"]) as subscriber:
        await home.ask(steps=10)
        left = []
        with anyio.fail_after(10):
            async for message in subscriber:
                said = msgspec.json.decode(message.data)
                if said["type"] == "job.progress" and said["eta_seconds"] is not None:
                    left.append(said["eta_seconds"])
                if said["type"] == "job.ended":
                    break
        assert left
        assert left[-1] < left[0] < 1.0


async def test_a_suspect_runs_with_nobody_beside_it(house: Open) -> None:
    alone: set[str] = set()
    beside: list[set[str]] = []

    def fault(command: RunGraph) -> Fault | None:
        running = set(home.executor._jobs)
        if command.alone:
            alone.add(command.job)
            beside.append(running - {command.job})
        else:
            beside.append(running & alone)
        return asked_fault(command)

    async with house(FakeScript(step=0.002, fault=fault), in_flight=4) as home:
        jobs = [
            *await home.ask(3),
            *await home.ask(3, prompt="fake:crash-once"),
            *await home.ask(3),
        ]
        ended = await home.ended(jobs)
        assert {job.status for job in ended.values()} == {"succeeded"}
        assert alone
        assert not any(beside)


async def test_an_engine_that_is_renewed_blames_no_job(house: Open) -> None:
    alone: list[bool] = []

    def fault(command: RunGraph) -> Fault | None:
        alone.append(command.alone)
        if len(alone) == 1:
            home.executor.lose(exits.STALE, "renewed")
        return None

    async with house(FakeScript(fault=fault)) as home:
        (job,) = await home.ask()
        ended = await home.ended([job])
        assert ended[job].status == "succeeded"
        assert alone == [False, False]  # a suspect would be tried alone


async def test_an_engine_that_is_not_there_leaves_jobs_in_the_queue(house: Open) -> None:
    async with house(FakeScript(start=30.0)) as home:
        (job,) = await home.ask()
        await wait_all_tasks_blocked()
        assert (await home.job(job)).status == "queued"


async def test_a_damaged_picture_fails_its_job_and_leaves_nothing(
    house: Open, layout: Layout
) -> None:
    async with house() as home:
        (job,) = await home.ask(prompt="fake:damage")
        ended = await home.ended([job])
        assert (ended[job].status, ended[job].error.code) == ("failed", "image_damaged")
        check_files(layout, [])


async def test_the_queue_pauses_when_the_disk_is_full_and_goes_on_by_itself(
    house: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = 100 << 20
    monkeypatch.setattr("core.jobs.disk.shutil.disk_usage", lambda path: SimpleNamespace(free=free))
    monkeypatch.setattr("core.jobs.disk.TICK", 0.01)
    async with house(disk_floor_mb=512) as home:
        async with home.bus.subscribe(["jobs"], since=0) as subscriber:
            with anyio.fail_after(5):
                said = msgspec.json.decode((await subscriber.receive()).data)
        assert (said["type"], said["paused"], said["reason"]) == (
            "queue.changed", True, "disk_full",
        )  # fmt: skip
        (job,) = await home.ask()
        assert (await home.job(job)).status == "queued"
        free = 600 << 20
        with anyio.move_on_after(0.1):
            await home.ended([job])
        assert (await home.job(job)).status == "queued", "between the floor and twice the floor"
        free = 1 << 40
        assert (await home.ended([job]))[job].status == "succeeded"


async def test_a_real_process_that_segfaults_costs_its_job_and_no_other(
    house: Open, layout: Layout
) -> None:
    child = Path(__file__).parents[2] / "contract" / "child.py"
    executor = ProcessExecutor(
        EngineOptions(staging=str(layout.staging), nodes=""),
        argv=[sys.executable, str(child), "good", "{}"],
        limits=Limits(back_off=(0.01,)),
    )

    def batch(*whats: str) -> NewBatch:
        node = GraphNode(id="n", type="test.play", settings={"steps": 3})
        axis = BoundAxis(label="n.do", targets=(("n", "do"),), values=whats)
        return NewBatch(
            owner="ann",
            graph=Graph(nodes=[node]),
            axes=(axis,),
            cells=[(what,) for what in whats],
        )

    async with house(executor=executor) as home:
        jobs = (await home.queue.add(batch("", "", "crash", "", "print", "", ""))).jobs
        ended = await home.ended(jobs)
        statuses = [ended[job].status for job in jobs]
        assert statuses.count("succeeded") == 6
        assert statuses[2] == "quarantined"
        assert ended[jobs[2]].error.params["exit"] == -11
        assert await home.facts("job.ended") == 7
        assert home.executor.generation >= 3


async def test_what_is_done_when_the_server_stops_is_stored_and_the_rest_waits(
    house: Open, layout: Layout
) -> None:
    async with house(FakeScript(step=0.01), in_flight=2) as home:
        jobs = await home.ask(30)
        async with home.bus.subscribe(["gallery"], since=0) as subscriber:
            await subscriber.receive()
        home.dispatcher.close()
        with anyio.fail_after(5):
            await home.executor.stop(2.0)
            await home.dispatcher.wait_ended()
        statuses = [(await home.job(job)).status for job in jobs]
        assert set(statuses) == {"succeeded", "queued"}
        check_files(layout, await home.pictures())
