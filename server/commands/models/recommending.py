"""``heliograph models recommend``: models to begin with, and what they need."""

import argparse

import msgspec

from core.config import Config
from core.library.recommended import recommended
from server import cli
from server.commands.models.listing import size


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the filter."""
    command.add_argument("--family", help="sd1, sdxl, sd3, flux, …")
    command.add_argument("--json", action="store_true", help="print JSON, one line a model")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print the list, by family; sizes and memory are about so much."""
    for one in recommended(parsed.family):
        if parsed.json:
            cli.say(msgspec.json.encode(one).decode())
            continue
        needs = f", GPU of {size(one.memory)}" if one.memory else ""
        licence = f"{one.licence}, to be accepted first" if one.gated else one.licence
        about = cli.told(f"about.recommended.{one.name}") or one.about
        cli.say(f"{one.family:<13} {one.kind:<11} {one.name}: {about}")
        cli.say(f"{'':<25} {one.source}")
        cli.say(f"{'':<25} about {size(one.about_bytes)}{needs}; {licence}: {one.licence_link}")
    return 0
