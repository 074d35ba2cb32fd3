"""Many sockets in a process of its own: ``python -m tests.bench.crowd PORT '{"clients": …}'``.

Says ``ready`` once everybody has heard the server's hello. At a line of its standard input it says
``begun`` and counts messages; at the next, the number to wait for, it writes what it saw as JSON.
Reads a message only of one client in ten, for how long it was on its way.
"""

import asyncio
import contextlib
import json
import socket
import struct
import sys
import time
from datetime import datetime

from tests.bench.wire import frames

_SAMPLED = 10  # clients for each whose messages are read


class Listener(asyncio.Protocol):
    """One client: shakes hands, then counts."""

    def __init__(self, query: str, sampled: bool, seen: "Seen") -> None:
        self._query, self._sampled, self._seen = query, sampled, seen
        self._held = b""
        self._open = self._greeted = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the socket."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(
            f"GET /api/v1/ws{self._query} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
            "connection: Upgrade\r\nsec-websocket-version: 13\r\n"
            "sec-websocket-key: bG9hZC1tZWFzdXJlbWVudA==\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        """Count whole frames; answer pings."""
        held = self._held + data if self._held else data
        if not self._open:
            head, end, held = held.partition(b"\r\n\r\n")
            if not end:
                self._held = head
                return
            self._open = True
        found, rest = frames(held)
        self._held = held[rest:]
        for opcode, start, end_ in found:
            if opcode == 9:
                assert self._transport is not None
                answer = held[start:end_]
                self._transport.write(bytes((0x8A, 0x80 | len(answer))) + bytes(4) + answer)
                continue
            if not self._greeted:
                self._greeted = True
                self._seen.greeted()
                continue
            self._seen.messages += 1
            self._seen.bytes += end_ - start
            self._seen.grown.set()
            if self._sampled and opcode == 1:
                self._seen.late(held[start:end_])

    def connection_lost(self, error: Exception | None) -> None:
        """Note that the server hung up."""
        self._seen.lost += not self._seen.over


class Seen:
    """What all clients together saw."""

    def __init__(self) -> None:
        self.messages = self.bytes = self.lost = 0
        self.waited_for = 0  # clients that are not connected yet
        self.everybody = asyncio.Event()
        self.grown = asyncio.Event()
        self.delays: list[float] = []  # milliseconds
        self.over = False

    def greeted(self) -> None:
        """Note that one more client has heard the server's hello."""
        self.waited_for -= 1
        if self.waited_for == 0:
            self.everybody.set()

    async def until(self, count: int) -> None:
        """Wait until so many messages came, a minute at most."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(60):
                while self.messages < count:
                    self.grown.clear()
                    await self.grown.wait()

    def late(self, message: bytes) -> None:
        """Note how long a fact was on its way since its transaction began."""
        _, found, rest = message.partition(b'"at":"')
        if found:
            at = datetime.fromisoformat(rest[:24].decode())
            self.delays.append((time.time() - at.timestamp()) * 1000)


async def main(port: int, groups: dict[str, int], stalled: int) -> None:
    """Connect everybody, count as long as we are told, report.

    :param groups: query of the socket → how many.
    :param stalled: clients beside them that take nothing after their handshake.
    """
    loop, seen = asyncio.get_running_loop(), Seen()
    transports, number = [], 0
    seen.waited_for = sum(groups.values())
    for query, count in groups.items():
        for _ in range(count):
            number += 1
            listener = Listener(query, number % _SAMPLED == 0, seen)
            made, _ = await loop.create_connection(lambda one=listener: one, "127.0.0.1", port)
            transports.append(made)
    silent = [_stall(port, next(iter(groups))) for _ in range(stalled)]
    await seen.everybody.wait()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.readline)  # the measurement begins
    seen.messages = seen.bytes = 0
    seen.delays.clear()
    sys.stdout.write("begun\n")
    sys.stdout.flush()
    await seen.until(int(await asyncio.to_thread(sys.stdin.readline)))
    seen.over = True
    told = {name: getattr(seen, name) for name in ("messages", "bytes", "lost", "delays")}
    sys.stdout.write(json.dumps(told) + "\n")
    for one in silent:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        one.close()
    for transport in transports:
        transport.abort()


def _stall(port: int, query: str) -> socket.socket:
    """Shake hands and never read again, with as little room as the system gives."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.connect(("127.0.0.1", port))
    made.sendall(
        f"GET /api/v1/ws{query} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\n"
        "connection: Upgrade\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: bG9hZC1tZWFzdXJlbWVudA==\r\n\r\n".encode()
    )
    assert b" 101 " in made.recv(4096)
    return made


if __name__ == "__main__":
    asked = json.loads(sys.argv[2])
    asyncio.run(main(int(sys.argv[1]), asked["groups"], asked.get("stalled", 0)))
