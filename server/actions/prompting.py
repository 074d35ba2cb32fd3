"""Verbs for who writes a prompt: which wildcards there are, and how long it is for a model."""

from functools import partial
from typing import Annotated

import anyio
from msgspec import Meta, Struct

from core.errors import Invalid, NotFound
from core.graph.bounds import ModelName, Prompt
from core.graph.prompts.wildcards import Wildcards
from core.library import word_count
from core.store import models
from server.actions import chosen
from server.actions.queue import Nothing
from server.principal import Principal
from server.state import State


class WildcardNames(Struct, frozen=True, kw_only=True):
    """Files of words; `__name__` in a dynamic prompt takes a line of one."""

    items: list[str]


class CountWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prompt, and the checkpoint that is to read it."""

    prompt: Prompt
    model: Annotated[ModelName | None, Meta(description="Null: the starter.")] = None


class CountedWords(Struct, frozen=True, kw_only=True):
    """What a prompt takes of what a model reads; all null where that is not known."""

    tokens: int | None = None
    window: Annotated[int | None, Meta(description="Tokens that are read together.")] = None
    windows: int | None = None
    cut: Annotated[bool, Meta(description="The end of it is not read.")] = False


async def wildcards(state: State, principal: Principal, ask: Nothing) -> WildcardNames:
    """List the wildcards of the data directory by their names, 2,000 at most."""
    folder = Wildcards(state.layout.wildcards)
    return WildcardNames(items=list(await anyio.to_thread.run_sync(lambda: folder.names)))


async def count(state: State, principal: Principal, ask: CountWords) -> CountedWords:
    """Count the tokens of a prompt as its first step reads it, without notation and tags."""
    model, problems = await chosen.model(state, "txt2img", {"model": ask.model}, "")
    if problems:
        raise Invalid(problems=tuple(problems))
    if model is None:
        return CountedWords()
    try:
        held = await state.db.read(partial(models.file, model=model.id))
    except NotFound:
        return CountedWords()
    root = state.roots.get(held.root)
    if root is None:
        return CountedWords()
    found = await anyio.to_thread.run_sync(
        word_count.count, ask.prompt, root / held.file, model.family
    )
    if found is None:
        return CountedWords()
    return CountedWords(
        tokens=found.tokens, window=found.window, windows=found.windows, cut=found.cut
    )
