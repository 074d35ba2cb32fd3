"""Who asks: the owner of what they make, and what they may do. Knows no HTTP."""

from typing import Literal

from msgspec import Struct

Scope = Literal["read", "generate", "train", "admin"]
SCOPES: tuple[Scope, ...] = ("read", "generate", "train", "admin")
LOCAL = "local"  # the owner on a loopback address without tokens


class Principal(Struct, frozen=True, kw_only=True):
    """One caller, after the gate has looked at its token."""

    owner: str
    scopes: frozenset[str]
    client: str  # whom fair share counts: the owner, else the browser's session
    token: str | None = None  # id of the token, so that a revoked one closes its sockets
    acting: bool = False  # on behalf of a user of the token

    def may(self, scope: str) -> bool:
        """Say whether a scope is granted; ``admin`` grants every other."""
        return scope in self.scopes or "admin" in self.scopes

    @property
    def sees(self) -> str | None:
        """Name the owner whose records this caller is limited to; ``None`` means all."""
        return None if "admin" in self.scopes and not self.acting else self.owner


def local(client: str = LOCAL) -> Principal:
    """Make the principal of a loopback address without tokens: it may do everything."""
    return Principal(owner=LOCAL, scopes=frozenset(SCOPES), client=client)
