"""``heliograph doctor``: find what is wrong and say how to fix it."""

import argparse

from core.config import Config
from server import cli


def arguments(command: argparse.ArgumentParser) -> None:
    """Add the flags that decide what is looked at."""
    command.add_argument("--host")
    command.add_argument("--port")


def run(parsed: argparse.Namespace, config: Config) -> int:
    """Print what was found; 1 when something is wrong."""
    from server.doctor import examine

    findings = examine(config.settings)
    marks = {"ok": "ok ", "warning": "(!)", "problem": "NO "}
    for finding in findings:
        cli.say(f"{marks[finding.verdict]} {finding.said}")
        if finding.fix:
            cli.say(f"      → {finding.fix}")
    return int(any(finding.verdict == "problem" for finding in findings))
