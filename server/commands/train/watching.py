"""A run as it is watched from the command line: loss, steps, time left; Ctrl+C stops and keeps it.

The first Ctrl+C asks the server to stop after the step and keep everything; the second leaves.
"""

import signal
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import anyio

from core.errors import HeliographError
from server import cli
from server.client import Client

if TYPE_CHECKING:
    from rich.progress import Progress

_TOPICS = "jobs,training,system"
_START = 120.0  # seconds that an engine takes at most until it is ready


async def ready(client: Client) -> None:
    """Wait until the engine has said what its device has; a plan without that knows no memory."""
    async with client.events("system") as events:
        await anext(events)  # hello
        found = await client.call("GET", "/system")
        if found["engine"]["state"] not in ("starting", "restarting"):
            return
        with anyio.move_on_after(_START):
            async for event in events:
                if event["type"] == "engine.state" and event["state"] != "starting":
                    return


async def watched(
    client: Client, training: str, job: str, steps: int, *, quiet: bool
) -> dict[str, Any]:
    """Follow a training until it has ended; give it as it is then.

    :raises KeyboardInterrupt: at the second Ctrl+C.
    """
    async with client.events(_TOPICS) as events, anyio.create_task_group() as group:
        await anext(events)  # hello
        group.start_soon(_interrupted, client, training)
        found = await client.call("GET", f"/trainings/{training}")
        if found["ended"] is None:  # else it was faster than this
            with _bar(quiet) as bar:
                await _follow(events, training, job, bar, steps)
        group.cancel_scope.cancel()
    found = await client.call("GET", f"/trainings/{training}")
    return dict(found)


async def _interrupted(client: Client, training: str) -> None:
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        asked = False
        async for _ in signals:
            if asked:
                raise KeyboardInterrupt
            asked = True
            cli.remark("stopping", "train")
            await client.call("POST", f"/trainings/{training}/stop")


def _bar(quiet: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    return Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
        TimeRemainingColumn(), TextColumn("{task.fields[loss]}"), console=Console(stderr=True),
        transient=True, disable=quiet,
    )  # fmt: skip


async def _follow(
    events: AsyncIterator[dict[str, Any]], training: str, job: str, bar: "Progress", steps: int
) -> None:
    """Show events until the training has ended.

    :raises HeliographError: ``engine_unusable`` when the server has given up on starting one.
    """
    task = bar.add_task("waiting", total=None, loss="")
    async for event in events:
        kind = event["type"]
        if kind == "job.progress" and event["job"] == job:
            done, total = event["step"], event["steps"] or None
            bar.update(task, description=event["phase"], completed=done, total=total)
        elif kind == "engine.state" and event["state"] == "unavailable":
            raise HeliographError("engine_unusable", reason=event["reason"])
        elif event.get("training") != training:
            continue
        elif kind == "training.loss":
            last = event["points"][-1]
            said = f"loss {last['loss']:.4f}"
            bar.update(task, description="train", completed=last["step"], total=steps, loss=said)
        elif kind == "training.checkpoint":
            bar.console.print(f"{event['kind']} at step {event['step']}")
        elif kind == "training.warned":
            warning = event["warning"]
            cli.remark(warning["code"], "warnings", warning["params"])
        elif kind == "training.paused":
            bar.update(task, description="paused" if event["paused"] else "train")
        elif kind == "training.ended":
            return
