"""One attempt: a POST to a stranger, at an address that was looked at, without a redirect.

A name is resolved once, every address of it is judged, and the connection goes to the judged
address; so no name server can say one thing now and another then. Knows nothing of deliveries.
"""

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import anyio.to_thread
from msgspec import Struct

from core.errors import Forbidden, HeliographError, Problem
from core.library import addresses
from core.library.addresses import Guard
from server.hooks.names import Resolve, System

if TYPE_CHECKING:
    import httpcore  # imported with the first attempt: it takes 40 ms

DEADLINE = 15.0  # seconds of an attempt, from the name to the answer


class Answer(Struct, frozen=True, kw_only=True):
    """What came of an attempt."""

    status: int | None = None  # of the answer, if there was one
    error: Problem | None = None  # why it was not taken
    retry_after: str | None = None  # the header


class Sender:
    """Sends to whom a guard lets through.

    :param deadline: seconds of an attempt.
    :param resolve: looks up names; the system does without it.
    """

    def __init__(
        self, guard: Guard, *, deadline: float = DEADLINE, resolve: Resolve | None = None
    ) -> None:
        self._guard = guard
        self._deadline = deadline
        self._resolve = resolve
        self._opening = anyio.Lock()
        self._pool: httpcore.AsyncConnectionPool | None = None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Close in the end what the attempts opened."""
        try:
            yield
        finally:
            if self._pool is not None:
                with anyio.CancelScope(shield=True), anyio.move_on_after(1):
                    await self._pool.aclose()

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """Send a body, and say what came of it. Never raises for what a stranger does."""
        pool = await self._ready()
        from server.hooks import posting

        host, asked = "", None
        status: int | None = None
        try:
            with anyio.fail_after(self._deadline):
                parts = addresses.split(url)
                host = parts.hostname or ""
                self._guard.check_host(host)
                async with posting.sent(pool, parts, headers, body) as answer:
                    status = answer.status
                    told = {name.lower(): value for name, value in answer.headers}
                    asked = told.get(b"retry-after")
                    with contextlib.suppress(*posting.BROKEN):
                        await posting.drain(answer)
        except TimeoutError:
            if status is None:  # else its body alone does not end
                return _failed("webhook_slow", seconds=self._deadline)
        except Forbidden:
            return _failed("webhook_not_public", host=host)
        except HeliographError as error:
            return _failed(error.name)
        except (*posting.BROKEN, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or type(error).__name__
            return _failed("host_unreachable", host=host, reason=reason)
        assert status is not None  # it was answered
        if 200 <= status < 300:
            return Answer(status=status)
        code = "webhook_gone" if status == 410 else "webhook_answered"
        problem = Problem(code=code, params={"status": status})
        said = None if asked is None else asked.decode("latin-1")
        return Answer(status=status, error=problem, retry_after=said)

    async def _ready(self) -> "httpcore.AsyncConnectionPool":
        """Open what the attempts share, once."""
        async with self._opening:
            if self._pool is None:
                resolve = self._resolve or System()
                self._pool = await anyio.to_thread.run_sync(_pool, self._guard, resolve)
            return self._pool


def _pool(guard: Guard, resolve: Resolve) -> "httpcore.AsyncConnectionPool":
    from server.hooks import posting

    return posting.pool(guard, resolve)


def _failed(code: str, **params: str | int | float | None) -> Answer:
    return Answer(error=Problem(code=code, params=params))
