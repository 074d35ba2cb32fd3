"""Verbs of the queue as a whole: look, pause, resume, clear."""

from typing import Annotated

from msgspec import Meta, Struct

from core.store.work import QueueState
from server.principal import Principal
from server.state import State


class Nothing(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request without fields."""


class Cleared(Struct, frozen=True, kw_only=True):
    """What a clear did."""

    canceled: Annotated[int, Meta(description="Jobs that waited and now do not.")]


async def look(state: State, principal: Principal, ask: Nothing) -> QueueState:
    """Read the queue at a glance: counts, whether it is paused and why, the ETA of all of it."""
    return await state.queue.state()


async def pause(state: State, principal: Principal, ask: Nothing) -> QueueState:
    """Let nothing more start; what runs goes on."""
    await state.queue.pause("asked")
    return await state.queue.state()


async def resume(state: State, principal: Principal, ask: Nothing) -> QueueState:
    """Let work start again."""
    await state.queue.resume()
    return await state.queue.state()


async def clear(state: State, principal: Principal, ask: Nothing) -> Cleared:
    """Cancel everything of yours that waits."""
    return Cleared(canceled=await state.queue.clear(principal.sees))
