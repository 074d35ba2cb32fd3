"""Disks that are truly full: a small file system of our own, or a limit on the size of files.

Mounting needs root; where that is not given a process is limited with ``prlimit``, so the tests of
both kinds run wherever there is Linux, and those of the second kind in any case.
"""

import errno
import os
import resource
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

_MIB = 1 << 20


class Disk(ABC):
    """A folder on a disk that can be made full and be given room again."""

    reserves = True  # whether a deleted file makes room for another one

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @abstractmethod
    def fill(self, process: int, leave: int = 0) -> None:
        """Take all the room of a process but ``leave`` bytes."""

    @abstractmethod
    def free(self, process: int) -> None:
        """Give it back."""


class SmallDisk(Disk):
    """A file system in memory, filled up with a file."""

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"

    def fill(self, process: int, leave: int = 0) -> None:
        with self._filler.open("ab") as file:
            try:
                while (room := shutil.disk_usage(self.folder).free - leave) > 0:
                    file.write(bytes(min(room, _MIB)))
                    file.flush()
            except OSError as error:
                assert error.errno == errno.ENOSPC

    def free(self, process: int) -> None:
        self._filler.unlink()

    def remount(self, options: str) -> None:
        """Mount it anew, as ``ro`` or ``rw``."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)


class Limited(Disk):
    """A process that may write no file beyond a size: what it already has stays readable."""

    reserves = False

    def fill(self, process: int, leave: int = 0) -> None:
        limit(process, 4096 + leave)

    def free(self, process: int) -> None:
        limit(process, resource.RLIM_INFINITY)


def limit(process: int, size: int) -> None:
    """Let a process write no file beyond ``size`` bytes; 0 is the calling one."""
    hard = resource.prlimit(process, resource.RLIMIT_FSIZE)[1]
    resource.prlimit(process, resource.RLIMIT_FSIZE, (size, hard))


@cache
def may_mount() -> bool:
    """Say whether this process may mount."""
    return os.geteuid() == 0 and subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"],
        check=False, capture_output=True,
    ).returncode == 0  # fmt: skip


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[SmallDisk]:
    """Mount a file system of ``size`` bytes; needs root."""
    folder.mkdir(parents=True)
    options = f"size={size},mode=700"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "heliograph", folder], check=True)
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def disk(kind: str, folder: Path, size: int = 192 * _MIB) -> Iterator[Disk]:
    """Give a disk of one of ``KINDS``."""
    if kind == "tmpfs":
        with small_disk(folder, size) as small:
            yield small
    else:
        folder.mkdir(parents=True)
        yield Limited(folder)


KINDS = ["tmpfs", "limit"] if may_mount() else ["limit"]
