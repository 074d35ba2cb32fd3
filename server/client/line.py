"""The line to a running server: requests that are tried again, and its events. Knows no services.

What may be done twice without harm is tried again when the line breaks or the server is busy: what
only reads, and what carries an idempotency key.
"""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from core.errors import HeliographError, Problem

TIMEOUT = 30.0  # seconds of one request
UPLOAD = 120.0  # seconds of one body, until it is decoded and kept
TRIES = 4
_PAUSE = 0.5  # seconds before the second try; twice as long before each further one
_LONGEST = 30.0  # seconds that a server may ask to wait
_BUSY = frozenset({429, 502, 503, 504})
MESSAGE = 4 * 1024 * 1024  # bytes of one event: far more than any fact
SILENCE = 60.0  # seconds: an engine that lives is heard of every two


class Client:
    """One server, reached by its URL, with a token where it needs one, in a language."""

    def __init__(
        self, url: str, token: str = "", *, on_behalf_of: str = "", language: str = ""
    ) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        if on_behalf_of:
            self._headers["x-on-behalf-of"] = on_behalf_of
        if language:
            self._headers["accept-language"] = language
        self._http = httpx.AsyncClient(
            base_url=self._url, headers=self._headers, timeout=TIMEOUT, trust_env=False
        )

    async def __aenter__(self) -> "Client":
        """Open the connections."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Close them."""
        await self._http.aclose()

    async def alive(self) -> bool:
        """Say whether the server answers."""
        try:
            return (await self._http.get("/livez")).status_code == 200
        except httpx.HTTPError:
            return False

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        seconds: float = TIMEOUT,
        key: str | None = None,
        query: dict[str, Any] | None = None,
    ) -> Any:
        """Make one request.

        :param seconds: until it is given up.
        :param key: idempotency key: the request may be sent again, and is done once.
        :param query: what is None is left out.
        :raises HeliographError: with the code and the words of the server's problem; ``bad_text``
            when the body holds halves of surrogate pairs: words of a terminal that are no UTF-8.
        """
        headers = {"idempotency-key": key} if key else {}
        params = {name: value for name, value in (query or {}).items() if value is not None}
        again = TRIES if key or method == "GET" else 1
        for left in reversed(range(again)):
            try:
                answer = await self._http.request(
                    method, f"/api/v1{path}", json=body, timeout=seconds, headers=headers,
                    params=params or None,  # an empty one would take the query of the path away
                )  # fmt: skip
            except UnicodeEncodeError as error:
                raise HeliographError("bad_text") from error
            except httpx.HTTPError as error:
                if not left:
                    raise HeliographError("server_gone", reason=type(error).__name__) from error
                wait = _PAUSE * 2 ** (again - 1 - left)
            else:
                if not answer.is_error:
                    return answer.json() if answer.content else None
                if not left or answer.status_code not in _BUSY:
                    raise _error(answer)
                wait = _asked(answer, _PAUSE * 2 ** (again - 1 - left))
            await anyio.sleep(wait)
        raise AssertionError("unreachable")

    async def upload(self, path: str, data: bytes, headers: dict[str, str]) -> Any:
        """Send a raw body; header values are ASCII.

        :raises HeliographError: as of ``call``.
        """
        sent = {"content-type": "application/octet-stream", **headers}
        try:
            answer = await self._http.post(
                f"/api/v1{path}", content=data, headers=sent, timeout=UPLOAD
            )
        except httpx.HTTPError as error:
            raise HeliographError("server_gone", reason=type(error).__name__) from error
        if answer.is_error:
            raise _error(answer)
        return answer.json()

    async def picture(self, image: str, format_: str = "png") -> bytes:
        """Fetch a picture's file: PNG, JPEG or WebP."""
        answer = await self._http.get(f"/api/v1/images/{image}/file", params={"format": format_})
        if answer.is_error:
            raise _error(answer)
        return answer.content

    @asynccontextmanager
    async def events(
        self, topics: str = "jobs,system"
    ) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """Follow facts and frames; the first message is hello.

        :raises HeliographError: ``server_gone`` where nobody answers as a socket of ours does.
        """
        try:
            opened = await self.socket(f"topics={topics}")
        except (OSError, TimeoutError, WebSocketException) as error:
            raise HeliographError("server_gone", reason=type(error).__name__) from error
        async with opened as socket:
            yield _texts(socket)

    def socket(self, query: str) -> connect:
        """Open a socket; ``query`` has its topics, and ``since`` where facts are resumed."""
        url = self._url.replace("http", "ws", 1) + f"/api/v1/ws?{query}"
        return connect(
            url, additional_headers=self._headers, subprotocols=None, max_size=MESSAGE, proxy=None
        )


async def _texts(socket: ClientConnection) -> AsyncIterator[dict[str, Any]]:
    """Give text messages as they come.

    :raises HeliographError: ``server_gone`` when the socket closes, or says nothing for a minute.
    """
    while True:
        try:
            with anyio.fail_after(SILENCE):
                message = await socket.recv()
        except (TimeoutError, ConnectionClosed) as error:
            raise HeliographError("server_gone", reason=type(error).__name__) from error
        if isinstance(message, str):
            yield json.loads(message)


def _asked(answer: httpx.Response, otherwise: float) -> float:
    """Read how long a busy server asks to wait."""
    said = answer.headers.get("retry-after", "")
    return min(float(said), _LONGEST) if said.isdecimal() else otherwise


def _error(answer: httpx.Response) -> HeliographError:
    try:
        problem = answer.json()
        found = [
            Problem(
                code=one["code"],
                pointer=one.get("pointer", ""),
                node=one.get("node"),
                path=one.get("path"),
                message=one["message"],
                params=one.get("params", {}),
            )
            for one in problem["errors"]
        ]
        said = found or [Problem(code=problem["code"], message=problem["detail"])]
        return HeliographError(problem["code"], problems=tuple(said))
    except (ValueError, KeyError, TypeError):
        return HeliographError("server_gone", reason=str(answer.status_code))
