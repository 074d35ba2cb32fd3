"""Who is asking: tokens, sessions, socket tickets, and users that a bot acts for.

Tokens are found by their public id, then compared in constant time. Every refusal is the same.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import os
import re
import secrets
import time
from collections.abc import Callable
from functools import partial
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.types import Scope

from core.errors import Malformed, NotFound, NotStored, Unauthenticated
from core.store import tokens
from server import dialects
from server.principal import LOCAL, SCOPES, Principal, local
from server.state import TICKETS, State

CONFIGURED = "config"  # stands for the token of the settings
SESSION_COOKIE = "hg_session"
BROWSER_COOKIE = "hg_browser"
SESSION_SECONDS = 30 * 24 * 3600
TICKET_SECONDS = 30
TOUCH_SECONDS = 60.0  # between two notes that a token was used
_ON_BEHALF = re.compile(r"[\w.@+-]{1,64}")
_BROWSER = re.compile(r"[0-9a-f]{16}")

Header = Callable[[str], str | None]


async def authenticate(state: State, scope: Scope, header: Header) -> Principal | None:
    """Name the caller; ``None`` for one who showed nothing where a token is needed.

    :raises Unauthenticated: for a token that is malformed, unknown or revoked.
    """
    try:
        principal = await _shown(state, scope, header)
    except Unauthenticated:
        if not _signed(scope):
            raise
        principal = None  # the link itself lets in; clients send a key of theirs with it
    if principal is None and not state.needs_token:
        principal = local(_browser(header))
    behalf = header("x-on-behalf-of")
    if principal is None or behalf is None:
        return principal
    if not _ON_BEHALF.fullmatch(behalf):
        raise Malformed("bad_on_behalf_of")
    owner = f"{principal.owner}/{behalf}"
    return Principal(
        owner=owner, scopes=principal.scopes, client=owner, token=principal.token, acting=True
    )


async def _shown(state: State, scope: Scope, header: Header) -> Principal | None:
    authorization = header("authorization")
    if authorization is not None:
        return await _by_header(state, authorization, scope["path"])
    if scope["type"] == "websocket":
        ticket = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("ticket")
        if ticket is not None:
            return use_ticket(state, ticket[0])
    session = cookie(header("cookie"), SESSION_COOKIE)
    token_id = session and state.signer.check("session", session)
    return await _by_id(state, token_id) if token_id else None


async def _by_header(state: State, authorization: str, path: str) -> Principal | None:
    """Name the caller by its header: a bearer's token, or the password of a user of any name.

    Clients of other servers always send a key; where none is needed, theirs is not looked at.
    """
    scheme, _, value = authorization.partition(" ")
    foreign = dialects.of(path) is not None
    if scheme.lower() == "basic" and foreign:
        value = _password(value)
    elif scheme.lower() != "bearer":
        raise Unauthenticated
    if foreign and not state.needs_token:
        return None
    return await principal_of(state, value.strip())


def _password(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().partition(":")[2]
    except (binascii.Error, ValueError) as error:
        raise Unauthenticated from error


def _signed(scope: Scope) -> bool:
    """Say whether a request is for a signed link."""
    return scope["path"].endswith("/file") and b"signed=" in scope.get("query_string", b"")


async def principal_of(state: State, text: str) -> Principal:
    """Name the caller of a token.

    :raises Unauthenticated: when there is no such token.
    """
    configured = state.settings.token
    if configured and hmac.compare_digest(_sha256(configured), _sha256(text)):
        return _configured()
    held = await state.db.read(lambda connection: tokens.check(connection, text))
    if held is None:
        raise Unauthenticated
    await _note_use(state, held.id)
    return _principal(held)


async def _note_use(state: State, token_id: str) -> None:
    """Store that a token was used, once a minute at most; a full disk does not keep it out."""
    now = time.monotonic()
    if now - state.touched.get(token_id, -TOUCH_SECONDS) < TOUCH_SECONDS:
        return
    state.touched[token_id] = now
    with contextlib.suppress(NotStored, NotFound):
        await state.db.write(partial(tokens.touch, token=token_id))


async def _by_id(state: State, token_id: str) -> Principal | None:
    if token_id == CONFIGURED:
        return _configured() if state.settings.token else None
    known = await state.db.read(tokens.page)
    return next((_principal(held) for held in known if held.id == token_id), None)


def session_of(state: State, principal: Principal) -> str:
    """Sign the cookie of a browser session for the token that was shown."""
    return state.signer.sign("session", principal.token or CONFIGURED, SESSION_SECONDS)


def make_ticket(state: State, principal: Principal) -> str:
    """Draw a ticket that opens one socket within 30 seconds."""
    now = time.monotonic()
    for ticket, (_, expires) in list(state.tickets.items()):
        if expires < now or len(state.tickets) >= TICKETS:
            del state.tickets[ticket]
    ticket = secrets.token_urlsafe(24)
    state.tickets[ticket] = (principal, now + TICKET_SECONDS)
    return ticket


def use_ticket(state: State, ticket: str) -> Principal:
    """Take a ticket; it is gone afterwards.

    :raises Unauthenticated: when it is unknown, used or too old.
    """
    principal, expires = state.tickets.pop(ticket, (None, 0.0))
    if principal is None or expires < time.monotonic():
        raise Unauthenticated
    return principal


def new_browser() -> str:
    """Draw the name of a browser session, for fair share between windows without tokens."""
    return os.urandom(8).hex()


def cookie(header: str | None, name: str) -> str | None:
    """Read one cookie."""
    try:
        found = SimpleCookie(header or "").get(name)
    except CookieError:
        return None
    return found.value if found else None


def _browser(header: Header) -> str:
    name = cookie(header("cookie"), BROWSER_COOKIE)
    return f"{LOCAL}/{name}" if name and _BROWSER.fullmatch(name) else LOCAL


def _configured() -> Principal:
    scopes = frozenset(SCOPES)
    return Principal(owner=LOCAL, scopes=scopes, client=LOCAL, token=CONFIGURED)


def _principal(held: tokens.Token) -> Principal:
    scopes = frozenset(held.scopes)
    return Principal(owner=held.name, scopes=scopes, client=held.name, token=held.id)


def _sha256(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
