"""``heliograph workflows list|run``: saved graphs, from the command line."""

import argparse
import json
from typing import Any
from urllib.parse import quote

import anyio

from core.config import Config
from core.errors import HeliographError
from core.ids import is_id
from server import cli
from server.client import Client
from server.commands import drawing


def arguments(command: argparse.ArgumentParser) -> None:
    """Add what is done, with which workflow, and the values of its inputs."""
    command.add_argument("action", choices=["list", "run"], help="list the workflows, or run one")
    command.add_argument("workflow", nargs="?", default="", help="its name or id")
    command.add_argument(
        "-i", "--input", type=_value, action="append", default=[], metavar="NAME=VALUE",
        help="a value for an input: JSON, or else a text; again for several",
    )  # fmt: skip
    command.add_argument("--runs", type=int, default=1, help="how often it is run")
    command.add_argument("-o", "--output", default="", help="file to write; numbered for several")
    drawing.arguments(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print one line a workflow; or run one, show how far it is, print the files."""
    return anyio.run(_list if parsed.action == "list" else _run, parsed, config)


async def _list(parsed: argparse.Namespace, config: Config) -> int:
    async with drawing.server(parsed, config) as client:
        page: dict[str, Any] = {"next": ""}
        while page["next"] is not None:
            after = f"&cursor={page['next']}" if page["next"] else ""
            page = await client.call("GET", f"/workflows?limit=200{after}")
            for found in page["items"]:
                inputs = ", ".join(dict.fromkeys(named["name"] for named in found["inputs"]))
                cli.say(f"{found['id']}  {found['name']}  ({inputs})")
    return 0


async def _run(parsed: argparse.Namespace, config: Config) -> int:
    async with drawing.server(parsed, config) as client:
        workflow = await _id_of(client, parsed.workflow)
        ask = {"inputs": dict(parsed.input), "runs": parsed.runs}
        try:
            jobs = await drawing.watched(
                client, f"/workflows/{workflow}/run", ask, quiet=parsed.quiet
            )
        except OSError as error:
            raise HeliographError("server_gone", reason=str(error)) from error
        images = [image for job in jobs for image in job["images"]]
        await drawing.save(client, images, parsed.output)
        drawing.told(jobs)
    return 1 if any(job["status"] != "succeeded" for job in jobs) else 0


async def _id_of(client: Client, named: str) -> str:
    """Find a workflow by its name.

    :raises HeliographError: ``workflow_unknown``.
    """
    if is_id(named):
        return named
    found = await client.call("GET", f"/workflows?name={quote(named, safe='')}") if named else {}
    for workflow in found.get("items", ()):
        return str(workflow["id"])
    raise HeliographError("workflow_unknown", name=named)


def _value(text: str) -> tuple[str, Any]:
    """Read ``name=value``: what is JSON as that, the rest as text."""
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not name=value")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value
