"""Choose versions anew and write the locks: exact, hashed, for every platform, without torch.

A release of the last seven days is not chosen: a stolen one is mostly found by then. For an
urgent repair: ``python requirements/lock.py --days 0``.
"""

import argparse
import subprocess
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path

_HERE = Path(__file__).parent
COOLING = 7  # days


def _compile(name: str, requirements: str, *options: str) -> None:
    subprocess.run(
        [
            sys.executable, "-m", "uv", "pip", "compile", "-",
            "--universal", "--python-version", "3.11", "--generate-hashes", "--upgrade",
            "--excludes", str(_HERE / "excludes.txt"),
            "--no-header", "--no-annotate", "--quiet",
            "--output-file", str(_HERE / name), *options,
        ],
        input=requirements.encode(),
        check=True,
    )  # fmt: skip


def newest(days: int, now: datetime) -> str:
    """Give the moment after which a release is too young, as uv takes it."""
    return (now - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def main() -> None:
    """Write main.txt (what runs), dev.txt (and what checks), trackers.txt and node.txt."""
    command = argparse.ArgumentParser(description=__doc__)
    command.add_argument("--days", type=int, default=COOLING, help="age that a release must have")
    before = ("--exclude-newer", newest(command.parse_args().days, datetime.now(UTC)))
    project = tomllib.loads((_HERE.parent / "pyproject.toml").read_text("utf-8"))["project"]
    runtime = "\n".join(project["dependencies"])
    _compile("main.txt", runtime, *before)
    both = runtime + "\n" + (_HERE / "dev.in").read_text("utf-8")
    _compile("dev.txt", both, "--constraint", str(_HERE / "main.txt"), *before)
    beside = (_HERE / "trackers.in").read_text("utf-8")
    _compile("trackers.txt", beside, "--constraint", str(_HERE / "dev.txt"), *before)
    _compile("node.txt", (_HERE / "node.in").read_text("utf-8"), *before)


if __name__ == "__main__":
    main()
