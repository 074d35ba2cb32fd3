"""``heliograph backup``: a verified copy of the database, also while the server runs."""

import argparse
import sqlite3
from pathlib import Path

from core.config import Config
from core.errors import HeliographError
from core.paths import Layout
from server import cli


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the target."""
    command.add_argument("target", nargs="?", help="file to write; a dated one in backups/")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Copy and verify; prints the file."""
    from core.store import backup

    layout = Layout(config.settings.data_dir)
    target = Path(parsed.target) if parsed.target else backup.named(layout.backups)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        backup.backup(layout.database, target)
    except (sqlite3.Error, OSError) as error:
        raise HeliographError("backup_failed", reason=str(error)) from error
    cli.say(str(target))
    return 0
