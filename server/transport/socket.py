"""uvicorn's WebSocket protocol: a short way to send, an ear for clients that stall or flood.

A close frame waits behind all that was not taken; hanging up drops it. Knows no message.
"""

import asyncio
from asyncio import BaseTransport
from collections.abc import Callable
from typing import Any, Protocol

from uvicorn._types import ASGISendEvent
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState
from websockets.frames import Frame

from core.errors import Malformed
from server.protocol import NOTHING_TAKEN, TOO_FAST, Meter
from server.transport import frame
from server.transport.config import TransportConfig
from server.transport.refusal import refusal
from server.transport.uptake import Uptake, hang_up

LINE = "heliograph.line"  # among the extensions of a socket's scope
NOT_TEXT, TOO_LARGE = 1007, 1009  # close codes of RFC 6455


class Write(Protocol):
    """Send a whole message at once, or not at all."""

    def __call__(self, data: bytes, *, binary: bool) -> bool:
        """Say whether it was sent."""


class Line:
    """What lies beneath a socket, for its application: it may hang up, and is told of an end.

    ``write`` sends a whole message at once; it is False when that must wait, or is the end.
    """

    def __init__(self, hang_up: Callable[[], None], write: "Write") -> None:
        self.hang_up = hang_up
        self.write = write
        self.end: Callable[[int], None] | None = None  # the application's, given a close code


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket connection."""

    config: TransportConfig

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._line = Line(lambda: hang_up(self.transport), self._write)
        self._pings = Meter()
        self.close_timeout = config.limits.close

    def connection_made(self, transport: BaseTransport) -> None:
        """Take over a connection that asked to become a socket."""
        super().connection_made(transport)
        self._uptake = Uptake(self.loop, self.transport, self.config.limits.taken)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._uptake.stop()
        self.config.census.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; a handshake that comes to nothing is refused at once."""
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.transport.write(refusal(self.config, Malformed("bad_handshake"), []))
            self.transport.close()

    async def run_asgi(self) -> None:
        """Run the application, with the line beneath it in its scope."""
        extensions = self.scope.setdefault("extensions", {})
        extensions[LINE] = {"line": self._line}
        await super().run_asgi()

    def _write(self, data: bytes, *, binary: bool) -> bool:
        """Send a whole message past ASGI and the frames' own state machine.

        Which knows nothing of a message that is whole: no extension is in use, and a server's
        frames are not masked.
        """
        if not (self.writable.is_set() and self.handshake_complete) or self.close_sent:
            return False
        if self.disconnected or self.transport.is_closing():
            return False
        self.transport.writelines((frame.head(len(data), binary=binary), data))
        return True

    async def send(self, message: ASGISendEvent) -> None:
        """Send, and see to it that a close is on its way soon, or that the line is dead."""
        await super().send(message)
        if message["type"] == "websocket.close":
            waiting = self.transport.get_write_buffer_size()
            self.loop.call_later(self.config.limits.goodbye, self._hang_up_unless_taken, waiting)

    def send_receive_event_to_app(self) -> None:
        """Hand a whole message over; one that is no text ends the socket, and fills no log."""
        try:
            if self.curr_msg_data_type == "text":
                b"".join(self.frames).decode()
        except UnicodeDecodeError:
            self.frames = []
            self.conn.fail(NOT_TEXT)
            self.handle_parser_exception()
        else:
            super().send_receive_event_to_app()

    def handle_ping(self) -> None:
        """Answer a ping, unless earlier answers were not even taken."""
        if self._pings.too_fast(self.loop.time()):
            self._end(TOO_FAST)
        elif self.writable.is_set():
            super().handle_ping()
        else:
            self.conn.data_to_send()  # dropped: a client may be answered its latest ping only

    def handle_cont(self, event: Frame) -> None:
        """Take a fragment; a message of very many costs more than its bytes."""
        if len(self.frames) >= self.config.limits.fragments:
            self.frames = []
            self._end(TOO_LARGE)
        else:
            super().handle_cont(event)

    def keepalive_timeout(self) -> None:
        """Let the application end a client that is silent: the close tells where it was."""
        self.pong_timer, self.pending_ping_payload = None, None
        if not self.close_sent and not self.transport.is_closing():
            self._end(NOTHING_TAKEN)

    def _hang_up_unless_taken(self, waiting: int) -> None:
        if waiting and self.transport.get_write_buffer_size() >= waiting:
            hang_up(self.transport)

    def _end(self, code: int) -> None:
        if self._line.end is not None:
            self._line.end(code)
        else:
            hang_up(self.transport)
