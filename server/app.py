"""The application: every route on one screen, the error tree as answers, the gate around it."""

from typing import cast

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, ExceptionHandler

from core.errors import HeliographError, NotFound, RequestError
from server import assets, documents, refusal, websocket
from server.compat.a1111 import routes as a1111
from server.compat.openai import routes as openai
from server.gate import Gate
from server.route import Route
from server.routes import (
    api,
    datasets,
    generate,
    hooks,
    images,
    nodes,
    reports,
    system,
    tasks,
    trainings,
)
from server.state import State


def routes() -> list[BaseRoute]:
    """List every route there is; each declares its policy."""
    return [
        *system.routes(),
        *documents.routes(),
        *generate.routes(),
        *hooks.routes(),
        *images.routes(),
        *nodes.routes(),
        *api.routes(),
        *tasks.routes(),
        *datasets.routes(),
        *trainings.routes(),
        *reports.routes(),
        *openai.routes(),
        *a1111.routes(),
        websocket.route(),
        *assets.routes(),
    ]


def create_app(state: State) -> ASGIApp:
    """Make the application around the services that ``server.lifespan`` opened."""
    handlers = {
        HeliographError: cast(ExceptionHandler, refuse),
        HTTPException: cast(ExceptionHandler, refuse),
        Exception: cast(ExceptionHandler, refuse),
    }
    return Gate(Starlette(routes=routes(), exception_handlers=handlers), state)


def _allowed(request: StarletteRequest) -> list[str]:
    """List the methods that the path of a request has, over all its routes."""
    path = request.scope["path"]
    found = [route for route in request.scope["app"].routes if isinstance(route, Route)]
    return sorted(
        {
            method
            for route in found
            if ":path" not in route.path and route.path_regex.match(path)
            for method in route.methods or ()
        }
    )


async def refuse(request: StarletteRequest, error: Exception) -> Response:
    """Answer with an error, as the caller's dialect writes it."""
    allowed = {}
    if isinstance(error, HTTPException):
        if error.status_code == 405:
            allowed["allow"] = ", ".join(_allowed(request))
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "malformed")
        error = NotFound() if code == "not_found" else RequestError(code)
    language = request.headers.get("accept-language")
    answer = refusal.answer(request.scope["studio"], request.scope, error, language)
    answer.headers.update(allowed)
    return answer
