"""Whether a client takes what is written to it. Knows no protocol."""

import socket
import struct
import sys
from asyncio import AbstractEventLoop, TimerHandle, Transport

_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: no seconds
_LOOKS = 12  # in the time that a client has


def hang_up(transport: Transport) -> None:
    """Reset a connection: neither we nor the system keep what was not taken."""
    held = transport.get_extra_info("socket")
    if held is not None and held.fileno() >= 0:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    transport.abort()


class Uptake:
    """Hang up on a client that takes nothing of what waits for it, even of a last word."""

    def __init__(self, loop: AbstractEventLoop, transport: Transport, seconds: float) -> None:
        self._loop, self._transport, self._seconds = loop, transport, seconds
        self._waiting = 0  # bytes at the last look
        self._since = loop.time()
        self._timer = self._again()

    def stop(self) -> None:
        """End the watch."""
        self._timer.cancel()

    def _again(self) -> TimerHandle:
        return self._loop.call_later(self._seconds / _LOOKS, self._look)

    def _look(self) -> None:
        """Compare what waits. While it stands still nobody took a byte and nobody added one."""
        waiting, now = self._transport.get_write_buffer_size(), self._loop.time()
        if not waiting or waiting != self._waiting:
            self._waiting, self._since = waiting, now
        elif now - self._since >= self._seconds:
            hang_up(self._transport)
            return
        self._timer = self._again()
