"""Figures of this process and of the disk below it, as far as the system tells them.

Reads files: call it in a thread.
"""

import os
import shutil
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from core.paths import Layout
from server.metrics.family import Family, gauge

_PROC = Path("/proc/self")


def families(layout: Layout) -> Iterator[Family]:
    """Give the figures; one that the system does not tell is left out."""
    usage = shutil.disk_usage(layout.root)
    yield gauge("disk_free_bytes", "Free where the data directory lies.", usage.free)
    yield gauge("disk_size_bytes", "Of the disk of the data directory.", usage.total)
    yield gauge("database_bytes", "Of the database file.", _size(layout.database))
    wal = layout.database.with_name(layout.database.name + "-wal")
    yield gauge("database_wal_bytes", "Of the write-ahead log beside it.", _size(wal))
    yield gauge("resident_memory_peak_bytes", "Of the server process.", peak_memory())
    yield gauge("threads", "Python threads of the server process.", threading.active_count())
    if (resident := resident_memory()) is not None:
        yield gauge("resident_memory_bytes", "Of the server process.", resident)
    if (opened := open_files()) is not None:
        yield gauge("open_fds", "Open files and sockets of the server process.", opened)
    if (limit := most_files()) is not None:
        yield gauge("max_fds", "Open files and sockets that it may have.", limit)


def resident_memory() -> int | None:
    """Give the bytes of this process in memory; ``None`` where the system does not say."""
    try:
        pages = int((_PROC / "statm").read_text("ascii").split()[1])
    except OSError:
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def open_files() -> int | None:
    """Count open descriptors; ``None`` where the system does not say."""
    try:
        return len(os.listdir(_PROC / "fd")) - 1  # less the one that looks
    except OSError:
        return None


def most_files() -> int | None:
    """Give the soft limit of open descriptors; ``None`` where there is none."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return None if soft == resource.RLIM_INFINITY else soft


def peak_memory() -> int:
    """Give the peak resident memory of this process in bytes; 0 where the system does not say."""
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
