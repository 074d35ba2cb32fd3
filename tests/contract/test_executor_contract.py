"""The same tests for the fake engine, inside and as a process, and for the real child."""

import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from PIL import Image as Pillow

from core.errors import EngineUnavailable
from core.graph.catalogue import Resource
from core.ipc.commands import PROTOCOL, Cancel, EngineOptions, Ping, RunGraph, Watch
from core.ipc.reports import JobDone, JobFailed, JobProgressed, Pong
from core.jobs.executor import Changed, Executor, Item, Lost, Stamped
from core.jobs.fake import FakeExecutor
from core.jobs.fake_picture import colours, png
from core.jobs.process import ProcessExecutor
from core.paths import Layout
from core.records.graph import Graph, GraphNode

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(90)]

PROGRAMS = {"process": "core.jobs.fake_process", "engine": "core.engine"}
KINDS = ["fake", "process", pytest.param("engine", marks=pytest.mark.slow)]


class Listener:
    def __init__(self, executor: Executor, layout: Layout) -> None:
        self.executor = executor
        self.layout = layout
        self.items = executor.reports()
        self.heard: list[Item] = []
        self.patience = 30.0  # seconds

    async def until(self, kind: type, **fields: object) -> Item:
        with anyio.fail_after(self.patience):
            async for item in self.items:
                self.heard.append(item)
                body = item.report if isinstance(item, Stamped) else item
                if isinstance(body, kind) and all(
                    getattr(body, name) == value for name, value in fields.items()
                ):
                    return body
        raise AssertionError(f"ended without {kind.__name__} {fields}: {self.heard[-3:]}")

    def progress(self, job: str) -> list[JobProgressed]:
        reports = [item.report for item in self.heard if isinstance(item, Stamped)]
        return [one for one in reports if isinstance(one, JobProgressed) and one.job == job]


@asynccontextmanager
async def engine(kind: str, layout: Layout) -> AsyncIterator[Listener]:
    options = EngineOptions(
        staging=str(layout.staging), nodes=str(layout.nodes), device="cpu", threads=1
    )
    executor: Executor = (
        FakeExecutor(options)
        if kind == "fake"
        else ProcessExecutor(options, program=PROGRAMS[kind])
    )
    async with anyio.create_task_group() as group:
        await group.start(executor.run)
        yield Listener(executor, layout)
        group.cancel_scope.cancel()


def picture_graph(width: int = 48) -> Graph:
    return Graph(
        nodes=[
            GraphNode(id="load", type="image.load", settings={"image": "pic"}),
            GraphNode(
                id="resize",
                type="image.resize",
                settings={"width": width, "height": 32},
                inputs={"image": ("load", "out")},
            ),
            GraphNode(id="save", type="image.save", inputs={"image": ("resize", "out")}),
        ]
    )


def picture_job(job: str, folder: Path, width: int = 48) -> RunGraph:
    data = png(64, 40, *colours("contract"), {})
    path = folder / "pic.png"
    path.write_bytes(data)
    identity = hashlib.sha256(data).hexdigest()
    return RunGraph(
        job=job,
        graph=picture_graph(width),
        resources={"pic": Resource(id="pic", kind="image", path=str(path), identity=identity)},
        metadata={"heliograph": '{"version":"tëst"}', "parameters": "Steps: 1"},
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_jobs_are_run_saved_cached_failed_and_answered_once(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    async with engine(kind, layout) as heard:
        executor = heard.executor
        ready = await heard.until(Changed, state="ready")
        assert (ready.generation, executor.generation, executor.state) == (1, 1, "ready")
        assert executor.hello is not None
        assert (executor.hello.protocol, ready.device) == (PROTOCOL, executor.hello.device)
        assert executor.catalogue is not None
        assert executor.catalogue.nodes["image.save"].sink

        executor.send(Ping(number=7))
        await heard.until(Pong, number=7)
        executor.send(Watch(jobs=None))
        executor.send(Cancel(job="nobody"))
        executor.send(picture_job("first", tmp_path))
        done = await heard.until(JobDone, job="first")
        (saved,) = done.images
        file = layout.staging / saved.path
        data = file.read_bytes()
        assert (saved.width, saved.height, saved.node, saved.index) == (48, 32, "save", 0)
        assert (saved.size, saved.sha256) == (len(data), hashlib.sha256(data).hexdigest())
        picture = Pillow.open(io.BytesIO(data))
        picture.load()
        assert (picture.size, picture.format) == ((48, 32), "PNG")
        assert picture.text == {"heliograph": '{"version":"tëst"}', "parameters": "Steps: 1"}
        with Pillow.open(layout.staging / saved.thumbnail) as thumbnail:
            assert (thumbnail.size, thumbnail.format) == ((48, 32), "WEBP")
        moved = [i.report for i in heard.heard if isinstance(i, Stamped)]
        assert any(isinstance(report, JobProgressed) for report in moved)
        ran = done.ran

        executor.send(picture_job("again", tmp_path))
        again = await heard.until(JobDone, job="again")
        assert (again.ran, again.cached) == (1, ran - 1), "all but the sink come from the cache"
        assert again.images[0].sha256 == saved.sha256

        (tmp_path / "pic.png").unlink()
        gone = picture_job("gone", tmp_path)
        (tmp_path / "pic.png").unlink()
        resource = Resource(id="pic", kind="image", path=str(tmp_path / "pic.png"), identity="?")
        executor.send(RunGraph(job="gone", graph=gone.graph, resources={"pic": resource}))
        failed = await heard.until(JobFailed, job="gone")
        assert failed.node == "load"
        for name in ("a", "b", "c"):
            executor.send(picture_job(name, tmp_path))
        wanted = {"a", "b", "c"}
        while wanted:
            wanted.remove((await heard.until(JobDone)).job)


@pytest.mark.parametrize("kind", KINDS)
async def test_what_comes_from_the_cache_is_told_by_name(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    async with engine(kind, layout) as heard:
        await heard.until(Changed, state="ready")
        for job, width, known in (
            ("first", 48, []), ("again", 48, ["load", "resize"]), ("wider", 56, ["load"]),
        ):  # fmt: skip
            heard.executor.send(picture_job(job, tmp_path, width))
            done = await heard.until(JobDone, job=job)
            assert list(done.cached_nodes) == known
            shown = [list(report.cached_nodes) for report in heard.progress(job)]
            assert all(each == known[: len(each)] for each in shown)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_graph_that_does_not_fit_fails_with_its_node_and_path(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    async with engine(kind, layout) as heard:
        await heard.until(Changed, state="ready")
        bad = Graph(nodes=[GraphNode(id="x", type="no.such_node")])
        heard.executor.send(RunGraph(job="bad", graph=bad))
        failed = await heard.until(JobFailed, job="bad")
        assert (failed.code, failed.node) == ("unknown_node", "x")
        heard.executor.send(picture_job("unfit", tmp_path, width=0))
        failed = await heard.until(JobFailed, job="unfit")
        assert (failed.code, failed.node) == ("number_too_small", "resize")
        assert failed.path == "$.settings.width"


@pytest.mark.parametrize("kind", KINDS)
async def test_a_killed_engine_is_lost_once_and_followed_by_another(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    async with engine(kind, layout) as heard:
        await heard.until(Changed, state="ready")
        heard.executor.kill("cancel_ignored")
        lost = await heard.until(Lost)
        assert (lost.generation, lost.reason) == (1, "cancel_ignored")
        await heard.until(Changed, state="restarting")
        await heard.until(Changed, state="ready", generation=2)
        heard.executor.send(picture_job("after", tmp_path))
        await heard.until(JobDone, job="after")
        assert len([item for item in heard.heard if isinstance(item, Lost)]) == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stopped_engine_says_so_and_takes_nothing_more(
    kind: str, layout: Layout, tmp_path: Path
) -> None:
    async with engine(kind, layout) as heard:
        with pytest.raises(EngineUnavailable):
            heard.executor.send(picture_job("early", tmp_path))
        await heard.until(Changed, state="ready")
        heard.executor.send(picture_job("last", tmp_path))
        with anyio.fail_after(30):
            await heard.executor.stop(grace=20.0)
        with pytest.raises(EngineUnavailable):
            heard.executor.send(picture_job("late", tmp_path))
        heard.heard += [item async for item in heard.items]
        *_, lost, stopped = heard.heard
        done = [item for item in heard.heard if isinstance(item, Stamped)]
        assert any(isinstance(item.report, JobDone) for item in done), "a running job may end"
        assert isinstance(lost, Lost)
        assert (lost.reason, lost.exit_code) == ("stopped", 0)
        assert isinstance(stopped, Changed)
        assert (stopped.state, heard.executor.state) == ("stopped", "stopped")
