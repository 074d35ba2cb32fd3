"""The server's own pages: life, readiness, figures, words, sessions, tickets."""

from typing import Annotated, Any

from msgspec import Meta, Struct
from starlette.responses import Response

from core.errors import NotFound, Unauthenticated
from server import access, codec, metrics
from server.route import Request, Route, door

API = "/api/v1"


class Alive(Struct, frozen=True, kw_only=True):
    """The process is up."""

    status: str = "ok"


class Ready(Struct, frozen=True, kw_only=True):
    """Whether work is done now, and if not, why."""

    ready: bool
    reasons: list[str]


class Languages(Struct, frozen=True, kw_only=True):
    """The languages that the server speaks."""

    languages: Annotated[dict[str, str], Meta(description="Language → its name in itself.")]
    language: Annotated[str, Meta(description="The server's own.")]


class OpenSession(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The token that a browser wants to stay signed in with."""

    token: str


class Session(Struct, frozen=True, kw_only=True):
    """Who the browser is now."""

    owner: str
    scopes: list[str]


class Ticket(Struct, frozen=True, kw_only=True):
    """Opens one socket within 30 seconds: `?ticket=`."""

    ticket: str
    seconds: int


def routes() -> list[Route]:
    """Make the routes."""
    return [
        door("GET", "/livez", livez, "open", tag="system", gives=Alive),
        door("GET", "/readyz", readyz, "open", tag="system", gives=Ready),
        door("GET", "/metrics", figures, "read", tag="system", media="text/plain"),
        door("GET", "/i18n", spoken, "open", tag="system", gives=Languages),
        door(
            "GET", "/i18n/{language}.json", words, "open", tag="system", gives=dict[str, Any]
        ),
        door(
            "POST", f"{API}/session", sign_in, "open", tag="system", body="json",
            takes=OpenSession, gives=Session,
        ),
        door("GET", f"{API}/session", whoami, "read", tag="system", gives=Session),
        door("DELETE", f"{API}/session", sign_out, "open", tag="system", status=204),
        door(
            "POST", f"{API}/ws-tickets", ticket, "read", tag="system", gives=Ticket, status=201
        ),
    ]  # fmt: skip


async def livez(request: Request) -> Response:
    """Say that the process is up."""
    return codec.reply(Alive())


async def readyz(request: Request) -> Response:
    """Say whether work is done now; 503 with the reasons if not."""
    reasons = request.studio.reasons()
    ready = Ready(ready=not reasons, reasons=reasons)
    headers = {} if ready.ready else {"retry-after": "2"}
    return codec.reply(ready, 200 if ready.ready else 503, headers)


async def figures(request: Request) -> Response:
    """Give figures in Prometheus' text format."""
    media, text = await metrics.text(request.studio)
    return Response(text, 200, {"cache-control": "no-store"}, media)


async def spoken(request: Request) -> Response:
    """List the languages, each by its name in itself."""
    studio = request.studio
    return codec.reply(Languages(languages=studio.words.names(), language=studio.settings.language))


async def words(request: Request) -> Response:
    """Send the words of one language."""
    content = request.studio.words.file(request.path_params["language"])
    if content is None:
        raise NotFound("language_not_found")
    return codec.tagged(request, content, "application/json")


async def sign_in(request: Request) -> Response:
    """Trade a token for a cookie that scripts cannot read and other sites cannot send."""
    ask: OpenSession = codec.decode(await codec.read_json(request), OpenSession)
    principal = await access.principal_of(request.studio, ask.token)
    answer = codec.reply(Session(owner=principal.owner, scopes=sorted(principal.scopes)))
    answer.set_cookie(
        access.SESSION_COOKIE, access.session_of(request.studio, principal),
        max_age=access.SESSION_SECONDS, httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return answer


async def whoami(request: Request) -> Response:
    """Say who the caller is and what it may do."""
    principal = request.principal
    return codec.reply(Session(owner=principal.owner, scopes=sorted(principal.scopes)))


async def sign_out(request: Request) -> Response:
    """Forget the cookie."""
    answer = Response(status_code=204)
    answer.delete_cookie(access.SESSION_COOKIE, httponly=True, samesite="strict")
    return answer


async def ticket(request: Request) -> Response:
    """Draw a ticket for a socket that cannot send headers."""
    if request.scope["principal"] is None:
        raise Unauthenticated
    drawn = access.make_ticket(request.studio, request.principal)
    return codec.reply(Ticket(ticket=drawn, seconds=access.TICKET_SECONDS), 201)
