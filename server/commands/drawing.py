"""A server to draw on from the command line, and jobs watched until they have ended.

Uses the server that runs on the data directory, else one of its own for as long as it takes.
"""

import argparse
import contextlib
import socket
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from core.config import Config
from core.errors import HeliographError, Problem
from core.ids import new_id
from core.paths import Layout
from server import cli
from server.client import Client
from server.whereabouts import running

if TYPE_CHECKING:
    from rich.progress import Progress  # imported where the bar is made: it takes 50 ms


def arguments(command: argparse.ArgumentParser, without: Collection[str] = ()) -> None:
    """Add the flags that say where it is drawn.

    :param without: settings that the command has another meaning for.
    """
    command.add_argument("--url", help="another server than this machine's")
    for name in ("device", "dtype", "token"):
        if name not in without:
            command.add_argument(f"--{name}")
    command.add_argument("--fake-engine", action="store_const", const=True, default=None)
    command.add_argument("--quiet", action="store_true", help="no progress bar")


@asynccontextmanager
async def server(
    parsed: argparse.Namespace, config: Config, *, engine: bool = True
) -> AsyncIterator[Client]:
    """Reach the running server, or run one here on a free port of the loopback.

    :param engine: whether one that runs here needs an engine.
    """
    token = config.settings.token
    found = parsed.url or getattr(running(Layout(config.settings.data_dir)), "url", "")
    if found:
        async with Client(found, token, language=cli.language()) as client:
            if parsed.url or await client.alive():
                yield client
                return
    async with _own(config, engine) as url, Client(url, token, language=cli.language()) as client:
        yield client


@asynccontextmanager
async def _own(config: Config, engine: bool) -> AsyncIterator[str]:
    from core import log as logs
    from core.jobs.absent import AbsentExecutor
    from server import lifespan
    from server.serve import Server, bind

    logs.setup("WARNING")
    settings = msgspec.structs.replace(config.settings, host="127.0.0.1", port=0)
    alone = msgspec.structs.replace(config, settings=settings)
    with contextlib.closing(bind("127.0.0.1", 0)) as listener:
        opened = lifespan.opened(alone, None if engine else AbsentExecutor())
        async with opened as state, anyio.create_task_group() as group:
            server = Server(state)
            group.start_soon(_serve, server, listener)
            await state.scanned.wait()
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            server.should_exit = True


async def _serve(server: Any, listener: socket.socket) -> None:
    await server.serve(sockets=[listener])


async def watched(
    client: Client, path: str, ask: dict[str, Any], *, quiet: bool
) -> list[dict[str, Any]]:
    """Ask, follow the events until every job has ended, give the jobs."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(), console=Console(stderr=True), transient=True, disable=quiet,
    )  # fmt: skip
    async with client.events() as events:
        await anext(events)  # hello
        made = await client.call("POST", path, ask)
        jobs = [
            job["id"] if isinstance(job, dict) else job for job in made.get("jobs") or [made["job"]]
        ]
        if made.get("count", 0) > len(jobs):
            jobs = [job["id"] for job in await cells(client, made["batch"])]
        try:
            with bar:
                await _follow(events, set(jobs), bar)
        except BaseException:  # nobody is left to take the pictures: Ctrl+C, or an engine gone
            with anyio.CancelScope(shield=True), contextlib.suppress(HeliographError):
                await client.call("POST", f"/batches/{made['batch']}/cancel")
            raise
    return await cells(client, made["batch"])


async def cells(client: Client, batch: str) -> list[dict[str, Any]]:
    """Read the jobs of a batch, in the order of its cells."""
    found: list[dict[str, Any]] = []
    path = f"/batches/{batch}?limit=200"
    page = await client.call("GET", path)
    found += page["cells"]
    while page["next"] is not None:
        page = await client.call("GET", f"{path}&cursor={page['next']}")
        found += page["cells"]
    return found


async def save(client: Client, images: list[str], output: str) -> None:
    """Write pictures into files, numbered where there are several, and print their names."""
    for index, image in enumerate(images):
        file = _file(output, image, index, len(images))
        await anyio.Path(file).write_bytes(await client.picture(image))
        cli.say(str(file))


def told(jobs: list[dict[str, Any]]) -> None:
    """Print what is not as it was asked for, and why jobs failed."""
    for name in sorted({name for job in jobs for name in job["degraded"]}):
        cli.remark(name)
    for job in jobs:
        if job["status"] != "succeeded":
            problem = msgspec.convert(job.get("error") or {"code": "job_failed"}, Problem)
            cli.complain(HeliographError(problems=(problem,)))


async def _follow(
    events: AsyncIterator[dict[str, Any]], waiting: set[str], bar: "Progress"
) -> None:
    """Show events until every job has ended.

    :raises HeliographError: ``engine_unusable`` when the server has given up on starting one.
    """
    task = bar.add_task("waiting", total=None)
    async for event in events:
        if event["type"] == "job.progress" and event["job"] in waiting:
            done, total = event["step"], event["steps"] or None
            bar.update(task, description=event["phase"], completed=done, total=total)
        elif event["type"] == "job.ended":
            waiting.discard(event["job"])
        elif event["type"] == "engine.state" and event["state"] == "unavailable":
            raise HeliographError("engine_unusable", reason=event["reason"])
        if not waiting:
            return


def _file(output: str, image: str, index: int, count: int) -> Path:
    if not output:
        return Path(f"heliograph-{image or new_id()}.png")
    path = Path(output)
    path = path if path.suffix else path.with_suffix(".png")
    return path if count == 1 else path.with_stem(f"{path.stem}-{index + 1}")
