"""Memory of the machine and of this process, as Linux's control groups allow it. Knows no torch."""

import ctypes
import os
import sys
from pathlib import Path

_VOLUNTEER = "500"  # of -1000 (never) to 1000 (first); as if it took half of all memory more
_FALLBACK = 8 << 30  # bytes, where the system does not say


def resident() -> int:
    """Count the bytes of this process in the machine's memory (on macOS and Windows: the peak)."""
    statm = Path("/proc/self/statm")
    if statm.exists():
        return int(statm.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    if sys.platform != "win32":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0


def volunteer() -> None:
    """Ask the kernel to end this process before others of its user when memory runs out."""
    try:
        Path("/proc/self/oom_score_adj").write_text(_VOLUNTEER, "ascii")
    except OSError:  # no Linux, or it is forbidden: then the kernel chooses by size
        return


def trim() -> None:
    """Let the C library give freed memory back to the machine, where it is glibc."""
    if sys.platform != "linux":
        return
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)
    except (OSError, AttributeError):  # musl keeps nothing
        return


def machine_memory() -> int:
    """Count the bytes of memory this process may use: the machine's, or its cgroup's limit."""
    total = (_meminfo() or {}).get("MemTotal", 0)
    if not total and hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    limit = _cgroup("memory.max")
    return min(total, limit) if total and limit else total or limit or _FALLBACK


def machine_free() -> int:
    """Count the bytes of memory that can still be taken without swapping."""
    available = (_meminfo() or {}).get("MemAvailable", machine_memory() // 2)
    limit, current = _cgroup("memory.max"), _cgroup("memory.current")
    return min(available, limit - current) if limit and current else available


def _meminfo() -> dict[str, int] | None:
    path = Path("/proc/meminfo")
    if not path.exists():
        return None
    lines = path.read_text(encoding="ascii").splitlines()
    pairs = (line.split(":", 1) for line in lines if line.endswith(" kB"))
    return {name: int(text.split()[0]) * 1024 for name, text in pairs}


def _cgroup(name: str) -> int:
    path = Path("/sys/fs/cgroup", name)
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return 0
    return int(text) if text.isdigit() else 0
