"""A real server in the test's own loop: real database, scripted engine, the whole application."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import msgspec
from blockbuster import blockbuster_ctx
from starlette.types import ASGIApp

from core.config import Config, load
from core.ipc.commands import EngineOptions
from core.jobs.fake import FakeExecutor
from core.jobs.fake_job import FakeScript
from core.paths import Layout
from core.store import models
from core.store.models import NewModel
from server import lifespan
from server.app import create_app
from server.serve import Server, bind
from server.state import State

Opener = Callable[..., AbstractAsyncContextManager["Studio"]]
DRAW = {"prompt": "a red fox", "model": "tiny", "width": 64, "height": 64, "steps": 2, "seed": 7}


class Studio:
    """An open server: its services, and a client that reaches it without a socket."""

    def __init__(self, state: State, client: httpx.AsyncClient) -> None:
        self.state, self.client = state, client

    async def generate(self, **fields: Any) -> dict[str, Any]:
        """Ask for pictures and wait for them."""
        answer = await self.client.post(
            "/api/v1/generate", json=DRAW | fields, headers={"prefer": "wait=10"}
        )
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def until(self, kind: str, job: str) -> dict[str, Any]:
        """Wait for a fact of a job, now or long ago."""
        async with self.state.bus.subscribe(topics=["jobs"], jobs=[job], since=0) as subscriber:
            with anyio.fail_after(5):
                async for message in subscriber:
                    fact: dict[str, Any] = msgspec.json.decode(message.data)
                    if fact["type"] == kind:
                        return fact
        raise AssertionError("the bus was closed")

    async def ended(self, job: str) -> dict[str, Any]:
        """Wait for the end of a job and read it."""
        await self.until("job.ended", job)
        found: dict[str, Any] = (await self.client.get(f"/api/v1/jobs/{job}")).json()
        return found

    async def rows(self) -> dict[str, int]:
        """Count what a refused request must not add to."""
        return await self.state.db.read(
            lambda connection: {
                table: connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0]
                for table in ("jobs", "batches", "images", "events WHERE topic = 'jobs'")
            }
        )


def configured(folder: Path, **flags: Any) -> Config:
    return load(flags={"data_dir": str(folder), "fake_engine": True, **flags}, environ={})


@asynccontextmanager
async def open_studio(
    folder: Path,
    *,
    script: FakeScript | None = None,
    engine: FakeExecutor | None = None,
    **flags: Any,
) -> AsyncIterator[Studio]:
    config = configured(folder, **flags)
    layout = Layout(folder)
    layout.make()
    engine = engine or FakeExecutor(
        EngineOptions(staging=str(layout.staging), nodes=str(layout.nodes)), script or FakeScript()
    )
    async with lifespan.opened(config, engine, scan=False) as state:
        await state.db.write(
            lambda tx: models.upsert(
                tx,
                NewModel(
                    name="tiny", kind="checkpoint", family="sd1", format="diffusers",
                    root="models", file="tiny", bytes=1, changed=1, sha256="ab" * 32,
                ),
            )
        )  # fmt: skip
        transport = httpx.ASGITransport(create_app(state), raise_app_exceptions=False)
        await until_ready(state)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:9292"
        ) as client:
            # From here on it serves: a file, a lock or a sleep on the loop is an error.
            with blockbuster_ctx(["core", "server"]):
                yield Studio(state, client)


async def until_ready(state: State) -> None:
    """Wait for the engine's first word."""
    async with state.bus.subscribe(topics=["system"], since=0) as subscriber:
        with anyio.fail_after(5):
            while state.executor.state != "ready":
                await subscriber.receive()


@asynccontextmanager
async def listening(state: State, app: ASGIApp | None = None) -> AsyncIterator[str]:
    """Serve an open studio on a real port: gives ``127.0.0.1:port``.

    :param app: served in its place, by the same protocols.
    """
    with contextlib.closing(bind("127.0.0.1", 0)) as listener:
        server = Server(state)
        server.config.app = app or server.config.app
        async with anyio.create_task_group() as group:
            group.start_soon(server.serve, [listener])
            yield f"127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True
