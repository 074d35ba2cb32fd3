"""Tokens: stored as SHA-256, shown once when they are made."""

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import Struct

from core.errors import NotFound
from core.ids import new_id
from core.store.times import iso, maybe
from core.store.transaction import Transaction

Scope = Literal["read", "generate", "train", "admin"]
_SCOPES = msgspec.json.Decoder(list[Scope])
_JSON = msgspec.json.Encoder()
_MARK = "helio"  # so that people and secret scanners know one when they see it


class Token(Struct, frozen=True, kw_only=True):
    """A token as it is listed: everything but its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created: str
    last_used: str | None = None


def create(tx: Transaction, name: str, scopes: Sequence[Scope]) -> tuple[Token, str]:
    """Make a token; the text is given back this once and cannot be read again."""
    token = new_id()
    text = f"{_MARK}_{token}_{secrets.token_urlsafe(32)}"
    tx.connection.execute(
        """
        INSERT INTO tokens (id, hash, name, scopes, created)
        VALUES (:id, :hash, :name, :scopes, :created)
        """,
        {
            "id": token,
            "hash": _hash(text),
            "name": name,
            "scopes": _JSON.encode(list(scopes)).decode(),
            "created": tx.now,
        },
    )
    return Token(id=token, name=name, scopes=list(scopes), created=iso(tx.now)), text


def check(connection: sqlite3.Connection, text: str) -> Token | None:
    """Find the token a text is; None if it is none, or revoked. Compares in constant time."""
    mark, _, rest = text.partition("_")
    token, _, secret = rest.partition("_")
    if mark != _MARK or not secret:
        return None
    found = connection.execute(
        """
        SELECT id, name, scopes, created, last_used, hash
        FROM tokens
        WHERE id = :id
        """,
        {"id": token},
    ).fetchone()
    if found is None or not hmac.compare_digest(found[5], _hash(text)):
        return None
    return _token(found)


def page(connection: sqlite3.Connection) -> list[Token]:
    """List every token, newest first."""
    found = connection.execute(
        """
        SELECT id, name, scopes, created, last_used
        FROM tokens
        ORDER BY row DESC
        """
    )
    return [_token(each) for each in found]


def touch(tx: Transaction, token: str) -> None:
    """Note that a token was used now; callers do so once a minute at most."""
    tx.connection.execute(
        """
        UPDATE tokens
        SET last_used = :now
        WHERE id = :id
        """,
        {"id": token, "now": tx.now},
    )


def delete(tx: Transaction, token: str) -> None:
    """Revoke a token.

    :raises NotFound: for an unknown id.
    """
    deleted = tx.connection.execute("DELETE FROM tokens WHERE id = :id", {"id": token}).rowcount
    if not deleted:
        raise NotFound(what="token", id=token)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _token(found: Sequence[str | int | None]) -> Token:
    token, name, scopes, created, last_used = found[:5]
    return Token(
        id=str(token),
        name=str(name),
        scopes=_SCOPES.decode(str(scopes)),
        created=iso(int(created or 0)),
        last_used=maybe(None if last_used is None else int(last_used)),
    )
