"""``heliograph models install|installs``: bring a model into the library, and see what comes.

Asks the server that runs on the data directory; without one it runs a server without an engine for
as long as it takes.
"""

import argparse
import os
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import anyio
import msgspec

from core.config import Config
from core.errors import HeliographError, Problem
from server import cli
from server.client import Client
from server.commands import drawing

if TYPE_CHECKING:
    from rich.progress import Progress  # imported where the bar is made: it takes 50 ms

_ENDED = frozenset({"done", "failed", "canceled", "paused"})


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the source, what it becomes, and where the server is."""
    if command.prog.endswith("install"):
        command.add_argument("source", help="a path, hf:owner/name[:variant][/file], or a URL")
        command.add_argument("--name", help="in place of its own")
        command.add_argument("--sha256", help="what the file must have")
        command.add_argument("--in-place", action="store_true", help="use the files where they lie")
        command.add_argument("--quiet", action="store_true", help="no progress bar")
    command.add_argument("--url", help="another server than this machine's")
    command.add_argument("--token", default=argparse.SUPPRESS)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Install, or list."""
    return anyio.run(_install if parsed.action == "install" else _list, parsed, config)


async def _list(parsed: argparse.Namespace, config: Config) -> int:
    async with drawing.server(parsed, config, engine=False) as client:
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            after = f"&cursor={page['next']}" if page["next"] else ""
            page = await client.call("GET", f"/models/installs?limit=200{after}")
            for one in page["items"]:
                share = f"{one['bytes'] / one['total']:4.0%}" if one["total"] else "    "
                cli.say(f"{one['id']}  {one['status']:<11} {share}  {one['source']}")
    return 0


async def _install(parsed: argparse.Namespace, config: Config) -> int:
    ask = {
        "source": _absolute(parsed.source), "name": parsed.name, "sha256": parsed.sha256,
        "in_place": parsed.in_place,
    }  # fmt: skip
    async with drawing.server(parsed, config, engine=False) as client:
        try:
            async with client.events("models") as events:
                await anext(events)  # hello
                made = await client.call("POST", "/models/install", ask)
                await _follow(client, events, made, quiet=parsed.quiet)
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
        ended = await client.call("GET", f"/models/installs/{made['id']}")
        if ended["status"] != "done":
            problem = msgspec.convert(ended["error"] or {"code": "install_paused"}, Problem)
            raise HeliographError(problems=(problem,))
        model = await client.call("GET", f"/models/{ended['model']}")
    cli.say(f"{model['id']}  {model['kind']}  {model['family']}  {model['name']}")
    return 0


async def _follow(
    client: Client, events: AsyncIterator[dict[str, Any]], made: dict[str, Any], *, quiet: bool
) -> None:
    """Show how far an install is, until it ends."""
    with _bar(quiet) as bar:
        task = bar.add_task(made["source"], total=made["total"])
        held = await client.call("GET", f"/models/installs/{made['id']}")
        if held["status"] in _ENDED:  # before anybody listened
            return
        async for event in events:
            if event.get("install") != made["id"]:
                continue
            if event["type"] == "model.progress":
                bar.update(task, completed=event["bytes"], total=event["total"])
            elif event["status"] in ("succeeded", "failed", "canceled", "paused"):
                return


def _bar(quiet: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(),
        TransferSpeedColumn(), TimeRemainingColumn(), console=console,
        transient=True, disable=quiet or not console.is_terminal,
    )  # fmt: skip


def _absolute(source: str) -> str:
    """Make a path absolute, if it is one; a server lies elsewhere."""
    path = os.path.expanduser(source)
    named = source.startswith("hf:") or "://" in source
    return source if named and not os.path.exists(path) else os.path.abspath(path)
