"""``heliograph config``: every setting, its value and where that came from."""

import argparse

from core.config import SECRET, Config, Settings
from server import cli


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the flags of the settings, so that their effect can be looked at."""
    cli.settings_flags(command)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print one line a setting."""
    for name in Settings.__struct_fields__:
        value = getattr(config.settings, name)
        shown = "••••••" if name in SECRET and value else value
        cli.say(f"{name:<16} {shown!s:<40} {config.sources[name]}")
    return 0
