"""uvicorn's WebSocket protocol, with a way to hang up on a client that takes nothing.

A close frame waits behind all that was not taken; hanging up drops it. Knows no message.
"""

import socket
import struct
import sys

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

HANG_UP = "heliograph.hang_up"  # among the extensions of a socket's scope
_AT_ONCE = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # linger: no seconds


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection; the application may hang up."""

    async def run_asgi(self) -> None:
        """Run the application, with the way to hang up in its scope."""
        extensions = self.scope.setdefault("extensions", {})
        extensions[HANG_UP] = {"call": self.hang_up}
        await super().run_asgi()

    def hang_up(self) -> None:
        """Reset the connection: neither we nor the system keep what was not taken."""
        held = self.transport.get_extra_info("socket")
        if held is not None:
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()
