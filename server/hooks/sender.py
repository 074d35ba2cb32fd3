"""One POST to a stranger: to an address that was looked at, without a redirect, with an end.

A name is resolved once, every address of it is judged, and the connection goes to the judged
address; so no name server can say one thing now and another then. Knows nothing of deliveries.
"""

import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import httpcore
from msgspec import Struct

import core
from core.errors import Forbidden, HeliographError, Problem
from core.library import addresses, transport
from core.library.addresses import Guard

DEADLINE = 15.0  # seconds of an attempt, from the name to the answer
READ = 64 << 10  # bytes of an answer that are read
CONNECTIONS = 64
_TRIED = 4  # addresses of a host
_LOOKED_UP = 32  # names at once

Resolve = Callable[[str, int], Awaitable[list[str]]]  # name, port → addresses; OSError for none


class Answer(Struct, frozen=True, kw_only=True):
    """What came of an attempt."""

    status: int | None = None  # of the answer, if there was one
    error: Problem | None = None  # why it was not taken
    retry_after: str | None = None  # the header


class Sender:
    """Sends to whom a guard lets through.

    :param resolve: looks up names; the system does without it.
    """

    def __init__(
        self, guard: Guard, *, deadline: float = DEADLINE, resolve: Resolve | None = None
    ) -> None:
        self._guard = guard
        self._deadline = deadline
        self._resolve = resolve
        self._pool: httpcore.AsyncConnectionPool | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Hold what the attempts need."""
        context = await anyio.to_thread.run_sync(transport.tls)
        async with httpcore.AsyncConnectionPool(
            ssl_context=context, max_connections=CONNECTIONS, max_keepalive_connections=0,
            network_backend=_Judged(self._guard, self._resolve or _System()),
        ) as self._pool:  # fmt: skip
            yield

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a body, and say what came of it. Never raises for what a stranger does."""
        host = ""
        status: int | None = None
        asked: bytes | None = None
        try:
            with anyio.fail_after(self._deadline):
                parts = addresses.split(url)
                host = parts.hostname or ""
                self._guard.check_host(host)
                async with self._sent(parts, headers, body) as answer:
                    status = answer.status
                    asked = dict(answer.headers).get(b"retry-after")
                    with contextlib.suppress(httpcore.NetworkError, httpcore.ProtocolError):
                        await _drain(answer)
        except TimeoutError:
            if status is None:  # else its body alone does not end
                return _failed("webhook_slow", seconds=self._deadline)
        except Forbidden:
            return _failed("webhook_not_public", host=host)
        except HeliographError as error:
            return _failed(error.name)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException) as error:
            return _failed("host_unreachable", host=host, reason=type(error).__name__)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            return _failed("host_unreachable", host=host, reason=reason)
        if 200 <= status < 300:
            return Answer(status=status)
        code = "webhook_gone" if status == 410 else "webhook_answered"
        problem = Problem(code=code, params={"status": status})
        said = None if asked is None else asked.decode("latin-1")
        return Answer(status=status, error=problem, retry_after=said)

    @asynccontextmanager
    async def _sent(
        self, parts: Any, headers: Mapping[str, str], body: bytes
    ) -> AsyncIterator[httpcore.Response]:
        assert self._pool is not None  # opened
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
        async with self._pool.stream("POST", url, headers=given, content=body) as answer:
            yield answer


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


class _System:
    """The system's own look-up, on threads of its own: a slow name holds up no other."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(_LOOKED_UP)

    async def __call__(self, host: str, port: int) -> list[str]:
        """Ask the system."""
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._limiter)
        return list(dict.fromkeys(str(place[0]) for *_, place in found))


async def _drain(answer: httpcore.Response) -> None:
    """Read a little of the body, so that its sender is not cut off in the middle of a word."""
    count = 0
    async for part in answer.aiter_stream():
        count += len(part)
        if count >= READ:
            return


def _failed(code: str, **params: str | int | float | None) -> Answer:
    return Answer(error=Problem(code=code, params=params))
