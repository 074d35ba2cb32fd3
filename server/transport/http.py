"""uvicorn's HTTP/1.1 protocol, with deadlines and caps, and strict about what a request is.

A request is refused here when its bytes are not sound HTTP, when its head is too large or too
late, when its body trickles, or when there are too many connections. Knows no route.
"""

import asyncio
from asyncio import TimerHandle
from typing import Any, Literal

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from core.errors import HeliographError, Malformed, RequestError, TooLarge, Unavailable
from server.transport.config import TransportConfig
from server.transport.refusal import refusal
from server.transport.uptake import Uptake, hang_up

_FRAMING = 8  # bytes that may frame one byte of a chunked body: `1;\r\nx\r\n` and a little more


class HttpProtocol(HttpToolsProtocol):
    """One connection that speaks HTTP until it ends or becomes a socket."""

    config: TransportConfig

    def __init__(
        self,
        config: TransportConfig,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = config.limits
        self._reading: Literal["head", "body", "nothing"] = "head"
        self._deadline: TimerHandle | None = None
        self._refusing = False
        self._verdict: HeliographError | None = None  # why a callback stopped the parser
        self._begun = False  # a message, within the bytes that are being parsed
        self._fields = self._head_bytes = self._whole = 0  # of this message
        self._wire = self._body = self._mark = 0  # bytes of this body: sent, meant, at the window
        self._held = False  # we made it wait within the window

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn
        """Count the connection, and expect a request."""
        super().connection_made(transport)
        self._uptake = Uptake(self.loop, transport, self._limits.taken)
        if self.config.census.enter(transport):
            self._expect_head()
        elif self.config.census.overrun:
            transport.abort()
        else:
            self._refuse(Unavailable("too_many_connections"))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_clock()
        self._uptake.stop()
        self.config.census.leave(self.transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; once refused, only read it away, so that the refusal is not lost."""
        if self._refusing:
            return
        self._unset_keepalive_if_required()
        if self._reading == "nothing":
            self._expect_head()
        self._begun = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._upgrade()
        except httptools.HttpParserError:
            self._refuse(self._verdict or Malformed("bad_http"))
        else:
            self._weigh(len(data))

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._begun = True
        self._fields = self._head_bytes = self._whole = 0
        if self._reading == "nothing":
            self._expect_head()

    def on_url(self, url: bytes) -> None:
        """Take a piece of the target."""
        super().on_url(url)
        self._count_head(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field. A trailer's is counted and left out: the gate has looked already."""
        self._fields += 1
        self._count_head(len(name) + len(value) + 4)
        if self._reading == "head":
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Check the head, and start the application."""
        self._verdict = self._fault()
        if self._verdict is not None:
            raise self._verdict
        self._reading = "body"
        self._wire = self._body = self._mark = 0
        self._held = False
        self._clock(self._limits.body_window, self._look_at_body)
        super().on_headers_complete()
        if self.parser.should_upgrade() and not self._should_upgrade():
            self.cycle.keep_alive = False  # the parser takes what follows for another protocol

    def on_body(self, body: bytes) -> None:
        """Take a piece of the body."""
        self._body += len(body)
        super().on_body(body)
        self._held |= self.flow.read_paused

    def on_message_complete(self) -> None:
        """Expect nothing until more is sent."""
        self._reading = "nothing"
        self._stop_clock()
        super().on_message_complete()

    # Bounds

    def _fault(self) -> HeliographError | None:
        """Say what is wrong with a head that the parser let pass."""
        version = self.parser.get_http_version()
        codings = [value.lower() for name, value in self.headers if name == b"transfer-encoding"]
        if version not in ("1.0", "1.1") or codings not in ([], [b"chunked"]):
            return Malformed("bad_http")
        if codings and version == "1.0":  # which knows no coding: somebody between us would not
            return Malformed("bad_http")
        names = {name for name, _ in self.headers}
        if self.parser.should_upgrade() and names & {b"content-length", b"transfer-encoding"}:
            return Malformed("bad_http")  # a body that nobody would read
        return None if self._is_ours(self.url) else Malformed("bad_target")

    def _is_ours(self, target: bytes) -> bool:
        """Say whether a target is a path, alone or behind the very host that is asked."""
        if target.startswith(b"/"):
            return b"#" not in target
        if not target.lower().startswith((b"http://", b"https://")):
            return False
        _, _, rest = target.partition(b"://")
        authority, slash, path = rest.partition(b"/")
        hosts = [value.lower() for name, value in self.headers if name == b"host"]
        return bool(slash) and hosts == [authority.lower()] and b"#" not in path

    def _count_head(self, size: int) -> None:
        self._head_bytes += size
        if self._head_bytes > self._limits.head_bytes or self._fields > self._limits.fields:
            self._verdict = TooLarge("headers_too_large", limit=self._limits.head_bytes)
            raise self._verdict

    def _weigh(self, size: int) -> None:
        """Count bytes of which the parser has not told: of a field without end, or of framing."""
        if self._begun:
            return
        if self._reading == "head":
            self._whole += size
            if self._whole > self._limits.head_bytes:
                self._refuse(TooLarge("headers_too_large", limit=self._limits.head_bytes))
        elif self._reading == "body":
            self._wire += size
            if self._wire > self._limits.head_bytes * 2 + self._body * _FRAMING:
                self._refuse(Malformed("bad_http"))

    def _expect_head(self) -> None:
        self._reading = "head"
        self._clock(self._limits.head, self._head_is_late)

    def _head_is_late(self) -> None:
        if self.flow.read_paused or (self.cycle is not None and not self.cycle.response_complete):
            self._expect_head()  # it is we who let it wait
        elif not self.transport.is_closing():
            self.transport.close()

    def _look_at_body(self) -> None:
        came, self._mark = self._body - self._mark, self._body
        held, self._held = self._held, self.flow.read_paused
        if held or came >= self._limits.body_pace * self._limits.body_window:
            self._clock(self._limits.body_window, self._look_at_body)
        else:
            self._refuse(RequestError("body_too_slow", pace=self._limits.body_pace))

    def _clock(self, seconds: float, then: Any) -> None:
        self._stop_clock()
        self._deadline = self.loop.call_later(seconds, then)

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    # Ends

    def _upgrade(self) -> None:
        if not self._should_upgrade():
            return
        self._stop_clock()
        self._uptake.stop()
        self.handle_websocket_upgrade()

    def _refuse(self, error: HeliographError) -> None:
        """Answer with a problem and end; what is already being answered is let out first."""
        self._refusing = True
        self._stop_clock()
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete:
            if not cycle.more_body:  # the fault is in what came after it
                cycle.keep_alive = False
                return
            if cycle.response_started or self.pipeline:
                hang_up(self.transport)
                return
            cycle.disconnected = True  # the application learns it as a client that left
            cycle.message_event.set()
        elif cycle is not None and self._reading == "body":
            self.transport.close()  # it has its answer, and went on sending
            return
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        self.transport.write(refusal(self.config, error, self.headers or []))
        if self.transport.can_write_eof():
            self.transport.write_eof()
        # Closing at once would reset the connection while the client still sends, and the
        # refusal would be lost with it.
        self.loop.call_later(self._limits.goodbye, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Refuse as everything is refused here; uvicorn calls this."""
        self._refuse(Malformed("bad_http"))
