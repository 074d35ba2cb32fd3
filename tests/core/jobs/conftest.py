"""A whole server without HTTP: database, queue, bus, fake engine, dispatcher."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import anyio
import pytest

from core.config import Settings
from core.events.bus import Bus
from core.graph.recipes import build
from core.graph.sweep import BoundAxis
from core.ipc.commands import EngineOptions
from core.jobs.dispatcher import Dispatcher
from core.jobs.executor import Executor
from core.jobs.fake import FakeExecutor
from core.jobs.fake_job import FakeScript
from core.jobs.queue import NewBatch, Queue
from core.paths import Layout, shipped
from core.records.image import Image
from core.records.job import Job
from core.records.model import ModelDefaults
from core.store import events, images, jobs, models
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.work import NewModel


class House:
    """Services that work together, and short words for what tests ask of them."""

    def __init__(
        self, db: Database, queue: Queue, bus: Bus, executor: Executor, dispatcher: Dispatcher
    ) -> None:
        self.db = db
        self.queue = queue
        self.bus = bus
        self.executor = executor
        self.dispatcher = dispatcher

    async def ask(self, count: int = 1, prompt: str = "a red fox", **fields: Any) -> list[str]:
        """Queue some pictures with seeds 0, 1, …; give the ids of their jobs."""
        values = {"prompt": prompt, "model": "starter", "seed": 0, **fields}
        defaults = ModelDefaults(width=64, height=64, steps=3, guidance_scale=5.0, sampler="ddim")
        built = build("txt2img", values, defaults)
        axis = BoundAxis(
            label="seed", targets=tuple(built.bindings["seed"]), values=tuple(range(count))
        )
        added = await self.queue.add(
            NewBatch(
                owner="ann",
                graph=built.graph,
                recipe=values,
                axes=(axis,),
                cells=[(seed,) for seed in range(count)],
            )
        )
        return added.jobs

    async def ended(self, wanted: list[str], seconds: float = 15.0) -> dict[str, Job]:
        """Wait until jobs have ended."""
        with anyio.fail_after(seconds):
            async with self.bus.subscribe(["jobs"], since=0) as subscriber:
                while True:
                    found = {job: await self.job(job) for job in wanted}
                    if not [job for job in found.values() if job.status in ("queued", "running")]:
                        return found
                    await subscriber.receive()

    async def job(self, job: str) -> Job:
        return await self.db.read(lambda connection: jobs.get(connection, job))

    async def pictures(self) -> list[Image]:
        found = await self.db.read(lambda c: images.page(c, ImageFilter(), None, 200))
        return found.items

    async def facts(self, kind: str) -> int:
        """Count the stored facts of a kind."""
        rows = await self.db.read(lambda connection: events.after(connection, 0, 10_000))
        assert [row.seq for row in rows] == list(range(1, len(rows) + 1))
        return sum(row.text.startswith(b'{"type":"%b"' % kind.encode()) for row in rows)


Open = Callable[..., AbstractAsyncContextManager[House]]


@pytest.fixture
def house(layout: Layout) -> Open:
    """Open a house over the test's data directory; again for a restart."""

    @asynccontextmanager
    async def opened(
        script: FakeScript | None = None,
        executor: Executor | None = None,
        boot: str = "boot-1",
        **settings: Any,
    ) -> AsyncIterator[House]:
        options = EngineOptions(staging=str(layout.staging), nodes=str(layout.nodes))
        engine = executor or FakeExecutor(options, script)

        async def read(since: int, limit: int) -> Any:
            return await db.read(lambda connection: events.after(connection, since, limit))

        bus = Bus(read)
        async with Database.open(
            layout.database,
            publish=bus.publish,
            backups=layout.backups,
            migrations=shipped("migrations"),
        ) as db:
            bus.start(await db.read(events.head))
            await db.write(
                lambda tx: models.upsert(
                    tx,
                    NewModel(
                        name="starter", kind="checkpoint", family="sd1", format="diffusers",
                        root="starter", file="model", bytes=1, changed=1,
                    ),
                )
            )  # fmt: skip
            chosen = Settings(data_dir=str(layout.root), **{"disk_floor_mb": 0, **settings})
            queue = Queue(db, chosen, boot)
            await queue.recover()
            dispatcher = Dispatcher(
                queue=queue, executor=engine, db=db, bus=bus, layout=layout, settings=chosen,
                roots={"starter": shipped("starter").parent},
            )  # fmt: skip
            async with anyio.create_task_group() as group:
                await group.start(engine.run)
                await group.start(dispatcher.run)
                yield House(db, queue, bus, engine, dispatcher)
                dispatcher.close()
                with anyio.fail_after(10):
                    await engine.stop(0.05)

    return opened
