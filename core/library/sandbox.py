"""A process that gives up what it does not need, before it reads what nobody trusts.

Run as ``python -I -c`` by ``pickles``: no network where the system lets it go, no core dump, and,
once its libraries are there, bounds on memory, time and what it may write. Knows no formats.
"""

import ctypes
import os
import runpy
import sys

_NEW_USER, _NEW_NET = 0x10000000, 0x40000000  # CLONE_NEWUSER, CLONE_NEWNET of linux/sched.h


def main(program: str) -> None:
    """Become the program, a module, with what is left of the arguments."""
    os.umask(0o077)
    leave_network()
    no_core()
    runpy.run_module(program, run_name="__main__")


def leave_network() -> bool:
    """Move into a network without interfaces; say whether the system allowed that.

    Only on Linux, and only while the process has one thread.
    """
    if not sys.platform.startswith("linux"):
        return False
    try:
        unshare = ctypes.CDLL(None, use_errno=True).unshare
    except (OSError, AttributeError):
        return False
    return bool(unshare(_NEW_NET) == 0 or unshare(_NEW_USER | _NEW_NET) == 0)


def no_core() -> None:
    """Leave no copy of the memory behind when the process crashes."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def bound(memory: int, seconds: int, written: int) -> None:
    """Bound what the process takes from now on, beyond what it has.

    :param memory: bytes of address space.
    :param seconds: of a processor.
    :param written: bytes of one file.
    """
    if os.name != "posix":
        return
    import resource

    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime)
    limits = [
        (resource.RLIMIT_CPU, spent + seconds),
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_AS, _mapped() + memory),
    ]
    for limit, value in limits:
        hard = resource.getrlimit(limit)[1]
        least = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(limit, (least, least))


def _mapped() -> int:
    """Count the bytes of address space that the process has."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:  # not Linux: libraries of this size are mapped, and more is not known
        return 16 << 30
