"""HTTP and WebSocket by hand over asyncio streams: clients that cost next to nothing.

Only what a load client needs: keep-alive requests with JSON, and a reader that finds the borders
of unmasked frames without decoding what is in them. Meant for the loopback, for our own server.
"""

import asyncio
import json
import struct
from collections.abc import AsyncIterator
from typing import Any, Self

_KEY = b"bG9hZC1tZWFzdXJlbWVudA=="  # 16 bytes, as the handshake wants them
_CHUNK = 1 << 16
TEXT, BINARY, CLOSE, PING = 1, 2, 8, 9


class Http:
    """One keep-alive connection; one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> Self:
        """Connect."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(
        self, method: str, path: str, body: Any = None, headers: str = ""
    ) -> tuple[int, bytes]:
        """Send a request; give status and body of the answer.

        :param headers: more header lines, each with its line end.
        """
        sent = b"" if body is None else json.dumps(body).encode()
        kind = "" if body is None else "content-type: application/json\r\n"
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{kind}{headers}"
            f"content-length: {len(sent)}\r\n\r\n".encode()
            + sent
        )
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0] or 0)
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        """Hang up."""
        self._writer.close()


class Socket:
    """A WebSocket that reads; it says nothing after its handshake but pongs."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self.count = 0  # messages

    @classmethod
    async def open(cls, port: int, query: str = "", *, limit: int = _CHUNK) -> Self:
        """Connect and shake hands; the first message is the server's hello.

        :param limit: bytes that are read ahead while nobody asks for messages.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=limit)
        writer.write(
            f"GET /api/v1/ws{query} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
            f"connection: Upgrade\r\nsec-websocket-version: 13\r\n"
            f"sec-websocket-key: {_KEY.decode()}\r\n\r\n".encode()
        )
        answer = await reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in answer, answer
        return cls(reader, writer)

    async def bursts(self) -> AsyncIterator[list[tuple[int, bytes]]]:
        """Give messages as they arrive, all that one read brought: (opcode, payload)."""
        held = b""
        while data := await self._reader.read(_CHUNK):
            held = held + data if held else data
            found, rest = frames(held)
            for opcode, start, end in found:
                if opcode == PING:
                    self._pong(held[start:end])
            burst = [(opcode, held[start:end]) for opcode, start, end in found if opcode != PING]
            held = held[rest:]
            self.count += len(burst)
            if burst:
                yield burst

    def close(self) -> None:
        """Hang up."""
        self._writer.close()

    def _pong(self, data: bytes) -> None:
        self._writer.write(bytes((0x8A, 0x80 | len(data))) + bytes(4) + data)  # masked by zeros


def frames(data: bytes) -> tuple[list[tuple[int, int, int]], int]:
    """Find the whole frames in what was read: (opcode, start, end), and where the rest begins."""
    found: list[tuple[int, int, int]] = []
    at = 0
    while (frame := _frame(data, at)) is not None:
        found.append(frame)
        at = frame[2]
    return found, at


def _frame(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Find a frame: opcode, start and end of its payload; ``None`` while it is not all here."""
    if len(data) < at + 2:
        return None
    length, start = data[at + 1], at + 2
    if length == 126:
        if len(data) < at + 4:
            return None
        length, start = struct.unpack_from(">H", data, at + 2)[0], at + 4
    elif length == 127:
        if len(data) < at + 10:
            return None
        length, start = struct.unpack_from(">Q", data, at + 2)[0], at + 10
    return None if len(data) < start + length else (data[at] & 15, start, start + length)
