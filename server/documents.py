"""The descriptions of both interfaces, and the page for people.

They change with the catalogue of nodes and are made anew then, not for each who asks: making them
takes a tenth of a second, and anybody may ask.
"""

from collections.abc import Callable
from typing import Any

import anyio.to_thread
from starlette.responses import Response

from core.graph.catalogue import Catalogue
from server import asyncapi, codec, docs, openapi
from server.route import Request, Route, door

_Make = Callable[[dict[str, Any], Request], bytes]
_kept: dict[_Make, tuple[Catalogue, bytes]] = {}  # the last one of each kind


def routes() -> list[Route]:
    """Make the routes."""
    return [
        door("GET", "/openapi.json", http, "open", tag="system", gives=dict[str, Any]),
        door("GET", "/asyncapi.json", socket, "open", tag="system", gives=dict[str, Any]),
        door("GET", "/docs", page, "open", tag="system", media="text/html"),
    ]


async def http(request: Request) -> Response:
    """Describe HTTP: OpenAPI 3.1, with the settings of every node in the catalogue."""
    return codec.tagged(request, await _made(request, _encoded), "application/json")


async def socket(request: Request) -> Response:
    """Describe the WebSocket: AsyncAPI 3.0."""
    return codec.tagged(request, codec.encode(asyncapi.describe()), "application/json")


async def page(request: Request) -> Response:
    """Show both descriptions to a person."""
    return codec.tagged(request, await _made(request, _page), "text/html; charset=utf-8")


async def _made(request: Request, make: _Make) -> bytes:
    catalogue = request.studio.nodes
    held, content = _kept.get(make, (None, b""))
    if held is catalogue:
        return content

    def describe() -> bytes:
        return make(openapi.describe(request.scope["app"].routes, catalogue), request)

    content = await anyio.to_thread.run_sync(describe)
    _kept[make] = catalogue, content
    return content


def _encoded(described: dict[str, Any], request: Request) -> bytes:
    return codec.encode(described)


def _page(described: dict[str, Any], request: Request) -> bytes:
    return docs.page(described, asyncapi.describe(), request.studio.words).encode()
