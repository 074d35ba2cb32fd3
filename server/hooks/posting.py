"""HTTP to a stranger: one POST on one connection to an address that was looked at.

Imported when the first webhook is sent, since the library takes a moment that no start has.
"""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import SplitResult

import httpcore

import core
from core.library import transport
from core.library.addresses import Guard
from server.hooks.names import Resolve

READ = 64 << 10  # bytes of an answer that are read
CONNECTIONS = 64
_TRIED = 4  # addresses of a host
BROKEN = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException)


def pool(guard: Guard, resolve: Resolve) -> httpcore.AsyncConnectionPool:
    """Make what holds the connections; none of them is used twice. Waits for the disk."""
    return httpcore.AsyncConnectionPool(
        ssl_context=transport.tls(), max_connections=CONNECTIONS, max_keepalive_connections=0,
        network_backend=_Judged(guard, resolve),
    )  # fmt: skip


@asynccontextmanager
async def sent(
    through: httpcore.AsyncConnectionPool,
    parts: SplitResult,
    headers: Mapping[str, str],
    body: bytes,
) -> AsyncIterator[httpcore.Response]:
    """Send a body, and give the answer while its own is still to be read.

    :raises Forbidden: ``url_not_public``.
    :raises OSError: when the name is not found; one of ``BROKEN`` when the line breaks.
    :raises ValueError: for a host that is no name.
    """
    query = f"?{parts.query}" if parts.query else ""
    host = parts.hostname or ""
    url = httpcore.URL(
        scheme=parts.scheme.encode(),
        host=host.encode("ascii") if ":" in host else host.encode("idna"),
        port=parts.port,
        target=transport.escaped((parts.path or "/") + query).encode(),
    )
    common = {
        "host": transport.host_header(parts),
        "user-agent": f"heliograph/{core.__version__}",
        "content-length": str(len(body)),
        "connection": "close",
    }
    given = [(key.encode(), value.encode()) for key, value in (common | dict(headers)).items()]
    async with through.stream("POST", url, headers=given, content=body) as answer:
        yield answer


async def drain(answer: httpcore.Response) -> None:
    """Read a little of the body, so that its sender is not cut off in the middle of a word."""
    count = 0
    async for part in answer.aiter_stream():
        count += len(part)
        if count >= READ:
            return


class _Judged(httpcore.AsyncNetworkBackend):
    """Connects to addresses that were looked at, and to no others."""

    def __init__(self, guard: Guard, resolve: Resolve) -> None:
        self._guard, self._resolve = guard, resolve
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection to one of a host's addresses.

        :raises Forbidden: ``url_not_public``, if any of them is private.
        :raises OSError: when there is none.
        """
        found = await self._resolve(host, port)
        for address in found:
            self._guard.check_address(host, address)
        failed: Exception = OSError("no address")
        for address in found[:_TRIED]:
            try:
                stream = await self._inner.connect_tcp(
                    address, port, timeout, local_address, socket_options
                )
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
                continue
            try:
                self._guard.check_address(host, str(stream.get_extra_info("server_addr")[0]))
            except BaseException:
                await stream.aclose()
                raise
            return stream
        raise failed
