"""Verbs of the library: list, edit, scan, unload, recommend."""

from typing import Annotated

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid
from core.ipc.commands import Unload
from core.library import recommended
from core.library.recommended import Recommended
from core.records.model import Model, ModelDefaults, ModelKind
from core.store import models
from core.store.page import Page
from server.actions import named
from server.actions.jobs import Cursor, Id, Limit
from server.actions.queue import Nothing
from server.principal import Principal
from server.state import State

Text = Annotated[str, Meta(max_length=512)]


class ListModels(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models."""

    kind: ModelKind | None = None
    family: Annotated[str, Meta(max_length=64)] | None = None
    q: (
        Annotated[
            str,
            Meta(max_length=200, description="Part of name, file, trigger, description or words."),
        ]
        | None
    ) = None
    missing: Annotated[
        bool, Meta(description="Those whose file is gone, instead of those that are there.")
    ] = False
    cursor: Cursor | None = None
    limit: Limit = 50


class ModelId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model."""

    model: Id


class ChangeModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people may change of a model; null leaves it, an empty text clears it."""

    model: Id
    name: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    trigger: Text | None = None
    description: Annotated[str, Meta(max_length=4096)] | None = None
    defaults: ModelDefaults | None = None
    kind: Annotated[
        ModelKind | None, Meta(description="Where it was told wrongly; a scan leaves it alone.")
    ] = None
    family: (
        Annotated[
            str,
            Meta(
                pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$",
                description="Where it was told wrongly; a scan leaves it alone.",
            ),
        ]
        | None
    ) = None
    cover: Annotated[str, Meta(max_length=64, description="Id of a picture.")] | None = None


class ListRecommended(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models to begin with."""

    family: Annotated[str, Meta(max_length=64)] | None = None


class RecommendedModels(Struct, frozen=True, kw_only=True):
    """Models to begin with."""

    items: list[Recommended]


class UnloadModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model leaves memory; null means all that no job needs."""

    model: Id | None = None


class Scanning(Struct, frozen=True, kw_only=True):
    """The scan has been asked for; what it finds comes as `model.added` events."""

    scanning: bool = True


class Unloading(Struct, frozen=True, kw_only=True):
    """The engine has been told."""

    unloading: bool = True


async def page(state: State, principal: Principal, ask: ListModels) -> Page[Model]:
    """List models, newest first."""
    found = await state.db.read(
        lambda connection: models.page(
            connection, ask.kind, ask.family, ask.cursor, ask.limit, q=ask.q, missing=ask.missing
        )
    )
    return Page(items=[_live(state, model) for model in found.items], next=found.next)


async def get(state: State, principal: Principal, ask: ModelId) -> Model:
    """Read one model."""
    return _live(state, await state.db.read(lambda conn: models.get(conn, ask.model)))


async def change(state: State, principal: Principal, ask: ChangeModel) -> Model:
    """Edit what is said of a model; its file stays as it is."""
    if ask.cover and await named.image(state, principal, ask.cover) is None:
        raise Invalid(problems=(named.missing("unknown_image", "/cover", ask.cover),))
    changed = await state.db.write(
        lambda tx: models.edit(
            tx, ask.model, name=ask.name, trigger=ask.trigger, description=ask.description,
            defaults=ask.defaults, kind=ask.kind, family=ask.family, cover=ask.cover,
            loaded=ask.model in state.dispatcher.loaded,
        )
    )  # fmt: skip
    return _live(state, changed)


async def recommend(state: State, principal: Principal, ask: ListRecommended) -> RecommendedModels:
    """List models that are worth to begin with, and where they come from."""
    return RecommendedModels(
        items=await anyio.to_thread.run_sync(recommended.recommended, ask.family)
    )


async def scan(state: State, principal: Principal, ask: Nothing) -> Scanning:
    """Look through the model folders again, in the background."""
    state.rescan()
    return Scanning()


async def unload(state: State, principal: Principal, ask: UnloadModel) -> Unloading:
    """Drop models from memory that no job needs."""
    identities: list[str | None] = [None]
    if ask.model is not None:
        wanted = ask.model
        await state.db.read(lambda conn: models.get(conn, wanted))
        identities = [*state.dispatcher.identities.known(wanted)]
    for identity in identities:
        state.executor.send(Unload(identity=identity))
    return Unloading()


def _live(state: State, model: Model) -> Model:
    return msgspec.structs.replace(model, loaded=model.id in state.dispatcher.loaded)
