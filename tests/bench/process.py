"""What a process holds and uses, as Linux tells it."""

import os
from pathlib import Path

from msgspec import Struct

_TICK = os.sysconf("SC_CLK_TCK")


class Usage(Struct, frozen=True):
    """One look at a process."""

    rss: float  # MB, resident
    cpu: float  # seconds, user and system
    descriptors: int
    threads: int


def look(pid: int) -> Usage:
    """Look at a process once."""
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text("utf-8").rpartition(")")[2].split()
    status = (folder / "status").read_text("utf-8")
    return Usage(
        rss=int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6,
        cpu=(int(fields[11]) + int(fields[12])) / _TICK,
        descriptors=len(os.listdir(folder / "fd")),
        threads=int(status.split("Threads:")[1].split()[0]),
    )


def size(database: Path) -> float:
    """Give the megabytes of a database with its log."""
    return sum(path.stat().st_size for path in database.parent.glob(f"{database.name}*")) / 1e6
