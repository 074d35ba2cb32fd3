"""Routes that declare who may use them and what they take and give.

``Route`` is the only route class of the application: without a policy there is no route. A verb
of ``server.actions`` becomes a route by ``verb``, which fills its request struct from path,
query and body. OpenAPI reads the same declarations. Knows no single route.
"""

import re
import typing
from collections.abc import Awaitable, Callable
from typing import Any, Literal

import msgspec
from msgspec import Struct
from starlette import routing
from starlette.requests import Request as StarletteRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from core.errors import Forbidden, Invalid, Malformed, NotFound, Problem, Unauthenticated
from core.ids import is_id
from server import codec
from server.principal import Principal
from server.state import State
from server.words import Say

Access = Literal["open", "read", "generate", "train", "admin"]
Body = Literal["none", "json", "image", "raw"]


class Request(StarletteRequest):
    """A request past the gate."""

    @property
    def studio(self) -> State:
        """Give the services."""
        found: State = self.scope["studio"]
        return found

    @property
    def principal(self) -> Principal:
        """Give the caller; a route that is not open has one."""
        found: Principal = self.scope["principal"]
        return found

    @property
    def language(self) -> str:
        """Choose the language of the answer's words."""
        return self.studio.words.choose(self.headers.get("accept-language"))

    @property
    def say(self) -> Say:
        """Give the way to say something in that language."""
        return self.studio.words.sayer(self.language)


Endpoint = Callable[[Request], Awaitable[Response]]
Action = Callable[..., Awaitable[Any]]  # (state, principal, ask[, idempotency])
Worded = Callable[[Any, Say], Any]  # the answer → the answer in the caller's language
_KEY = re.compile(r"[\x21-\x7e]{1,200}")


class Policy(Struct, frozen=True, kw_only=True):
    """What a route declares of itself."""

    access: Access
    method: str
    body: Body = "none"
    takes: type[Struct] | None = None  # the request: path, query and body together
    gives: Any = None  # the answer's type; None: not JSON
    media: str = "application/json"  # of the answer
    status: int = 200
    tag: str = "system"
    doc: str = ""


class Route(routing.Route):
    """One method on one path, with its policy."""

    def __init__(self, path: str, endpoint: Endpoint, policy: Policy) -> None:
        self.policy = policy

        async def guarded(request: StarletteRequest) -> Response:
            permit(request.scope.get("principal"), policy.access)
            call = Request(request.scope, request.receive)
            if not all(is_id(value) for value in call.path_params.values()) and policy.takes:
                raise NotFound
            return await endpoint(call)

        guarded.__name__ = endpoint.__name__
        guarded.__doc__ = endpoint.__doc__
        super().__init__(path, guarded, methods=[policy.method])

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request; the template of its path names it in logs and figures."""
        scope["route_path"] = self.path
        await super().handle(scope, receive, send)


def permit(principal: Principal | None, access: Access) -> None:
    """Let a caller through who may.

    :raises Unauthenticated: without a principal.
    :raises Forbidden: without the scope.
    """
    if access == "open":
        return
    if principal is None:
        raise Unauthenticated
    if not principal.may(access):
        raise Forbidden("scope_missing", scope=access)


def verb(
    method: str,
    path: str,
    action: Action,
    access: Access,
    *,
    tag: str,
    status: int = 200,
    words: Worded | None = None,
) -> Route:
    """Make a route of an action: its request struct and its answer are read from its types.

    :param words: puts an answer that describes something into the caller's language.
    """
    hints = typing.get_type_hints(action, include_extras=True)
    takes: type[Struct] = hints["ask"]
    gives = None if hints["return"] is type(None) else hints["return"]
    has_body = method in ("POST", "PUT", "PATCH") and bool(body_fields(takes, path))
    policy = Policy(
        access=access, method=method, body="json" if has_body else "none", takes=takes,
        gives=gives, status=status if gives is not None else 204, tag=tag,
        doc=(action.__doc__ or "").strip(),
    )  # fmt: skip

    async def endpoint(request: Request) -> Response:
        ask = await collect(request, takes, has_body=has_body)
        keyed = {"idempotency": idempotency_key(request)} if "idempotency" in hints else {}
        result = await action(request.studio, request.principal, ask, **keyed)
        if gives is None:
            return Response(status_code=204)
        return codec.reply(words(result, request.say) if words else result, policy.status)

    endpoint.__name__ = action.__name__
    endpoint.__doc__ = action.__doc__
    return Route(path, endpoint, policy)


def door(
    method: str, path: str, endpoint: Endpoint, access: Access, *, tag: str, **declared: Any
) -> Route:
    """Make a route of an endpoint that speaks HTTP itself: files, uploads, pages."""
    doc = (endpoint.__doc__ or "").strip()
    return Route(path, endpoint, Policy(access=access, method=method, tag=tag, doc=doc, **declared))


def idempotency_key(request: StarletteRequest) -> str | None:
    """Read ``Idempotency-Key``.

    :raises Malformed: when it is empty, longer than 200 or not printable ASCII.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.fullmatch(key):
        raise Malformed("bad_idempotency_key")
    return key


def body_fields(takes: type[Struct], path: str) -> list[str]:
    """List the fields of a request struct that are not in its path."""
    return [
        field.encode_name
        for field in msgspec.structs.fields(takes)
        if f"{{{field.encode_name}}}" not in path
    ]


async def collect(request: Request, takes: type[Struct], *, has_body: bool) -> Any:
    """Fill a request struct from path, query and body.

    :raises Invalid: with every problem; a body may not name what the path names.
    """
    if has_body:
        sent = await codec.read_json(request, empty={})
        if not isinstance(sent, dict):
            raise Invalid(problems=(Problem(code="not_an_object"),))
        twice = sent.keys() & request.path_params.keys()
        if twice:
            raise Invalid(
                problems=tuple(
                    Problem(code="unknown_field", pointer=f"/{name}", params={"field": name})
                    for name in sorted(twice)
                )
            )
        return await codec.decode_body(request, sent | request.path_params, takes)
    fields: dict[str, Any] = {}
    if request.method in ("GET", "HEAD", "DELETE"):
        fields = codec.from_text(dict(request.query_params), takes)
    return codec.decode(fields | request.path_params, takes)
