"""The gate: the first thing every connection meets, as plain ASGI.

Host, then Origin, then who is asking; security headers and a request id on every answer. What a
caller may do is each route's own policy (``server.route``).
"""

import ipaddress
import logging
import re
import time
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Forbidden, HeliographError, Malformed, NotFound, Unauthenticated
from core.ids import new_id
from core.log import request_id as logged_request_id
from server import refusal
from server.access import authenticate
from server.pace import Pace
from server.state import State

log = logging.getLogger(__name__)

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})
_NAME = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::(?P<port>\d{1,5}))?")
_REQUEST_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' blob: data:; font-src 'self' data:; connect-src 'self'; "
    "worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"content-security-policy", CSP.encode()),
)


class Gate:
    """Wrap the application so that nothing reaches it unseen."""

    def __init__(self, app: ASGIApp, state: State) -> None:
        self._app = app
        self._state = state
        settings = state.settings
        self._hosts = _LOCAL | {_bare(host) for host in (settings.host, *settings.allowed_hosts)}
        self._pace = Pace(settings.requests_per_second)
        self._open = settings.host in ("0.0.0.0", "::") and not settings.allowed_hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check one connection, name its caller, and hand it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = _Headers(scope)
        request_id = headers.one("x-request-id") or ""
        request_id = request_id if _REQUEST_ID.fullmatch(request_id) else new_id()
        scope["request_id"], scope["studio"] = request_id, self._state
        scope["principal"] = None
        reset = logged_request_id.set(request_id)
        sender = _Sender(self._state, scope, send, request_id)
        try:
            self._check_host(headers)
            self._check_origin(scope, headers)
            _check_query(scope)
            address = (scope.get("client") or ("",))[0]
            try:
                scope["principal"] = await authenticate(self._state, scope, headers.one)
            except Unauthenticated:  # guessing tokens has a pace, too
                self._pace.count(None, address, time.monotonic())
                raise
            self._pace.count(scope["principal"], address, time.monotonic())
        except HeliographError as error:
            await self._refuse(error, scope, receive, sender, headers)
        else:
            await self._app(scope, receive, sender)
        finally:
            logged_request_id.reset(reset)

    def _check_host(self, headers: "_Headers") -> None:
        hosts = headers.all("host")
        match = _NAME.fullmatch(hosts[0]) if len(hosts) == 1 else None
        if match is None:
            raise Malformed("bad_host")
        if not self._known(match["name"]):
            raise Forbidden("host_not_allowed", host=match["name"][:100])

    def _check_origin(self, scope: Scope, headers: "_Headers") -> None:
        origin = headers.one("origin")
        looks = scope["type"] == "http" and scope["method"] in ("GET", "HEAD")
        if origin is None or looks:  # asking what may be asked is not looking
            return
        try:
            parts = urlsplit(origin)
            name = (
                f"[{parts.hostname}]"
                if parts.hostname and ":" in parts.hostname
                else parts.hostname
            )
            port = parts.port
        except ValueError:
            raise Forbidden("origin_not_allowed", origin=origin[:100]) from None
        if parts.scheme not in ("http", "https") or not name or not self._same(name, port, headers):
            raise Forbidden("origin_not_allowed", origin=origin[:100])

    def _same(self, name: str, port: int | None, headers: "_Headers") -> bool:
        """Let in our own page, and the names that the operator allowed."""
        match = _NAME.fullmatch(headers.one("host") or "")
        if match and match["name"].lower() == name.lower():
            asked = int(match["port"]) if match["port"] else None
            return asked == port or {asked, port} <= {None, 80, 443}
        return _bare(name) in {_bare(host) for host in self._state.settings.allowed_hosts}

    def _known(self, name: str) -> bool:
        lowered = _bare(name)
        if lowered in self._hosts:
            return True
        return self._open and _is_address(lowered)

    async def _refuse(
        self,
        error: HeliographError,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: "_Headers",
    ) -> None:
        language = headers.one("accept-language")
        response = refusal.answer(self._state, scope, error, language, close=True)
        await response(scope, receive, send)


class _Headers:
    """The raw headers of a scope: a repeated one is seen."""

    def __init__(self, scope: Scope) -> None:
        self._raw: list[tuple[bytes, bytes]] = scope["headers"]

    def all(self, name: str) -> list[str]:
        wanted = name.encode()
        return [value.decode("latin-1") for key, value in self._raw if key.lower() == wanted]

    def one(self, name: str) -> str | None:
        found = self.all(name)
        return found[0] if found else None


class _Sender:
    """Put our headers on every answer and count it."""

    def __init__(self, state: State, scope: Scope, send: Send, request_id: str) -> None:
        self._state, self._scope, self._send = state, scope, send
        self._request_id = request_id
        self._began = time.perf_counter()

    async def __call__(self, message: Message) -> None:
        if message["type"] in ("http.response.start", "websocket.http.response.start"):
            held = list(message.get("headers", ()))
            present = {name.lower() for name, _ in held}
            held += [(name, value) for name, value in _HEADERS if name not in present]
            held.append((b"x-request-id", self._request_id.encode()))
            message = {**message, "headers": held}
            self._count(message["status"])
        await self._send(message)

    def _count(self, status: int) -> None:
        path = self._scope.get("route_path", "-")
        method = self._scope.get("method", "WS")
        seconds = time.perf_counter() - self._began
        self._state.meters.answered(method, path, status, seconds)
        log.log(
            logging.DEBUG if method in SAFE else logging.INFO,  # what changes nothing is many
            "%s %s %d", method, self._scope["path"], status,
            extra={
                "action": "request", "request_id": self._request_id,
                "seconds": round(seconds, 6),
            },
        )  # fmt: skip


def _check_query(scope: Scope) -> None:
    query = scope.get("query_string", b"")
    if b"token=" in query:
        names = parse_qs(query.decode("latin-1"), keep_blank_values=True)
        if names.keys() & {"token", "access_token"}:
            raise Malformed("token_in_query")
    if "\0" in scope["path"]:
        raise NotFound


def _bare(host: str) -> str:
    host = host.lower().rstrip(".")
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
