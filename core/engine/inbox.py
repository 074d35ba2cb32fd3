"""The inbox: one thread reads commands; a cancel goes straight to its job's flag.

Everything else waits, in order, for the loop. When the server is gone the process ends itself.
Knows no torch, so it listens while torch is imported.
"""

import logging
import os
import queue
import threading
from typing import BinaryIO

from core import failpoint
from core.ipc import exits, frames
from core.ipc.commands import AnyCommand, Cancel, Run

log = logging.getLogger(__name__)

_BOUND = 256  # waiting commands; when it is full the pipe, and so the server, waits


class Inbox:
    """Commands from the server. ``flag`` gives a job's flag, set by its Cancel."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[AnyCommand] = queue.Queue(_BOUND)
        self._flags: dict[str, threading.Event] = {}
        self._thread = threading.Thread(target=self._read, name="inbox", daemon=True)

    def start(self) -> None:
        """Start the reader."""
        self._thread.start()

    def take(self, seconds: float) -> AnyCommand | None:
        """Take the next command; ``None`` when none came within ``seconds``."""
        try:
            return self._queue.get(timeout=seconds)
        except queue.Empty:
            return None

    def flag(self, job: str) -> threading.Event:
        """Give the flag of a job whose command was received; perhaps it is set already."""
        return self._flags.setdefault(job, threading.Event())

    def forget(self, job: str) -> None:
        """Drop the flag of a job that has ended."""
        self._flags.pop(job, None)

    def cancel_all(self) -> None:
        """Set the flag of every job."""
        for flag in list(self._flags.values()):
            flag.set()

    def _read(self) -> None:
        try:
            while (command := frames.read_command(self._stream)) is not None:
                if isinstance(command, Cancel):
                    failpoint.hit("cancel.heard")
                    flag = self._flags.get(command.job)
                    if flag is not None:  # else it has ended meanwhile
                        flag.set()
                    continue
                if isinstance(command, Run):
                    self._flags.setdefault(command.job, threading.Event())
                self._queue.put(command)
        except (frames.FrameError, OSError, ValueError):
            log.exception("The pipe from the server is broken")
        # At once and from this thread: the others may be inside a kernel.
        os._exit(exits.ORPHAN)
