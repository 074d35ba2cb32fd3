"""``heliograph models …``: one file an action, each with ``arguments`` and ``run``."""

import argparse
import importlib

from core.config import Config
from server import cli

ACTIONS = {  # name → help, module beside this one
    "list": ("list the models", "listing"),
    "convert": ("write a model anew, or take the weights out of an old pickle", "convert"),
    "verify": ("draw one picture here and by diffusers, and compare", "verify"),
    "show": ("show everything that is known of a model", "showing"),
    "edit": ("edit what is said of a model", "showing"),
    "scan": ("show what a folder holds, or look at all folders again", "scanning"),
    "adopt": ("use a folder of models in place", "scanning"),
    "abandon": ("leave a folder that is used in place", "scanning"),
    "recommend": ("list models to begin with", "recommending"),
    "install": ("bring a model into the library: a path, hf:owner/name, or a URL", "install"),
    "installs": ("list what comes, and what came", "install"),
    "remove": ("take a model out of the library, with its files", "remove"),
}


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the actions, each with its own arguments."""
    actions = command.add_subparsers(dest="action", required=True, metavar="action")
    for name, (doc, module) in ACTIONS.items():
        action = actions.add_parser(name, help=doc, description=doc)
        cli.place_flags(action, argparse.SUPPRESS)
        importlib.import_module(f"{__name__}.{module}").arguments(action)


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Do what the action says; the exit code is its own."""
    _, module = ACTIONS[parsed.action]
    code: int = importlib.import_module(f"{__name__}.{module}").run(parsed, config)
    return code
