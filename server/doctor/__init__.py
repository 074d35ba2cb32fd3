"""What may be wrong with this machine, and what puts it right: one check a thing."""

from collections.abc import Callable, Iterator

from core.config import Settings
from server.doctor import running, software, storage
from server.doctor.finding import Finding, Verdict
from server.doctor.machine import Machine
from server.doctor.software import SQLITE_MIN

__all__ = ["SQLITE_MIN", "Finding", "Machine", "Verdict", "examine"]

Check = Callable[[Settings, Machine], Finding]
CHECKS: tuple[Check, ...] = (
    software.torch, software.sqlite, storage.folder, storage.private, storage.filesystem,
    storage.disk, storage.inodes, storage.staging, storage.models, running.end, running.clock,
    running.files, running.port, software.web, software.starter,
)  # fmt: skip
SLOW: tuple[Check, ...] = (storage.database, storage.backups, running.engine)  # read or start much


def examine(
    settings: Settings, machine: Machine | None = None, *, quick: bool = False
) -> Iterator[Finding]:
    """Run every check, one after the other; the slow ones last.

    :param quick: leave out what reads the whole database or starts the engine.
    """
    machine = machine or Machine()
    for check in CHECKS if quick else (*CHECKS, *SLOW):
        yield check(settings, machine)
