"""Verbs of intermediates: how many there are, and clearing those that nobody needs."""

from functools import partial
from typing import Annotated

from msgspec import Meta, Struct

from core.store import intermediates
from core.store.intermediates import Intermediates
from core.store.times import now
from server import files
from server.actions.queue import Nothing
from server.principal import Principal
from server.state import State

MOST = 5000  # that one call deletes
PIECE = 100  # pictures of one transaction, so that others get theirs in between
_HOUR = 3600 * 1000  # milliseconds: who sent a picture may be about to ask for a job with it
_DAY = 24 * _HOUR  # milliseconds: results may lie on a canvas that still asks for their mask


class Cleared(Struct, frozen=True, kw_only=True):
    """What a call to clear came to."""

    deleted: int
    bytes: Annotated[int, Meta(description="Of what was deleted.")]
    kept: Annotated[int, Meta(description="Looked at, and still needed or of the last hour.")]
    more: Annotated[bool, Meta(description="Whether another call finds more to delete.")]


async def held(state: State, principal: Principal, ask: Nothing) -> Intermediates:
    """Say how many pictures were sent for jobs alone, and how large they are together."""
    return await state.db.read(lambda connection: intermediates.held(connection, principal.sees))


async def clear(state: State, principal: Principal, ask: Nothing) -> Cleared:
    """Delete intermediates for good that nobody needs any more.

    Those stay that a job names which waits or runs or was asked for within a day, that a saved
    workflow names, and that were sent within the hour. One call deletes up to 5,000.
    """
    state.refuse_when_stopping()
    before = await held(state, principal, ask)
    newest = await state.db.read(intermediates.last_batch)
    needed = await _needed(state, newest + 1)
    deleted, after, more = 0, 0, True
    while more and deleted < MOST:
        look = partial(intermediates.made_before, at=now() - _HOUR, owner=principal.sees,
                       after=after, limit=PIECE)  # fmt: skip
        found = await state.db.read(look)
        more = len(found) == PIECE
        if not found:
            break
        after = found[-1][0]
        unused = [image for _, image in found if image not in needed]
        purge = partial(intermediates.purge, ids=unused, owner=principal.sees, after_batch=newest)
        for gone in await state.db.write(purge, urgent=True) if unused else ():
            await files.remove(state, gone)
            deleted += 1
    left = await held(state, principal, ask)
    return Cleared(
        deleted=deleted, bytes=max(0, before.bytes - left.bytes), kept=left.count, more=more
    )


async def _needed(state: State, below: int) -> set[str]:
    """Gather what recent and open batches and workflows name, a piece at a time."""
    ids = await state.db.read(intermediates.named_in_workflows)
    since = partial(intermediates.named_since, since=now() - _DAY)
    for look in (since, intermediates.named_open):
        at: int | None = below
        while at is not None:
            piece = await state.db.read(partial(look, below=at))
            ids |= piece.ids
            at = piece.below
    return ids
