"""``heliograph models list``: what the library holds."""

import argparse

import anyio

from core.config import Config
from core.paths import Layout
from server import cli


def arguments(command: argparse.ArgumentParser) -> None:
    """Add nothing: all models are listed."""


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print one line a model."""
    return anyio.run(_list, config)


async def _list(config: Config) -> int:
    from core.store import models
    from server.commands import opening

    async with opening.database(Layout(config.settings.data_dir)) as db:
        cursor: str | None = None
        while True:
            after = cursor
            found = await db.read(lambda conn: models.page(conn, cursor=after, limit=200))  # noqa: B023
            for model in found.items:
                size = f"{model.bytes / 1e6:,.0f} MB"
                cli.say(f"{model.id}  {model.kind:<12} {model.family:<8} {size:>12}  {model.name}")
            cursor = found.next
            if cursor is None:
                return 0
