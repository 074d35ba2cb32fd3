"""``heliograph token create|list|revoke``."""

import argparse

import anyio

from core.config import Config
from core.paths import Layout
from server import cli
from server.principal import SCOPES


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = command.add_subparsers(dest="action", required=True, metavar="action")
    create = actions.add_parser("create", help="make a token and print it once")
    create.add_argument("name", help="whom it is for; also the owner of what it makes")
    create.add_argument(
        "--scope", action="append", choices=SCOPES, help="may be given again; read and generate"
    )
    listing = actions.add_parser("list", help="list tokens")
    revoke = actions.add_parser("revoke", help="revoke a token")
    revoke.add_argument("id", help="id of the token")
    for action in (create, listing, revoke):
        cli.place_flags(action, argparse.SUPPRESS)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Do it on the database: a running server sees it with its next request."""
    return anyio.run(_run, parsed, config)


async def _run(parsed: argparse.Namespace, config: Config) -> int:
    from core.store import tokens
    from server.commands import opening

    async with opening.database(Layout(config.settings.data_dir)) as db:
        if parsed.action == "create":
            scopes = parsed.scope or ["read", "generate"]
            _, text = await db.write(lambda tx: tokens.create(tx, parsed.name, scopes))
            cli.say(text)
        elif parsed.action == "list":
            for one in await db.read(tokens.page):
                used = one.last_used or "never"
                cli.say(f"{one.id}  {one.name:<24} {','.join(one.scopes):<28} used {used}")
        else:
            await db.write(lambda tx: tokens.delete(tx, parsed.id))
    return 0
