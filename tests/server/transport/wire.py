"""Bytes to and from a listening studio, with nothing in between that would tidy them."""

import json
import re
from typing import Any

import anyio
from anyio.abc import SocketStream
from msgspec import Struct

JSON = b"Content-Type: application/json\r\n"


class Answer(Struct, frozen=True):
    """One HTTP response as it stood on the wire."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(self.problem["code"])

    @property
    def problem(self) -> Any:
        return json.loads(self.body)


async def dial(address: str) -> SocketStream:
    host, _, port = address.rpartition(":")
    return await anyio.connect_tcp(host, int(port))


async def until_closed(stream: SocketStream, seconds: float = 8) -> bytes:
    """Read until the server ends the connection; a reset is an end too."""
    got = b""
    with anyio.fail_after(seconds):
        try:
            while True:
                got += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return got


def parse(data: bytes) -> Answer:
    """Take the first response apart; nothing may follow a response that closes."""
    head, _, rest = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    match = re.fullmatch(r"HTTP/1\.1 (\d{3}) [\w ]*", first)
    assert match, data
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Answer(int(match[1]), headers, rest[: int(headers.get("content-length", len(rest)))])


async def ask(address: str, *parts: bytes) -> Answer:
    """Send bytes on a connection of their own, and read its one answer to the end."""
    async with await dial(address) as stream:
        for part in parts:
            await stream.send(part)
        return parse(await until_closed(stream))


def request(address: str, first: bytes = b"GET /livez HTTP/1.1", *fields: bytes) -> bytes:
    """Write a request that asks for the end of the connection."""
    lines = (first, b"Host: " + address.encode(), b"Connection: close", *fields, b"", b"")
    return b"\r\n".join(lines)
