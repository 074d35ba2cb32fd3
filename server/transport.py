"""uvicorn's WebSocket protocol, with a short way to send and a way to hang up.

A close frame waits behind all that was not taken; hanging up drops it. Knows no message.
"""

import socket
import struct
import sys

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from server import frame

HANG_UP = "heliograph.hang_up"  # among the extensions of a socket's scope
WRITE = "heliograph.write"
_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: no seconds


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection; the application may hang up, and write without waiting."""

    async def run_asgi(self) -> None:
        """Run the application, with the short ways in its scope."""
        extensions = self.scope.setdefault("extensions", {})
        extensions[HANG_UP] = {"call": self.hang_up}
        extensions[WRITE] = {"call": self.write}
        await super().run_asgi()

    def write(self, data: bytes, *, binary: bool) -> bool:
        """Send a whole message at once; False when that must wait, or is the end.

        Past ASGI and the frames' own state machine, which knows nothing of a message that is
        whole: no extension is in use, and a server's frames are not masked.
        """
        if not (self.writable.is_set() and self.handshake_complete) or self.close_sent:
            return False
        if self.disconnected or self.transport.is_closing():
            return False
        self.transport.writelines((frame.head(len(data), binary=binary), data))
        return True

    def hang_up(self) -> None:
        """Reset the connection: neither we nor the system keep what was not taken."""
        held = self.transport.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()
