"""Verbs of the folders that models lie in: use one in place, leave it, delete a model's files."""

import contextlib
import shutil
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio.to_thread
from msgspec import Meta, Struct

from core.errors import Conflict, EngineUnavailable, Forbidden, Invalid, Problem
from core.ipc.commands import Unload
from core.library import examine
from core.records.model import ModelRoot
from core.store import models
from core.store import roots as stored
from server import library
from server.actions.jobs import Id
from server.actions.queue import Nothing
from server.principal import LOCAL, Principal
from server.state import State


class DeleteModel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model that is to leave the library."""

    model: Id
    files: Annotated[
        bool,
        Meta(description="Its files too. Without, a model that is there is found again, as new."),
    ] = False


class Adopt(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder of models that is to be used in place."""

    path: Annotated[
        str, Meta(min_length=1, max_length=4096, description="Absolute, on the server's machine.")
    ]


class RootId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder that was added by hand."""

    root: Id


class Roots(Struct, frozen=True, kw_only=True):
    """The folders that were added by hand."""

    items: list[ModelRoot]


async def roots(state: State, principal: Principal, ask: Nothing) -> Roots:
    """List the folders of models that were added by hand."""
    return Roots(items=await state.db.read(stored.everything))


async def adopt(state: State, principal: Principal, ask: Adopt) -> ModelRoot:
    """Use a folder of models in place: that of another program, or the Hugging Face cache.

    Only for who sits at the machine and needs no token; anybody else uses the command line there.
    """
    if principal.owner != LOCAL or principal.token is not None:
        raise Forbidden("local_only")
    path = Path(ask.path)
    if not path.is_absolute() or not await anyio.to_thread.run_sync(readable, path):
        problem = Problem(code="model_root_refused", pointer="/path")
        raise Invalid(problems=(problem,))
    made = await state.db.write(partial(stored.add, path=str(path)))
    state.rescan()
    return made


async def abandon(state: State, principal: Principal, ask: RootId) -> None:
    """Leave a folder that was added by hand; nothing in it is touched."""
    await state.db.write(partial(stored.remove, root=ask.root))
    state.rescan()


async def delete(state: State, principal: Principal, ask: DeleteModel) -> None:
    """Take a model out of the library, with its files if they lie in the data directory."""
    held = await state.db.read(partial(models.file, model=ask.model))
    if held.root == library.STARTER:
        raise Conflict("model_shipped")
    if ask.files and held.root != library.OWN:
        raise Conflict("model_elsewhere")
    for identity in state.dispatcher.identities.known(ask.model):
        with contextlib.suppress(EngineUnavailable):
            state.executor.send(Unload(identity=identity))
    if ask.files:
        staged = state.layout.staging / f"deleted-{ask.model}"
        root = state.layout.models
        try:
            await anyio.to_thread.run_sync(remove, root, root / held.file, staged)
        except OSError as error:
            raise Conflict("model_undeletable", reason=error.strerror or "") from error
    await state.db.write(partial(models.delete, model=ask.model), urgent=True)


def readable(path: Path) -> bool:
    """Say whether a path is a folder that can be read."""
    try:
        next(path.iterdir(), None)
    except (OSError, ValueError):
        return False
    return True


def remove(root: Path, path: Path, staged: Path) -> None:
    """Delete a model's file or folder below a root, with what other programs put beside it.

    A folder leaves its place in one step, so that nobody finds half of it; what a link points to
    stays.

    :raises OSError: when it cannot be deleted, or a link leads out of the root.
    """
    if not path.parent.resolve().is_relative_to(root.resolve()):
        raise PermissionError("outside of the folder of models")
    if path.is_dir() and not path.is_symlink():
        try:
            path.rename(staged)
        except OSError:  # another disk
            staged = path
        shutil.rmtree(staged)
        return
    beside = examine.beside(path)
    path.unlink(missing_ok=True)
    for one in beside:
        one.unlink(missing_ok=True)
