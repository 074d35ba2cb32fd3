"""How work on a thread is asked to end from another one: between two pieces, or in a socket.

Knows nothing of what the work is.
"""

import contextlib
import socket
import threading
from typing import Literal

Reason = Literal["paused", "canceled", "closing"]


class Stopped(BaseException):
    """Raised where work ends because it was asked to; no error, and caught by nobody else."""

    def __init__(self, reason: Reason) -> None:
        self.reason = reason
        super().__init__(reason)


class Stop:
    """A wish that work ends, told by one thread and obeyed by another."""

    def __init__(self) -> None:
        self._asked = threading.Event()
        self._guarding = threading.Lock()
        self._socket: socket.socket | None = None
        self.reason: Reason | None = None

    def ask(self, reason: Reason) -> None:
        """Wish for the end. What waits for a socket is woken; the first wish stands, unless the
        second one asks for more than a pause."""
        with self._guarding:
            if self.reason is None or reason == "canceled":
                self.reason = reason
            self._asked.set()
            if self._socket is not None:
                _cut(self._socket)

    def check(self) -> None:
        """Pass on if nobody asked.

        :raises Stopped: with the reason.
        """
        if self.reason is not None:
            raise Stopped(self.reason)

    def wait(self, seconds: float) -> None:
        """Let some seconds go by.

        :raises Stopped: as soon as somebody asks.
        """
        self._asked.wait(seconds)
        self.check()

    def forget(self) -> None:
        """Wait for no socket any more."""
        with self._guarding:
            self._socket = None

    def watch(self, opened: socket.socket) -> None:
        """Name the socket that the work waits for now.

        :raises Stopped: when somebody asked before.
        """
        with self._guarding:
            self._socket = opened
        self.check()


def _cut(opened: socket.socket) -> None:
    # Of the class below: SSLSocket's own would take its state away under the reading thread.
    with contextlib.suppress(OSError):
        socket.socket.shutdown(opened, socket.SHUT_RDWR)
