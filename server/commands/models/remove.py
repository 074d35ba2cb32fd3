"""``heliograph models remove``: take a model out of the library, with its files."""

import argparse
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
    """Add the model, and where the server is."""
    command.add_argument("model", help="its name or id")
    command.add_argument(
        "--keep-files", action="store_true", help="forget what is known of it; its files stay"
    )
    command.add_argument("--url", help="another server than this machine's")
    command.add_argument("--token", default=argparse.SUPPRESS)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Remove it."""
    return anyio.run(_remove, parsed, config)


async def _remove(parsed: argparse.Namespace, config: Config) -> int:
    async with drawing.server(parsed, config, engine=False) as client:
        model = await _named(client, parsed.model)
        files = "" if parsed.keep_files else "?files=true"
        await client.call("DELETE", f"/models/{model['id']}{files}")
    cli.say(f"{model['id']}  {model['name']}")
    return 0


async def _named(client: Client, text: str) -> dict[str, Any]:
    """Find a model by id or name.

    :raises HeliographError: ``unknown_model``.
    """
    if is_id(text):
        found: dict[str, Any] = await client.call("GET", f"/models/{text}")
        return found
    page = await client.call("GET", f"/models?limit=200&q={quote(text, safe='')}")
    for model in page["items"]:
        if model["name"] == text:
            return dict(model)
    raise HeliographError("unknown_model", name=text)
