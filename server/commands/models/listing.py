"""``heliograph models list``: what the library holds."""

import argparse
import typing
from collections.abc import AsyncIterator
from functools import partial

import anyio
import msgspec

from core.config import Config
from core.paths import Layout
from core.records.model import Model, ModelKind
from server import cli


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the filters."""
    command.add_argument("--kind", choices=typing.get_args(ModelKind))
    command.add_argument("--family", help="sd1, sd2, sdxl, sd3, flux, …")
    command.add_argument("-q", metavar="TEXT", help="part of name, file, trigger or description")
    command.add_argument(
        "--missing", action="store_true", help="those whose file is gone, instead of the others"
    )
    command.add_argument("--json", action="store_true", help="print JSON, one line a model")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print one line a model."""
    return anyio.run(_list, parsed, config)


async def _list(parsed: argparse.Namespace, config: Config) -> int:
    async for model in _every(parsed, config):
        if parsed.json:
            cli.say(msgspec.json.encode(model).decode())
            continue
        told = f"{model.family} {model.edition or ''}".rstrip()
        cli.say(
            f"{model.id}  {model.kind:<12} {told:<14} {size(model.bytes):>10}  "
            f"{model.variant or '':<7} {model.name}"
        )
    return 0


async def _every(parsed: argparse.Namespace, config: Config) -> AsyncIterator[Model]:
    from core.store import models
    from server.commands import opening

    async with opening.database(Layout(config.settings.data_dir)) as db:
        cursor: str | None = None
        while True:
            found = await db.read(
                partial(
                    models.page, kind=parsed.kind, family=parsed.family, cursor=cursor, limit=200,
                    q=parsed.q, missing=parsed.missing,
                )
            )  # fmt: skip
            for model in found.items:
                yield model
            cursor = found.next
            if cursor is None:
                return


def size(count: int) -> str:
    """Write a number of bytes for people."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
