"""``heliograph models show|edit``: one model, and what people write about it."""

import argparse
import typing

import anyio
import msgspec

from core.config import Config
from core.errors import HeliographError
from core.paths import Layout
from core.records.model import Model, ModelKind
from core.store.database import Database
from server import cli

_EDITS = {
    "name": "its name", "trigger": "words that a prompt is to hold", "description": "what it is",
    "family": "where it was told wrongly: sd1, sd2, sdxl, sd3, flux, …",
}  # fmt: skip


def arguments(command: argparse.ArgumentParser) -> None:
    """Add which model, and its edits."""
    command.add_argument("model", help="its name, id, or SHA-256, the first 10 digits at least")
    if not command.prog.endswith("edit"):
        return
    for name, doc in _EDITS.items():
        command.add_argument(f"--{name}", help=f"{doc}; an empty text clears it")
    command.add_argument("--kind", choices=typing.get_args(ModelKind), help="likewise")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print the model as JSON; after its edits, if there are any."""
    return anyio.run(_run, parsed, config)


async def _run(parsed: argparse.Namespace, config: Config) -> int:
    from core.store import models
    from server.commands import opening

    async with opening.database(Layout(config.settings.data_dir)) as db:
        model = await one(db, parsed.model)
        if parsed.action == "edit":
            edits = {name: getattr(parsed, name) for name in (*_EDITS, "kind")}
            model = await db.write(lambda tx: models.edit(tx, model.id, **edits))
        cli.say(msgspec.json.format(msgspec.json.encode(model), indent=1).decode())
    return 0


async def one(db: Database, name: str) -> Model:
    """Find the model that is meant; one whose file is gone only if there is no other.

    :raises HeliographError: ``unknown_model``.
    """
    from core.store import models

    found = await db.read(lambda connection: models.find(connection, name))
    if found is None:
        found = await db.read(lambda connection: models.find(connection, name, missing=True))
    if found is None:
        raise HeliographError("unknown_model", name=name[:200])
    return found
