"""A WebSocket client that writes whatever frames it is told to (RFC 6455, section 5)."""

import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import SocketStream
from msgspec import Struct

from tests.server.transport.wire import Answer, dial, parse

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
VERSION = b"Sec-WebSocket-Version: 13\r\n"
UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
MASK = b"\x12\x34\x56\x78"


class Frame(Struct, frozen=True):
    """One frame of the server's."""

    opcode: int
    payload: bytes
    fin: bool = True


def frame(
    opcode: int, payload: bytes = b"", *, fin: bool = True, reserved: int = 0, mask: bool = True
) -> bytes:
    """Write a client's frame: masked, unless it is to be a bad one."""
    first = (fin << 7) | (reserved << 4) | opcode
    size = len(payload)
    if size < 126:
        length = bytes([(mask << 7) | size])
    elif size < 65_536:
        length = struct.pack(">BH", (mask << 7) | 126, size)
    else:
        length = struct.pack(">BQ", (mask << 7) | 127, size)
    if not mask:
        return bytes([first]) + length + payload
    many = MASK * (size // 4 + 1)
    masked = (int.from_bytes(payload, "little") ^ int.from_bytes(many[:size], "little")).to_bytes(
        size, "little"
    )
    return bytes([first]) + length + MASK + masked


def close(code: int | None = None, reason: bytes = b"") -> bytes:
    return frame(CLOSE, b"" if code is None else struct.pack(">H", code) + reason)


class Peer:
    """One open connection past its handshake."""

    def __init__(self, stream: SocketStream, rest: bytes) -> None:
        self.stream, self._buffer = stream, rest
        self._done = False

    async def half_close(self) -> None:
        """Say that nothing more will be sent."""
        self._done = True
        await self.stream.send_eof()

    async def send(self, *frames: bytes) -> None:
        """Send frames in one packet; a server that has ended already is not a fault here."""
        try:
            await self.stream.send(b"".join(frames))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            pass

    async def hear(self, seconds: float = 8) -> Frame | None:
        """Read the next frame; None once the server has ended the connection."""
        with anyio.fail_after(seconds):
            while (found := self._take()) is None:
                try:
                    self._buffer += await self.stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return None
        return found

    async def ended(self) -> int | None:
        """Read to the end, answering a close; give its code, or None where there was none."""
        code = None
        while (heard := await self.hear()) is not None:
            if heard.opcode == CLOSE:
                code = struct.unpack(">H", heard.payload[:2])[0] if heard.payload else 1005
                if not self._done:
                    await self.send(frame(CLOSE, heard.payload))
        return code

    def _take(self) -> Frame | None:
        data = self._buffer
        if len(data) < 2:
            return None
        assert not data[1] & 0x80, "a server masks nothing"
        size, at = data[1] & 0x7F, 2
        if size >= 126:
            at = 4 if size == 126 else 10
            if len(data) < at:
                return None
            size = int.from_bytes(data[2:at])
        if len(data) < at + size:
            return None
        self._buffer = data[at + size :]
        return Frame(data[0] & 0x0F, data[at : at + size], bool(data[0] & 0x80))


def handshake(
    address: str, path: str = "/api/v1/ws", fields: bytes = UPGRADE + KEY + VERSION
) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: {address}\r\n".encode() + fields + b"\r\n"


async def shake(stream: SocketStream, sent: bytes) -> tuple[Answer, bytes]:
    """Send a handshake; give the answer's head, and what came behind it."""
    await stream.send(sent)
    got = b""
    with anyio.fail_after(8):
        while b"\r\n\r\n" not in got:
            got += await stream.receive()
    head, _, rest = got.partition(b"\r\n\r\n")
    return parse(head + b"\r\n\r\n"), rest


@asynccontextmanager
async def peer(address: str, path: str = "/api/v1/ws") -> AsyncIterator[Peer]:
    """Open a socket frame by frame."""
    async with await dial(address) as stream:
        answer, rest = await shake(stream, handshake(address, path))
        assert answer.status == 101, answer
        yield Peer(stream, rest)
