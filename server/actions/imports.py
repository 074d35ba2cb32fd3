"""Verbs of imports: ask for one, look, cancel."""

import os
from functools import partial
from typing import Annotated

import anyio
import anyio.to_thread
from msgspec import Meta, Struct

from core.errors import Invalid, Problem
from core.records.imports import Import, ImportMode
from core.store import imports
from core.store.imports import NewImport
from core.store.page import Page
from server import folders
from server.actions import boards
from server.actions.jobs import Cursor, Id, Limit
from server.principal import LOCAL, Principal
from server.state import State

_OBEYED = 10.0  # seconds that a cancel is waited for before it is answered
Place = Annotated[str, Meta(min_length=1, max_length=4096)]


class ImportImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder of pictures on the server's machine, of any program."""

    folder: Annotated[Place, Meta(description="Its path, below one of `picture_dirs`; the owner "
                      "of this machine may name any.")]  # fmt: skip
    mode: ImportMode = "copy"
    recursive: Annotated[bool, Meta(description="Folders inside, too.")] = True
    board: Annotated[
        boards.Name | None,
        Meta(description="Name or id of a board for all; made where there is none."),
    ] = None
    by_folder: Annotated[bool, Meta(description="A board for each folder inside, by its path.")] = (
        False
    )
    invokeai_database: Annotated[
        Place | None,
        Meta(description="Path of InvokeAI's `invokeai.db`, for its boards and stars; it is only "
             "read."),
    ] = None  # fmt: skip


class ListImports(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which page."""

    cursor: Cursor | None = None
    limit: Limit = 50


class ImportId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One import."""

    import_id: Id


async def start(state: State, principal: Principal, ask: ImportImages) -> Import:
    """Import a folder of pictures with their settings; `import.progress` tells how it goes on.

    A file is in the gallery once, so asking again takes in what is new. One that is on its way
    already is given back instead of a second one.
    """
    state.refuse_when_stopping()
    state.db.refuse_when_full()
    anywhere = principal.owner == LOCAL and principal.token is None
    new = await anyio.to_thread.run_sync(_checked, state, principal, ask, anywhere)
    made = await state.db.write(partial(imports.add, new=new))
    state.imports.ring()
    return state.imports.show(made)


async def page(state: State, principal: Principal, ask: ListImports) -> Page[Import]:
    """List imports, newest first."""
    found = await state.db.read(partial(imports.page, cursor=ask.cursor, limit=ask.limit))
    return Page(items=[state.imports.show(one) for one in found.items], next=found.next)


async def get(state: State, principal: Principal, ask: ImportId) -> Import:
    """Read one import."""
    return state.imports.show(await state.db.read(partial(imports.get, import_id=ask.import_id)))


async def cancel(state: State, principal: Principal, ask: ImportId) -> Import:
    """End an import; what came in stays, and asking again goes on from there."""
    live = state.imports.live
    if live is None or live.row.id != ask.import_id:
        return await state.db.write(partial(imports.cancel, import_id=ask.import_id))
    live.canceled = True
    with anyio.move_on_after(_OBEYED):
        await live.ended.wait()
    return await get(state, principal, ask)


def _checked(state: State, principal: Principal, ask: ImportImages, anywhere: bool) -> NewImport:
    """Look whether what is named may be named, and is there.

    :param anywhere: whether a path may lie outside of ``picture_dirs``.
    :raises Invalid: ``folder_not_allowed``, ``folder_not_found``, ``invokeai_unreadable``.
    """
    folder = _real(state, ask.folder, "/folder", anywhere)
    ours = os.path.realpath(state.layout.root)
    if os.path.commonpath([folder, ours]) == ours:
        raise _refused("folder_not_allowed", "/folder")
    if not os.path.isdir(folder):
        raise _refused("folder_not_found", "/folder")
    database = None
    if ask.invokeai_database is not None:
        database = _real(state, ask.invokeai_database, "/invokeai_database", anywhere)
        if not os.path.isfile(database):
            raise _refused("invokeai_unreadable", "/invokeai_database")
    return NewImport(
        owner=principal.owner, folder=folder, mode=ask.mode, recursive=ask.recursive,
        board=ask.board, by_folder=ask.by_folder, invokeai=database,
    )  # fmt: skip


def _real(state: State, path: str, pointer: str, anywhere: bool) -> str:
    if "\0" in path:
        raise _refused("folder_not_allowed", pointer)
    if anywhere and os.path.isabs(path):
        return os.path.realpath(path)
    try:
        return folders.checked(state.settings.picture_dirs, path)
    except Invalid as error:
        raise _refused("folder_not_allowed", pointer) from error


def _refused(code: str, pointer: str) -> Invalid:
    return Invalid(problems=(Problem(code=code, pointer=pointer),))
