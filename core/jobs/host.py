"""The host's oom killer: how often it struck, which is all it tells. Linux only; else never.

Knows counters of the kernel; which process was meant is a guess of who asks before and after.
"""

import sys
from pathlib import Path

from core.ipc import exits

_KILLED = -9
_GROUPS = Path("/sys/fs/cgroup")


def oom_kills(groups: Path = _GROUPS, proc: Path = Path("/proc")) -> int:
    """Count the processes that the kernel has ended for want of memory; 0 where it cannot tell.

    Version 2 of control groups, version 1, and the whole machine: the greatest count, since a
    kill shows in each that covers it.
    """
    if sys.platform != "linux":
        return 0
    files = [proc / "vmstat", groups / "memory.events", groups / "memory/memory.oom_control"]
    for line in _lines(proc / "self/cgroup"):
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        place = path.lstrip("/")
        if number == "0":
            files.append(groups / place / "memory.events")
        elif "memory" in controllers.split(","):
            files.append(groups / "memory" / place / "memory.oom_control")
    return max(_count(file) for file in files)


def reason_of(exit_code: int | None, kills_before: int) -> str:
    """Name how a process ended that nobody asked to."""
    if exit_code == exits.STALE:
        return "renewed"
    if exit_code == _KILLED and oom_kills() > kills_before:
        return "host_oom"
    return "exit"


def _count(file: Path) -> int:
    for line in _lines(file):
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.strip().isdigit():
            return int(value)
    return 0


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text("ascii", "replace").splitlines()
    except OSError:
        return []
