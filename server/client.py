"""A client of a running server, for the command line: ask, watch, fetch. Knows no services."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from core.errors import HeliographError, Problem

TIMEOUT = 30.0  # seconds of one request
UPLOAD = 120.0  # seconds of one body, until it is decoded and kept
MESSAGE = 4 * 1024 * 1024  # bytes of one event: far more than any fact
SILENCE = 60.0  # seconds: an engine that lives is heard of every two


class Client:
    """One server, reached by its URL, with a token where it needs one."""

    def __init__(self, url: str, token: str = "") -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
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
        self, method: str, path: str, body: Any = None, *, seconds: float = TIMEOUT
    ) -> Any:
        """Make one request.

        :param seconds: until it is given up.
        :raises HeliographError: with the code and the words of the server's problem; ``bad_text``
            when the body holds halves of surrogate pairs: words of a terminal that are no UTF-8.
        """
        try:
            answer = await self._http.request(method, f"/api/v1{path}", json=body, timeout=seconds)
        except UnicodeEncodeError as error:
            raise HeliographError("bad_text") from error
        except httpx.HTTPError as error:
            raise HeliographError("server_gone", reason=type(error).__name__) from error
        if answer.is_error:
            raise _error(answer)
        return answer.json() if answer.content else None

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
        """Follow facts and frames; the first message is hello."""
        url = self._url.replace("http", "ws", 1) + f"/api/v1/ws?topics={topics}"
        async with connect(
            url, additional_headers=self._headers, subprotocols=None, max_size=MESSAGE, proxy=None
        ) as socket:
            yield _texts(socket)


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


def _error(answer: httpx.Response) -> HeliographError:
    try:
        problem = answer.json()
        found = [
            Problem(code=one["code"], message=one["message"], params=one.get("params", {}))
            for one in problem["errors"]
        ]
        said = found or [Problem(code=problem["code"], message=problem["detail"])]
        return HeliographError(problem["code"], problems=tuple(said))
    except (ValueError, KeyError, TypeError):
        return HeliographError("server_gone", reason=str(answer.status_code))
