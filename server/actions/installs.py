"""Verbs of installs: ask for one, look, pause, resume, cancel."""

from functools import partial
from typing import Annotated, Literal

import anyio.to_thread
from msgspec import Meta, Struct

from core.errors import Invalid, Problem
from core.library import addresses, local, sources
from core.library.addresses import Guard
from core.library.sources import LocalSource, UrlSource
from core.records.install import Install
from core.store import install_rows, installs
from core.store.installs import NewInstall
from core.store.page import Page
from server.actions.jobs import Cursor, Id, Limit
from server.principal import LOCAL, Principal
from server.state import State

Name = Annotated[str, Meta(min_length=1, max_length=100, pattern=r"\S")]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}$")]


class InstallModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a model is to come from."""

    source: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=sources.MAX_SOURCE,
            description="A path, hf:owner/name[@revision][:variant][/file], or a URL.",
        ),
    ]
    name: Annotated[Name | None, Meta(description="In place of its own.")] = None
    in_place: Annotated[
        bool, Meta(description="Use the files of a path where they lie; nothing is copied.")
    ] = False
    sha256: Annotated[Sha256 | None, Meta(description="What the file must have.")] = None


class ListInstalls(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = 50


class InstallId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One install."""

    install: Id


async def install(state: State, principal: Principal, ask: InstallModel) -> Install:
    """Ask for a model: `model.install` and `model.progress` tell how it goes on.

    One that is on its way already is given back instead of a second one.
    """
    state.refuse_when_stopping()
    state.db.refuse_when_full()
    anywhere = principal.owner == LOCAL and principal.token is None
    address = await anyio.to_thread.run_sync(_checked, state, ask, anywhere)
    new = NewInstall(
        owner=principal.owner, source=sources.shown(address), address=address, name=ask.name,
        in_place=ask.in_place, sha256=ask.sha256.lower() if ask.sha256 else None,
    )  # fmt: skip
    row = await state.db.write(partial(installs.add, new=new))
    state.installs.ring()
    return state.installs.show(row)


async def page(state: State, principal: Principal, ask: ListInstalls) -> Page[Install]:
    """List installs, newest first."""
    found = await state.db.read(partial(install_rows.page, cursor=ask.cursor, limit=ask.limit))
    live = state.installs.live
    return Page(
        items=[live[one.id].shown(one) if one.id in live else one for one in found.items],
        next=found.next,
    )


async def get(state: State, principal: Principal, ask: InstallId) -> Install:
    """Read one install."""
    return state.installs.show(await state.db.read(partial(install_rows.get, install=ask.install)))


async def pause(state: State, principal: Principal, ask: InstallId) -> Install:
    """Pause an install; what has come stays, and `resume` goes on from there."""
    return await _wish(state, ask.install, "paused")


async def cancel(state: State, principal: Principal, ask: InstallId) -> Install:
    """End an install; nothing of it is left."""
    shown = await _wish(state, ask.install, "canceled")
    if ask.install not in state.installs.live:
        await state.installs.drop(ask.install)
    return shown


async def resume(state: State, principal: Principal, ask: InstallId) -> Install:
    """Let a paused or failed install go on."""
    row = await state.db.write(partial(installs.resume, install=ask.install))
    state.installs.ring()
    return state.installs.show(row)


async def _wish(state: State, install_id: str, wanted: Literal["paused", "canceled"]) -> Install:
    await state.db.write(partial(installs.wish, install=install_id, wanted=wanted))
    await state.installs.ask(install_id, wanted)
    row = await state.db.read(partial(install_rows.get, install=install_id))
    return state.installs.show(row)


def _checked(state: State, ask: InstallModel, anywhere: bool) -> str:
    """Look at a source as far as that goes without the network; give it as it is kept.

    :param anywhere: whether a path may lie outside of the folders of models.

    :raises Invalid: ``in_place_needs_path``; as ``sources.parse``.
    :raises Malformed: ``model_path_refused``.
    :raises Forbidden: ``url_not_public``.
    """
    source = sources.parse(ask.source)
    if isinstance(source, LocalSource):
        roots = list(state.roots.values())
        return str(local.locate(source.path, roots, anywhere=anywhere))
    if ask.in_place:
        problem = Problem(code="in_place_needs_path", pointer="/in_place")
        raise Invalid("in_place_needs_path", problems=(problem,))
    if isinstance(source, UrlSource):
        parts = addresses.split(source.url)
        Guard(state.settings.install_private).check_host(parts.hostname or "")
    return ask.source
