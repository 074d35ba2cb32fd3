"""``heliograph replay``: draw a picture again from its metadata.

Ours gives the same pixels with the same versions; of another program's what has a counterpart
here. What is known to differ is told, and how far the new picture is from the old one.
"""

import argparse
import logging
from pathlib import Path
from typing import Any

import anyio

from core.config import Config
from core.errors import HeliographError, Problem, TooLarge
from core.ids import new_id
from server import cli, replayed
from server.client import Client
from server.commands import drawing

_PAGES = 50  # of 200 models


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the picture, the file to write, and where it is drawn."""
    command.add_argument("picture", help="a PNG, JPEG or WebP that says how it was made")
    command.add_argument("-o", "--output", default="", help="file to write, a PNG")
    drawing.arguments(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Draw it, print the file, say what differs."""
    # asyncio's watcher may find a worker already reaped that was ended with the loop, and says so.
    logging.getLogger("asyncio").setLevel(logging.ERROR)
    return anyio.run(_replay, parsed, config)


async def _replay(parsed: argparse.Namespace, config: Config) -> int:
    from core.media import sniff

    data = await _read(anyio.Path(parsed.picture))
    format_ = sniff.sniff(data).format
    replayed.replay(data, [])  # a picture that says nothing starts no server
    async with drawing.server(parsed, config) as client:
        try:
            again = replayed.replay(data, await _models(client))
            for problem in again.said.remarks:
                cli.remark(problem.code, "errors", problem.params)
            _tell(again.remarks)
            jobs = await drawing.watched(client, "/jobs", again.body, quiet=parsed.quiet)
            drawing.told(jobs)
            images = [image for job in jobs for image in job["images"]]
            if not images:
                return 1
            await _save(parsed.output, images[0], client)
            await _compare(data, images[0], format_, client)
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
    return 1 if any(job["status"] != "succeeded" for job in jobs) else 0


async def _models(client: Client) -> list[dict[str, Any]]:
    """List the models that a picture may have been made with; 10,000 of a kind at most."""
    found: list[dict[str, Any]] = []
    for kind in ("checkpoint", "lora", "embedding"):
        after = ""
        for _ in range(_PAGES):
            page = await client.call("GET", f"/models?kind={kind}&limit=200{after}")
            found += page["items"]
            if page["next"] is None:
                break
            after = f"&cursor={page['next']}"
    return found


async def _read(file: anyio.Path) -> bytes:
    from core.media.sniff import MAX_BYTES

    try:
        if (await file.stat()).st_size > MAX_BYTES:
            raise TooLarge("image_too_large")
        return await file.read_bytes()
    except OSError as error:
        params: dict[str, Any] = {"name": str(file)}
        problem = Problem(code="image_unreadable", params=params)
        raise HeliographError(problems=(problem,)) from error


async def _save(output: str, image: str, client: Client) -> None:
    file = Path(output or f"heliograph-{image or new_id()}.png")
    file = file if file.suffix else file.with_suffix(".png")
    await anyio.Path(file).write_bytes(await client.picture(image))
    cli.say(str(file))


async def _compare(before: bytes, image: str, format_: str, client: Client) -> None:
    """Say how far the new picture is from the old one, in the old one's format."""
    from core.media import metadata
    from core.media.compare import greatest_difference

    after = await client.picture(image, format_)
    old, new = (metadata.read_ours(metadata.read_text(data)) for data in (before, after))
    if old is not None and new is not None:
        _tell(replayed.compared(old, new))
    levels = await greatest_difference(before, after)
    if levels == 0:
        cli.remark("same", "replay")
    elif levels is None:
        cli.remark("size", "replay")
    else:
        cli.remark("differs", "replay", {"levels": levels})


def _tell(remarks: list[replayed.Remark]) -> None:
    for remark in remarks:
        cli.remark(remark.name, "replay", remark.params)
