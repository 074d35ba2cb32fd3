"""Following a server's events for as long as one likes: a line that breaks is opened again.

Facts come in order without a gap, whatever happens to the line: each new socket resumes after the
last one seen. A dead line is told from a quiet one by the protocol's pings. Where the server no
longer has what was missed it says so, and so does this.
"""

import logging
from collections.abc import AsyncIterator, Sequence
from typing import Any

import anyio
import msgspec
from msgspec import Struct
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from core.errors import HeliographError
from core.events import wire
from core.records.events import AnyFact, AnyFrame, JobPreview, Topic
from server.client.line import Client

log = logging.getLogger(__name__)
_PAUSES = (0.5, 1.0, 2.0, 4.0, 8.0)  # seconds before each further try
_REFUSED = frozenset({4400, 4401})  # closes after which trying again is in vain
_any = msgspec.json.Decoder(AnyFact | AnyFrame)
_head = msgspec.json.Decoder(dict[str, Any])


class Opened(Struct, frozen=True, kw_only=True):
    """The line is open, for the first time or again.

    Where it is not ``resumed``, facts may have been missed that are no longer stored: read again
    what you show. ``seq`` is the newest fact there is.
    """

    seq: int
    resumed: bool


Event = AnyFact | AnyFrame | Opened


async def watch(
    line: Client, topics: Sequence[Topic], since: int | None, patience: float
) -> AsyncIterator[Event]:
    """Give facts, frames and previews as they come; see ``AsyncHeliograph.watch``."""
    tries = 0
    gone_since = anyio.current_time()
    while True:
        try:
            resume = "" if since is None else f"&since={since}"
            async with line.socket(f"topics={','.join(topics)}{resume}") as socket:
                hello = _head.decode(await socket.recv())
                since = since if since is not None and hello["resumed"] else hello["seq"]
                tries = 0
                yield Opened(seq=hello["seq"], resumed=hello["resumed"])
                while True:
                    message = await socket.recv()
                    gone_since = anyio.current_time()
                    if isinstance(message, bytes):
                        yield _preview(message)
                        continue
                    found = _head.decode(message)
                    since = max(since, found.get("seq", 0))
                    try:
                        yield _any.decode(message)
                    except msgspec.ValidationError:
                        log.debug("An event of a newer server is passed over")
        except ConnectionClosed as error:
            if error.rcvd is not None and error.rcvd.code in _REFUSED:
                raise HeliographError("server_gone", reason=error.rcvd.reason) from error
            failed: Exception = error
        except (OSError, TimeoutError, InvalidHandshake) as error:
            failed = error
        if anyio.current_time() - gone_since > patience:
            raise HeliographError("server_gone", reason=type(failed).__name__) from failed
        await anyio.sleep(_PAUSES[min(tries, len(_PAUSES) - 1)])
        tries += 1


def _preview(message: bytes) -> JobPreview:
    header, data = wire.split(message)
    header.pop("type")
    return JobPreview(**header, data=data)
