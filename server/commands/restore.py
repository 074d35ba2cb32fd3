"""``heliograph restore``: put a copy of the database back; the old one is kept aside."""

import argparse
from pathlib import Path

from core.config import Config
from core.errors import HeliographError
from core.paths import Layout, shipped
from server import cli, lock


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the copy."""
    command.add_argument("file", help="a file that `heliograph backup` or a migration made")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Check the copy and put it back; prints where the old database lies."""
    from core.store import backup, migrate

    layout = Layout(config.settings.data_dir)
    newest = len(migrate.read(shipped("migrations")))
    try:
        layout.make()
        with lock.held(layout.lock):
            aside = backup.restore(Path(parsed.file), layout.database, layout.backups, newest)
    except OSError as error:
        raise HeliographError("restore_failed", reason=error.strerror or str(error)) from error
    cli.say(str(layout.database))
    if aside is not None:
        cli.say(f"{aside}  (the database before)")
    return 0
