"""``heliograph doctor``: find what is wrong and say how to fix it."""

import argparse

import msgspec

from core.config import Config
from server import cli

_MARKS = {"ok": "ok ", "warn": "(!)", "fail": "NO "}


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the flags that decide what is looked at, and how it is told."""
    command.add_argument("--host")
    command.add_argument("--port")
    command.add_argument("--models-dirs", metavar="MODELS_DIRS")
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
    command.add_argument(
        "--quick", action="store_true", help="neither read the database nor start the engine"
    )


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print what was found; 1 when something is wrong."""
    from server.doctor import examine

    words, language = cli.words(), cli.language()
    told = []
    for finding in examine(config.settings, quick=parsed.quick):
        said, fix = finding.said(words, language), finding.fix(words, language)
        told.append({**msgspec.to_builtins(finding), "said": said, "fix": fix})
        if not parsed.json:
            cli.say(f"{_MARKS[finding.verdict]} {said}")
            if fix:
                cli.say(f"      → {fix}")
    failed = any(one["verdict"] == "fail" for one in told)
    if parsed.json:
        cli.say(msgspec.json.encode({"ok": not failed, "findings": told}).decode())
    return int(failed)
