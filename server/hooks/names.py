"""Where a name on the network leads: asked once for each attempt."""

import socket
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import anyio.to_thread

_AT_ONCE = 32

Resolve = Callable[[str, int], Awaitable[list[str]]]  # name, port → addresses; OSError for none


class System:
    """The system's own look-up, on threads of its own: a slow name holds up no other."""

    def __init__(self) -> None:
        self._limiter = anyio.CapacityLimiter(_AT_ONCE)

    async def __call__(self, host: str, port: int) -> list[str]:
        """Ask the system.

        :raises OSError: when the name leads nowhere.
        """
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await anyio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._limiter)
        return list(dict.fromkeys(str(place[0]) for *_, place in found))
