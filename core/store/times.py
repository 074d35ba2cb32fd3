"""Times: whole milliseconds in SQL, ISO-8601 UTC text everywhere else."""

import time
from datetime import UTC, datetime


def now() -> int:
    """Read the clock: milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def iso(milliseconds: int) -> str:
    """Write a stored time as people and clients read it: ``2026-01-31T08:15:30.250Z``."""
    stamp = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return stamp.isoformat(timespec="milliseconds")[:-6] + "Z"


def maybe(milliseconds: int | None) -> str | None:
    """Write a stored time that may be missing."""
    return None if milliseconds is None else iso(milliseconds)
