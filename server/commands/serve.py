"""``heliograph serve``: start the server."""

import argparse

from core.config import Config
from server import cli


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the flags of the settings."""
    cli.settings_flags(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Serve until a signal."""
    from server.serve import serve

    return serve(config)
