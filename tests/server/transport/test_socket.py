"""Clients of the socket that are gone, stall, flood or never finish. P25, P27, P28, P29, P32."""

import json
import struct
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from server.transport import Limits
from tests.server.studio import Studio, listening
from tests.server.test_socket import hear, socket
from tests.server.transport.peer import (
    BINARY,
    CLOSE,
    CONT,
    KEY,
    PING,
    PONG,
    TEXT,
    UPGRADE,
    VERSION,
    Peer,
    frame,
    handshake,
    peer,
)
from tests.server.transport.wire import dial, parse, until_closed

pytestmark = pytest.mark.anyio
QUICK = Limits(ping=0.1, pong=0.3, taken=5, goodbye=0.3)


@pytest.fixture
async def address(studio: Studio) -> AsyncIterator[str]:
    async with listening(studio.state) as found:
        yield found


@pytest.fixture
async def quick(studio: Studio) -> AsyncIterator[str]:
    studio.state.limits = QUICK
    async with listening(studio.state) as found:
        yield found


async def first(opened: Peer) -> Any:
    heard = await opened.hear()
    assert heard is not None
    return json.loads(heard.payload)


async def none_left(studio: Studio) -> None:
    with anyio.fail_after(5):
        while studio.state.sockets:  # noqa: ASYNC110 - a real socket tells nobody
            await anyio.sleep(0.005)


async def test_a_client_without_pongs_is_closed_with_the_last_number_it_was_sent(
    studio: Studio, quick: str
) -> None:
    async with peer(quick) as opened:
        last = (await first(opened))["seq"]
        heard = await opened.hear()
        while heard is not None and heard.opcode != CLOSE:
            if heard.opcode == TEXT:
                last = json.loads(heard.payload)["seq"]
            heard = await opened.hear()
        assert heard is not None
        (code,) = struct.unpack(">H", heard.payload[:2])
        assert (code, int(heard.payload[2:])) == (4408, last)
        await none_left(studio)


async def test_a_client_that_answers_pings_stays(quick: str) -> None:
    async with peer(quick) as opened:
        await first(opened)
        answered = 0
        while answered < 6:  # twice the time after which it would count as gone
            heard = await opened.hear()
            assert heard is not None and heard.opcode != CLOSE
            if heard.opcode == PING:  # facts may come between
                await opened.send(frame(PONG, heard.payload))
                answered += 1
        await opened.send(frame(TEXT, b'{"id": 1, "do": "ping"}'))
        while (heard := await opened.hear()) is not None:
            if heard.opcode == TEXT and (told := json.loads(heard.payload))["type"] == "reply":
                break
        assert heard is not None and told["result"] == "pong"


async def test_pongs_of_another_ping_do_not_count(quick: str) -> None:
    async with peer(quick) as opened:
        await first(opened)
        with anyio.fail_after(8):
            while (heard := await opened.hear()) is not None and heard.opcode != CLOSE:
                await opened.send(frame(PONG, b"not that one"))
        assert heard is not None
        assert struct.unpack(">H", heard.payload[:2]) == (4408,)


async def test_a_flood_of_pings_is_closed(studio: Studio, address: str) -> None:
    async with peer(address) as opened:
        await first(opened)
        await opened.send(frame(PING, b"x") * 150)
        assert await opened.ended() == 4429
        await none_left(studio)


async def test_a_message_of_very_many_fragments_is_closed(studio: Studio, address: str) -> None:
    async with peer(address) as opened:
        await first(opened)
        await opened.send(frame(TEXT, b"", fin=False), frame(CONT, b"", fin=False) * 20_000)
        assert await opened.ended() == 1009
        await none_left(studio)


async def test_text_that_is_none_and_bytes_where_text_belongs_are_closed(address: str) -> None:
    for sent, code in (
        (frame(TEXT, b"\xff\xfe"), 1007),
        (frame(TEXT, b"{\xed\xa0\x80}"), 1007),
        (frame(BINARY, b"{}"), 1003),
        (frame(TEXT, b"x" * (1024 * 1024 + 1)), 1009),
    ):
        async with peer(address) as opened:
            await first(opened)
            await opened.send(sent)
            assert await opened.ended() == code


HANDSHAKES = {  # that come to nothing, and what says so
    "no key": (UPGRADE + VERSION, 400),
    "a key that is no base64": (UPGRADE + VERSION + b"Sec-WebSocket-Key: ?\r\n", 400),
    "a key of another length": (UPGRADE + VERSION + b"Sec-WebSocket-Key: AAAA\r\n", 400),
    "two keys": (UPGRADE + VERSION + KEY + KEY, 400),
    "no version": (UPGRADE + KEY, 400),
    "a version before the standard": (UPGRADE + KEY + b"Sec-WebSocket-Version: 8\r\n", 400),
    "a body": (UPGRADE + KEY + VERSION + b"Content-Length: 3\r\n", 400),
    "a chunked body": (UPGRADE + KEY + VERSION + b"Transfer-Encoding: chunked\r\n", 400),
    "a field over what a handshake takes": (
        UPGRADE + KEY + VERSION + b"X: " + b"a" * 9000 + b"\r\n", 400,
    ),
    "a foreign page": (UPGRADE + KEY + VERSION + b"Origin: https://evil.example\r\n", 403),
}  # fmt: skip


@pytest.mark.parametrize(("fields", "status"), HANDSHAKES.values(), ids=HANDSHAKES.keys())
async def test_a_handshake_that_comes_to_nothing_is_answered_and_ended(
    studio: Studio, address: str, fields: bytes, status: int
) -> None:
    async with await dial(address) as stream:
        await stream.send(handshake(address, fields=fields))
        answer = parse(await until_closed(stream))
    assert answer.status == status
    assert not studio.state.sockets


async def test_a_socket_elsewhere_is_not_found(address: str) -> None:
    async with await dial(address) as stream:
        await stream.send(handshake(address, "/api/v1/nothing"))
        assert parse(await until_closed(stream)).status in (403, 404)


async def test_a_client_that_does_not_answer_a_close_is_cut(studio: Studio) -> None:
    studio.state.limits = Limits(close=0.2)
    async with listening(studio.state) as address, peer(address) as opened:
        await first(opened)
        await opened.send(frame(BINARY, b"{}"))
        while (heard := await opened.hear()) and heard.opcode != CLOSE:
            assert heard.opcode == TEXT  # what the engine said meanwhile
        assert heard is not None
        assert await opened.hear() is None


async def test_many_short_sockets_leave_nothing_behind(studio: Studio, address: str) -> None:
    for _ in range(100):
        async with peer(address) as opened:
            await first(opened)
    await none_left(studio)
    async with socket(address) as well:
        assert (await hear(well))["type"] == "hello"
        assert len(studio.state.sockets) == 1
