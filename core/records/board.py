"""Boards: named sets of pictures."""

from typing import Annotated

from msgspec import Meta, Struct


class Board(Struct, frozen=True, kw_only=True):
    """One board."""

    id: str
    name: str
    count: Annotated[int, Meta(description="Pictures on it; those in the trash are not.")]
    cover: Annotated[str | None, Meta(description="Id of its newest picture.")] = None
    created: str
    owner: str
