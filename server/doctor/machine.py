"""The facts that checks look at, so that a test can hand in another machine's."""

import os
import re
import shutil
import socket
import sqlite3
import sys
import time
from importlib import metadata
from pathlib import Path

from core.paths import shipped

_NO_CUDA = re.compile(r"^cuda\b.*=\s*None\s*$", re.MULTILINE)
_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\([0-7]{3})")  # how mountinfo writes a space


class Machine:
    """This machine. Imports nothing heavy: torch is asked by its version alone."""

    def torch_version(self) -> str | None:
        """Give the version of the installed PyTorch; ``None`` without one."""
        try:
            return metadata.version("torch")
        except metadata.PackageNotFoundError:
            return None

    def torch_is_cpu_only(self) -> bool:
        """Say whether the installed PyTorch was built without CUDA: its own file knows."""
        if (self.torch_version() or "").endswith("+cpu"):
            return True
        try:
            file = metadata.distribution("torch").locate_file("torch/version.py")
            return bool(_NO_CUDA.search(Path(str(file)).read_text("utf-8")))
        except (metadata.PackageNotFoundError, OSError):
            return False

    def nvidia_card(self) -> bool:
        """Say whether there is an NVIDIA card with a driver."""
        return Path("/proc/driver/nvidia/version").exists() or bool(shutil.which("nvidia-smi"))

    def sqlite_version(self) -> tuple[int, ...]:
        """Give the version of SQLite that Python was built with."""
        return sqlite3.sqlite_version_info

    def free_bytes(self, folder: Path) -> int:
        """Give the free space of the disk that holds a folder, or its nearest parent."""
        return shutil.disk_usage(nearest(folder)).free

    def free_inodes(self, folder: Path) -> int | None:
        """Count the files that its disk can still hold; ``None`` where there is no such bound."""
        if sys.platform == "win32":
            return None
        found = os.statvfs(nearest(folder))
        return found.f_favail if found.f_files else None

    def filesystem(self, folder: Path) -> str | None:
        """Name the kind of filesystem that holds a folder; ``None`` where that is not told."""
        try:
            lines = _MOUNTS.read_text("utf-8").splitlines()
        except OSError:
            return None
        best: tuple[int, str] = (-1, "")
        place = nearest(folder).resolve()
        for line in lines:
            left, _, right = line.partition(" - ")
            mounted = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), left.split()[4]))
            if place.is_relative_to(mounted):
                best = max(best, (len(mounted.parts), right.split()[0]))
        return best[1] or None

    def most_files(self) -> int | None:
        """Give the number of files and sockets that may be open; ``None`` without a bound."""
        if sys.platform == "win32":
            return None
        import resource

        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        return None if soft == resource.RLIM_INFINITY else soft

    def now(self) -> float:
        """Give the time, in seconds since 1970."""
        return time.time()

    def port_is_taken(self, host: str, port: int) -> bool:
        """Say whether somebody listens there."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return port != 0 and probe.connect_ex((host, port)) == 0

    def web_is_built(self) -> bool:
        """Say whether the web client is there."""
        return (shipped("web") / "index.html").is_file()


def nearest(folder: Path) -> Path:
    """Give a folder, or the nearest one above it that exists."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder
