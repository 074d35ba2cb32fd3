"""The report of a training over HTTP: a page, or markdown, made of what is stored."""

import sqlite3
from typing import Literal

from msgspec import Struct
from starlette.responses import Response

import core
from core import naming
from core.errors import NotFound
from core.store import checkpoints, model_reads, training_points
from core.training import report
from core.training.report import Reported
from server import codec, downloads
from server.actions import trainings, warned
from server.actions.jobs import Id
from server.route import Request, Route, door
from server.state import State

PATH = "/api/v1/trainings/{training}/report"
_POINTS = 800  # of the curve, evenly
_ROWS = 48  # samples, and what is kept
_CSP = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; base-uri 'none';"
    " form-action 'none'; frame-ancestors 'none'"
)
_MEDIA = {"html": "text/html; charset=utf-8", "md": "text/markdown; charset=utf-8"}


class ReportQuery(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which report."""

    training: Id
    format: Literal["md", "html"] = "html"


def routes() -> list[Route]:
    """Make the route."""
    return [door("GET", PATH, show, "read", tag="training", takes=ReportQuery, media="text/html")]


async def show(request: Request) -> Response:
    """Report a training: its curves, samples, what it keeps, and the request to repeat it."""
    asked = codec.from_text(dict(request.query_params), ReportQuery)
    ask: ReportQuery = codec.decode(asked | request.path_params, ReportQuery)
    told = await _told(request, ask.training)
    name = f"{naming.safe(told.training.name, 'training')}.{ask.format}"
    headers = {
        "content-security-policy": _CSP,
        "content-disposition": downloads.disposition(name),
        "cache-control": "no-store",
    }
    text = report.page(told) if ask.format == "html" else report.markdown(told)
    return Response(text, 200, headers, _MEDIA[ask.format])


async def _told(request: Request, training: str) -> Reported:
    """Collect what a report is made of, in one read."""
    state = request.studio
    run = await trainings.run_of(state, request.principal, training)
    shown = warned.of(state, run.shown, request.language)

    def read(connection: sqlite3.Connection) -> Reported:
        return Reported(
            training=shown,
            points=training_points.thinned(connection, run, _POINTS),
            samples=training_points.samples(connection, run, None, _ROWS).items,
            checkpoints=checkpoints.page(connection, run, None, None, _ROWS).items,
            base_model=_name(connection, shown.base_model),
            model=_name(connection, shown.model),
            versions=_versions(state),
        )

    return await state.db.read(read)


def _name(connection: sqlite3.Connection, model: str | None) -> str:
    try:
        return "" if model is None else model_reads.get(connection, model).name
    except NotFound:
        return ""


def _versions(state: State) -> dict[str, str]:
    hello = state.hello
    found = {"heliograph": core.__version__}
    return found if hello is None else {**found, "torch": hello.torch, "device": hello.device_name}
