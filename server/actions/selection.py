"""One action on many pictures at once."""

from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Invalid, NotFound, Problem
from core.store import images
from core.store.images import ImageFile
from core.store.transaction import Transaction
from server import files
from server.actions import named
from server.actions.jobs import Id
from server.principal import Principal
from server.state import State

PIECE = 100  # pictures of one transaction, so that others get theirs in between


class ImagesAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action on many pictures."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=1000)]
    action: Literal["star", "unstar", "delete", "delete_forever", "restore", "move"]
    board: (
        Annotated[str, Meta(max_length=64, description="Where `move` goes; empty: off the board.")]
        | None
    ) = None


class Done(Struct, frozen=True, kw_only=True):
    """Which pictures it worked for; the others are gone, or not yours."""

    done: list[str]


async def act(state: State, principal: Principal, ask: ImagesAction) -> Done:
    """Do one thing to many pictures; those that are not there are passed over."""
    if ask.action == "move":
        await _check_board(state, principal, ask.board)
    done: list[str] = []
    wanted = list(dict.fromkeys(ask.ids))
    for start in range(0, len(wanted), PIECE):
        some = partial(_act, ask=ask, piece=wanted[start : start + PIECE], owner=principal.sees)
        try:
            changed = await state.db.write(some, urgent=ask.action == "delete_forever")
        except NotFound as error:  # the board went away meanwhile
            raise named.no_board(error) from error
        for gone in filter(None, changed.values()):
            await files.remove(state, gone)
        done += changed
    return Done(done=done)


async def _check_board(state: State, principal: Principal, board: str | None) -> None:
    if board is None:
        problem = Problem(code="missing_field", pointer="/board", params={"field": "board"})
        raise Invalid(problems=(problem,))
    problems = await named.no_boards(state, principal, {"/board": board or None})
    if problems:
        raise Invalid(problems=tuple(problems))


def _act(
    tx: Transaction, ask: ImagesAction, piece: list[str], owner: str | None
) -> dict[str, ImageFile | None]:
    """Change what is there of a piece; give the files that are now nobody's."""
    found: dict[str, ImageFile | None] = {}
    for image in piece:
        try:
            found[image] = _one(tx, ask, image, owner)
        except NotFound as error:
            if error.params.get("what") == "board":
                raise
    return found


def _one(tx: Transaction, ask: ImagesAction, image: str, owner: str | None) -> ImageFile | None:
    if ask.action == "delete_forever":
        return images.purge(tx, image, owner)
    if ask.action == "delete":
        images.trash(tx, image, owner)
    elif ask.action == "restore":
        images.restore(tx, image, owner)
    elif ask.action == "move":
        images.edit(tx, image, owner, board=ask.board)
    else:
        images.set_starred(tx, image, ask.action == "star", owner)
    return None
