"""What a request costs: nothing waits for a timer, and nothing is worked out again each time."""

import asyncio
import contextlib
import socket

import pytest

from server.serve import bind

pytestmark = pytest.mark.anyio


async def test_an_answer_in_two_writes_does_not_wait_for_an_acknowledgement() -> None:
    """As uvicorn does: hand our listener to the loop, and look at what a client reaches."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Look(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            held = transport.get_extra_info("socket")
            accepted.set_result(held.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    with contextlib.closing(bind("127.0.0.1", 0)) as listener:
        server = await asyncio.get_running_loop().create_server(Look, sock=listener)
        with socket.create_connection(listener.getsockname()):
            assert await accepted == 1
        server.close()
