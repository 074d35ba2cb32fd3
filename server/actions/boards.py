"""Verbs of boards: list, make, rename, delete."""

from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.records.board import Board
from core.store import boards
from core.store.page import Page
from server.actions.jobs import Cursor, Id, Limit
from server.principal import Principal
from server.state import State

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]


class ListBoards(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which boards."""

    cursor: Cursor | None = None
    limit: Limit = 50


class NewBoard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A board as it is made."""

    name: Name


class BoardId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One board."""

    board: Id


class RenameBoard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name for a board."""

    board: Id
    name: Name


class DeleteBoard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which board, and what becomes of its pictures."""

    board: Id
    images: Annotated[
        Literal["keep", "trash"], Meta(description="Whether its pictures go to the trash.")
    ] = "keep"


async def page(state: State, principal: Principal, ask: ListBoards) -> Page[Board]:
    """List boards, newest first."""
    return await state.db.read(
        lambda connection: boards.page(connection, principal.sees, ask.cursor, ask.limit)
    )


async def get(state: State, principal: Principal, ask: BoardId) -> Board:
    """Read one board."""
    return await state.db.read(lambda connection: boards.get(connection, ask.board, principal.sees))


async def create(state: State, principal: Principal, ask: NewBoard) -> Board:
    """Make a board."""
    return await state.db.write(lambda tx: boards.create(tx, ask.name, principal.owner))


async def rename(state: State, principal: Principal, ask: RenameBoard) -> Board:
    """Give a board another name."""
    return await state.db.write(lambda tx: boards.rename(tx, ask.board, ask.name, principal.sees))


async def delete(state: State, principal: Principal, ask: DeleteBoard) -> None:
    """Delete a board. Its pictures stay in the gallery, or go to the trash.

    Pictures that stay have no event of their own: `board.changed` speaks for all of them.
    """
    owner, trash = principal.sees, ask.images == "trash"
    # In pieces, so that a large board keeps nobody else from writing; asking again goes on.
    some = partial(boards.empty, board=ask.board, owner=owner, trash=trash)
    while await state.db.write(some):
        pass
    await state.db.write(lambda tx: boards.delete(tx, ask.board, owner))
