"""``heliograph import``: take a folder of pictures that other programs made into the gallery.

Asks the server that runs on the data directory; without one it runs a server without an engine for
as long as it takes. Broken off, it goes on when it is asked again.
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

_ENDED = frozenset({"succeeded", "failed", "canceled"})


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the folder, and how it is taken in."""
    command.add_argument("folder", help="of pictures by AUTOMATIC1111, ComfyUI, InvokeAI, …")
    command.add_argument(
        "--reference", action="store_true", help="leave the files where they are; nothing is copied"
    )
    command.add_argument("--board", help="name of a board for all of them")
    command.add_argument("--by-folder", action="store_true", help="a board for each folder inside")
    command.add_argument("--flat", action="store_true", help="not the folders inside")
    command.add_argument("--invokeai", metavar="DB", help="its invokeai.db, for boards and stars")
    command.add_argument("--url", help="another server than this machine's")
    command.add_argument("--token")
    command.add_argument("--quiet", action="store_true", help="no progress")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Import, and say what came of it."""
    return anyio.run(_import, parsed, config)


async def _import(parsed: argparse.Namespace, config: Config) -> int:
    ask = {
        "folder": _absolute(parsed.folder, parsed.url),
        "mode": "reference" if parsed.reference else "copy",
        "recursive": not parsed.flat, "board": parsed.board, "by_folder": parsed.by_folder,
        "invokeai_database": parsed.invokeai and _absolute(parsed.invokeai, parsed.url),
    }  # fmt: skip
    async with drawing.server(parsed, config, engine=False) as client:
        try:
            async with client.events("gallery") as events:
                await anext(events)  # hello
                made = await client.call("POST", "/images/import", ask)
                await _follow(client, events, made, quiet=parsed.quiet)
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
        ended = await client.call("GET", f"/images/imports/{made['id']}")
    _say(ended)
    if ended["error"]:
        raise HeliographError(problems=(msgspec.convert(ended["error"], Problem),))
    return 0 if ended["status"] == "succeeded" else 1


async def _follow(
    client: Client, events: AsyncIterator[dict[str, Any]], made: dict[str, Any], *, quiet: bool
) -> None:
    """Show how far an import is, until it ends."""
    with _line(quiet) as line:
        task = line.add_task(made["folder"], total=None)
        held = await client.call("GET", f"/images/imports/{made['id']}")
        if held["status"] in _ENDED:  # before anybody listened
            return
        async for event in events:
            if event.get("import_id") != made["id"]:
                continue
            if event["type"] == "import.progress":
                done = event["added"] + event["known"] + event["refused"]
                total = None if event["looking"] else event["found"]
                line.update(task, completed=done, total=total)
            elif event["status"] in _ENDED:
                return


def _say(ended: dict[str, Any]) -> None:
    """Print the figures, and why files were left out."""
    cli.say(f"{ended['added']} added, {ended['known']} known, {ended['refused']} refused")
    for code, files in sorted(ended["reasons"].items(), key=lambda each: -int(each[1])):
        cli.say(f"{files:>8}  {cli.told(f'imports.{code}') or code}")
    for one in ended["refusals"]:
        if one["code"] != "not_a_picture":
            cli.say(f"{'':>8}  {one['file']}")


def _line(quiet: bool) -> "Progress":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
        TimeElapsedColumn(), console=console, transient=True,
        disable=quiet or not console.is_terminal,
    )  # fmt: skip


def _absolute(path: str, url: str | None) -> str:
    """Make a path absolute, which a server on this machine needs; another's is taken as it is."""
    return path if url else os.path.abspath(os.path.expanduser(path))
