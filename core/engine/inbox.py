"""The inbox: one thread reads commands; a cancel goes straight to its job's flag.

So does what steers a training, and that the engine is to stop. Everything else waits, in order, for
the loop. When the server is gone the process ends itself. Knows no torch, so it listens while torch
is imported.
"""

import logging
import os
import queue
import threading
from typing import BinaryIO

from core import failpoint
from core.engine.steering import Wishes
from core.ipc import exits, frames
from core.ipc.commands import AnyCommand, Cancel, Run, RunTraining, Steer, Stop

log = logging.getLogger(__name__)

_BOUND = 256  # waiting commands; when it is full the pipe, and so the server, waits


class Inbox:
    """Commands from the server.

    ``flag`` gives a job's flag, set by its Cancel; ``wishes`` what was asked of a training.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._queue: queue.Queue[AnyCommand] = queue.Queue(_BOUND)
        self._flags: dict[str, threading.Event] = {}
        self._wishes: dict[str, Wishes] = {}  # of trainings
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

    def wishes(self, job: str) -> Wishes:
        """Give what is asked of a training whose command was received."""
        return self._wishes.setdefault(job, Wishes())

    def forget(self, job: str) -> None:
        """Drop the flag of a job that has ended, and what was asked of it."""
        self._flags.pop(job, None)
        self._wishes.pop(job, None)

    def cancel_all(self) -> None:
        """Set the flag of every job."""
        for flag in list(self._flags.values()):
            flag.set()

    def _read(self) -> None:
        try:
            while (command := frames.read_command(self._stream)) is not None:
                if not self._at_once(command):
                    self._queue.put(command)
        except (frames.FrameError, OSError, ValueError):
            log.exception("The pipe from the server is broken")
        # At once and from this thread: the others may be inside a kernel.
        os._exit(exits.ORPHAN)

    def _at_once(self, command: AnyCommand) -> bool:
        """Do what does not wait for the loop; say whether that was all."""
        match command:
            case Cancel(job=job):
                failpoint.hit("cancel.heard")
                if (wishes := self._wishes.get(job)) is not None:
                    wishes.cancel()
                if (flag := self._flags.get(job)) is not None:  # else it has ended meanwhile
                    flag.set()
                return True
            case Steer(job=job):
                if (wishes := self._wishes.get(job)) is not None:
                    wishes.steer(command)
                return True
            case RunTraining(job=job):
                self._wishes.setdefault(job, Wishes())
            case Stop():
                for wishes in list(self._wishes.values()):
                    wishes.park("stopping")
        if isinstance(command, Run):
            self._flags.setdefault(command.job, threading.Event())
        return False
