"""The catalogue of nodes, with an entity tag: clients ask often and it changes seldom."""

from starlette.responses import Response

from core.graph.catalogue import Catalogue
from server import codec, descriptions
from server.route import Request, Route, door

_kept: dict[str, tuple[Catalogue, bytes]] = {}  # the last one in each language


def routes() -> list[Route]:
    """Make the one route."""
    return [door("GET", "/api/v1/nodes", nodes, "read", tag="nodes", gives=Catalogue)]


async def nodes(request: Request) -> Response:
    """List every node type, the samplers, and what is wrong with users' node files."""
    language, catalogue = request.language, request.studio.nodes
    held, content = _kept.get(language, (None, b""))
    if held is not catalogue:
        content = codec.encode(descriptions.of_catalogue(catalogue, request.say))
        _kept[language] = catalogue, content
    return codec.tagged(request, content, "application/json", headers={"vary": "accept-language"})
