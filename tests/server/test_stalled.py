"""A client that does not read: it is closed, and nobody else notices."""

import contextlib
import select
import socket as sockets
from typing import Any

import anyio
import anyio.to_thread
import pytest

from core.records.events import JobPreview
from server import protocol
from server.transport import Limits
from tests.server.studio import DRAW, Studio, listening
from tests.server.test_socket import ask, closed, hear, socket, until

pytestmark = pytest.mark.anyio
HANDSHAKE = (
    "GET /api/v1/ws?topics=previews,jobs HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\n"
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def open_without_reading(address: str) -> sockets.socket:
    host, _, port = address.partition(":")
    client = sockets.socket()
    client.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    client.connect((host, int(port)))
    client.sendall(HANDSHAKE.format(address).encode())
    return client


def preview(number: int) -> JobPreview:
    return JobPreview(
        job=f"job{number}", node="n", step=1, steps=1, width=1, height=1, mime="image/jpeg",
        data=b"x" * 1_000_000,
    )  # fmt: skip


async def test_a_client_that_takes_nothing_is_hung_up_on_and_others_hear_everything(
    studio: Studio,
) -> None:
    studio.state.limits = Limits(taken=0.2)  # instead of a minute
    async with listening(studio.state) as address, socket(address, "?topics=jobs") as well:
        await hear(well)
        with contextlib.closing(await anyio.to_thread.run_sync(open_without_reading, address)) as c:
            with anyio.fail_after(5):
                while len(studio.state.sockets) < 2:  # noqa: ASYNC110 - a real socket tells nobody
                    await anyio.sleep(0.005)
            for number in range(40):
                studio.state.bus.show(preview(number))
            reply = await ask(well, "generate", **DRAW)
            job = reply["result"]["jobs"][0]["id"]
            assert (await until(well, "job.ended"))["job"] == job
            with anyio.fail_after(8):
                while len(studio.state.sockets) > 1:  # noqa: ASYNC110
                    await anyio.sleep(0.01)
            assert await anyio.to_thread.run_sync(hung_up_on, c)
        assert (await ask(well, "ping"))["result"] == "pong"


def hung_up_on(client: sockets.socket) -> bool:
    """Wait, without reading, until the system knows that the connection is dead."""
    watch = select.poll()
    watch.register(client, select.POLLERR | select.POLLHUP)
    return bool(watch.poll(5000))


async def test_a_socket_that_lags_behind_what_is_stored_learns_where_it_was(
    studio: Studio,
) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        hello = await hear(opened)
        (held,) = studio.state.sockets
        held.close(protocol.NOTHING_TAKEN)
        code, reason = await closing(opened)
        assert code == 4408
        assert hello["seq"] <= int(reason) <= studio.state.bus.head


async def closing(opened: Any) -> tuple[int, str]:
    code = await closed(opened)
    return code, opened.close_reason


async def test_a_flood_is_closed_with_its_code(studio: Studio) -> None:
    async with listening(studio.state) as address, socket(address) as opened:
        await hear(opened)
        for _ in range(150):  # over the bucket of 100, and small enough to be taken whole
            await opened.send('{"do": "ping"}')
        assert await closed(opened) == 4429
