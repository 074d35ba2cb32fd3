"""The descriptions of both interfaces, and the page for people."""

from typing import Any

from starlette.responses import Response

from server import asyncapi, codec, docs, openapi
from server.route import Request, Route, door


def routes() -> list[Route]:
    """Make the routes."""
    return [
        door("GET", "/openapi.json", http, "open", tag="system", gives=dict[str, Any]),
        door("GET", "/asyncapi.json", socket, "open", tag="system", gives=dict[str, Any]),
        door("GET", "/docs", page, "open", tag="system", media="text/html"),
    ]


async def http(request: Request) -> Response:
    """Describe HTTP: OpenAPI 3.1, with the settings of every node in the catalogue."""
    return codec.tagged(request, codec.encode(_described(request)), "application/json")


async def socket(request: Request) -> Response:
    """Describe the WebSocket: AsyncAPI 3.0."""
    return codec.tagged(request, codec.encode(asyncapi.describe()), "application/json")


async def page(request: Request) -> Response:
    """Show both descriptions to a person."""
    text = docs.page(_described(request), asyncapi.describe(), request.studio.words)
    return codec.tagged(request, text.encode(), "text/html; charset=utf-8")


def _described(request: Request) -> dict[str, Any]:
    return openapi.describe(request.scope["app"].routes, request.studio.nodes)
