"""What may be wrong with this machine, and what puts it right.

Each check looks at one thing and imports nothing heavy: torch is asked by its version alone.
"""

import re
import shutil
import socket
import sqlite3
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Literal

from msgspec import Struct

from core.config import Settings
from core.paths import Layout, shipped
from server import lock

SQLITE_MIN = (3, 38, 0)  # UPDATE … RETURNING, STRICT tables, JSON as a matter of course
FREE_MIN = 2 * 1024**3  # bytes
_NO_CUDA = re.compile(r"^cuda\b.*=\s*None\s*$", re.MULTILINE)
_CUDA_INDEX = "https://download.pytorch.org/whl/cu130"

Verdict = Literal["ok", "warning", "problem"]


class Finding(Struct, frozen=True, kw_only=True):
    """What one check found, and the fix."""

    name: str
    verdict: Verdict
    said: str
    fix: str = ""


class Machine:
    """The facts that checks look at, so that a test can hand in another machine's."""

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
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        return shutil.disk_usage(folder).free

    def port_is_taken(self, host: str, port: int) -> bool:
        """Say whether somebody listens there."""
        with socket.socket() as probe:
            probe.settimeout(1)
            return port != 0 and probe.connect_ex((host, port)) == 0

    def web_is_built(self) -> bool:
        """Say whether the web client is there."""
        return (shipped("web") / "index.html").is_file()


def examine(settings: Settings, machine: Machine | None = None) -> list[Finding]:
    """Run every check."""
    machine = machine or Machine()
    checks: list[Callable[[Settings, Machine], Finding]] = [
        _torch, _sqlite, _disk, _folder, _port, _web, _starter,
    ]  # fmt: skip
    return [check(settings, machine) for check in checks]


def _torch(settings: Settings, machine: Machine) -> Finding:
    version = machine.torch_version()
    if version is None:
        fix = "Run `make serve`, which installs it, or `pip install torch`."
        return Finding(name="torch", verdict="problem", said="PyTorch is not installed.", fix=fix)
    if machine.nvidia_card() and machine.torch_is_cpu_only():
        number = version.partition("+")[0]
        return Finding(
            name="torch",
            verdict="problem",
            said=f"There is an NVIDIA card, but PyTorch {version} can only use the CPU.",
            fix=f"pip install --force-reinstall torch=={number} --index-url {_CUDA_INDEX}",
        )
    return Finding(name="torch", verdict="ok", said=f"PyTorch {version}")


def _sqlite(settings: Settings, machine: Machine) -> Finding:
    found = machine.sqlite_version()
    said = "SQLite " + ".".join(map(str, found))
    if found >= SQLITE_MIN:
        return Finding(name="sqlite", verdict="ok", said=said)
    wanted = ".".join(map(str, SQLITE_MIN))
    return Finding(
        name="sqlite", verdict="problem", said=f"{said} is too old; {wanted} is needed.",
        fix="Use a newer Python build: python.org, your distribution's next release, or pyenv.",
    )  # fmt: skip


def _disk(settings: Settings, machine: Machine) -> Finding:
    free = machine.free_bytes(Path(settings.data_dir))
    said = f"{free / 1024**3:.1f} GiB free for {settings.data_dir}"
    full = free < settings.disk_floor_mb * 1024**2
    if free >= FREE_MIN and not full:
        return Finding(name="disk", verdict="ok", said=said)
    return Finding(
        name="disk",
        verdict="problem" if full else "warning",
        said=said + (": the queue is paused below the floor." if full else ": that is little."),
        fix="Free some space, empty the trash, or choose another place with --data-dir.",
    )


def _folder(settings: Settings, machine: Machine) -> Finding:
    layout = Layout(settings.data_dir)
    try:
        layout.make()
        probe = layout.root / ".doctor"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        said = f"{settings.data_dir} cannot be written: {error.strerror}"
        fix = "Give yourself the right to write there, or choose another place with --data-dir."
        return Finding(name="data", verdict="problem", said=said, fix=fix)
    if lock.is_held(layout.lock):
        said = f"A server runs on {settings.data_dir}."
        fix = "That is fine; to start another one give it its own --data-dir."
        return Finding(name="data", verdict="warning", said=said, fix=fix)
    return Finding(name="data", verdict="ok", said=f"{settings.data_dir} can be written.")


def _port(settings: Settings, machine: Machine) -> Finding:
    if not machine.port_is_taken(settings.host, settings.port):
        return Finding(name="port", verdict="ok", said=f"Port {settings.port} is free.")
    return Finding(
        name="port", verdict="warning",
        said=f"Something already listens on {settings.host}:{settings.port}.",
        fix="Stop it, or choose another with --port.",
    )  # fmt: skip


def _web(settings: Settings, machine: Machine) -> Finding:
    if machine.web_is_built():
        return Finding(name="web", verdict="ok", said="The web client is built.")
    said = "The web client has not been built."
    return Finding(name="web", verdict="problem", said=said, fix="Run `make web`.")


def _starter(settings: Settings, machine: Machine) -> Finding:
    if (shipped("starter") / "model_index.json").is_file():
        return Finding(name="starter", verdict="ok", said="The starter model is there.")
    said = "The starter model is missing; other models still work."
    fix = "Fetch the whole repository, with large files (`git lfs pull`), or reinstall the wheel."
    return Finding(name="starter", verdict="warning", said=said, fix=fix)
