"""The catalogue of nodes, with an entity tag: clients ask often and it changes seldom."""

from starlette.responses import Response

from core.graph.catalogue import Catalogue
from server import codec
from server.route import Request, Route, door


def routes() -> list[Route]:
    """Make the one route."""
    return [door("GET", "/api/v1/nodes", nodes, "read", tag="nodes", gives=Catalogue)]


async def nodes(request: Request) -> Response:
    """List every node type, the samplers, and what is wrong with users' node files."""
    return codec.tagged(request, codec.encode(request.studio.nodes), "application/json")
