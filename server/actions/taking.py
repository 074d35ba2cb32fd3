"""Pictures that come into a dataset: decoded apart, kept by their content, or refused and noted."""

import base64
import binascii
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.errors import Invalid, Malformed, NotFound, Problem, Unavailable
from core.graph.fields import MAX_PROBLEMS, join
from core.records.image import Image
from core.records.training import DatasetImage, Ingested, Quarantined
from core.store import dataset_pictures, datasets, images
from core.store.dataset_pictures import NewPicture
from core.store.transaction import Transaction
from core.training.captions import Caption, caption
from server import files, folders, taught_folders
from server.actions import worded
from server.actions.jobs import Id
from server.principal import Principal
from server.state import State
from server.taught_folders import Folder, Lying


class TakeImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Pictures of the gallery for a dataset."""

    dataset: Id
    images: Annotated[list[Id], Meta(min_length=1, max_length=200)]
    prompts: Annotated[bool, Meta(description="Their prompts become captions.")] = False


class ImportFolder(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A folder on the server's machine, piece by piece."""

    dataset: Id
    folder: Annotated[
        str,
        Meta(min_length=1, max_length=4096, description="A path below one of `picture_dirs`."),
    ]
    after: Annotated[str, Meta(max_length=1024, description="`next` of the piece before.")] = ""
    limit: Annotated[int, Meta(ge=1, le=200, description="Files of a piece.")] = 50


async def take(
    state: State, principal: Principal, dataset: str, data: bytes, file: str, said: Caption
) -> DatasetImage | Quarantined:
    """Take one file in, or note why it cannot be trained on.

    :raises NotFound: for the dataset.
    :raises Conflict: ``dataset_full``.
    :raises Unavailable: ``pictures_waiting``, or where it could not be stored.
    """
    from core.media import taught  # Pillow would cost every start 40 ms

    await ready(state, principal, dataset)
    if taught.waiting():
        raise Unavailable("pictures_waiting")
    found = await taught.ingest(data)
    if isinstance(found, taught.Refused):
        lying = Lying(name=file, data=None, code=found.code)
        return await _refuse(state, principal, dataset, lying, found.params)
    sha256, thumbnail = await files.keep_blobs(state, found.data, found.thumbnail)
    new = NewPicture(
        file=file, width=found.width, height=found.height, bytes=len(found.data), sha256=sha256,
        thumbnail=thumbnail, pixels=found.pixels, likeness=found.likeness,
        transparent=found.transparent, caption=said.text, notes=[*found.notes, *said.notes],
    )  # fmt: skip

    def add(tx: Transaction) -> DatasetImage | Quarantined:
        tx.hit("dataset.row")
        return dataset_pictures.add(tx, dataset, new, principal.sees)

    return worded.of(state, await state.db.write(add))


async def ready(state: State, principal: Principal, dataset: str) -> None:
    """Look whether a dataset takes pictures before any is read.

    :raises NotFound: unknown, or somebody else's.
    :raises Unavailable: while the server stops or has no room.
    """
    state.refuse_when_stopping()
    state.db.refuse_when_full()
    await state.db.read(lambda connection: datasets.row_of(connection, dataset, principal.sees))


async def take_images(state: State, principal: Principal, ask: TakeImages) -> Ingested:
    """Take pictures of the gallery into a dataset. They stay in the gallery, too.

    Nothing is taken where one of them is not there.
    """
    await ready(state, principal, ask.dataset)
    wanted = list(dict.fromkeys(ask.images))
    held = await state.db.read(lambda connection: images.some(connection, wanted, principal.sees))
    known = {image.id for image in held if image.deleted is None}
    missing = [
        Problem(code="unknown_image", pointer=join("", "images", place), params={"name": image})
        for place, image in enumerate(ask.images)
        if image not in known
    ]
    if missing:
        raise Invalid(problems=tuple(missing[:MAX_PROBLEMS]))
    found = [await _take_image(state, principal, ask, image) for image in held]
    return _report(found)


async def import_folder(state: State, principal: Principal, ask: ImportFolder) -> Ingested:
    """Take a piece of a folder in: its pictures, and the texts beside them.

    A text is `a.txt`, `a.caption` or `a.json` beside `a.png`, or a line of `metadata.jsonl`.
    Folders inside are named and not looked into. Asking again takes nothing twice.
    """
    await ready(state, principal, ask.dataset)
    folder, listed = await anyio.to_thread.run_sync(_look, state.settings.picture_dirs, ask)
    names = folder.files[_place(folder, ask.after) :]
    found = []
    for name in names[: ask.limit]:
        lying = await anyio.to_thread.run_sync(taught_folders.read, folder, name, listed)
        found.append(await _take_lying(state, principal, ask.dataset, lying))
    more = len(names) > ask.limit
    return msgspec.structs.replace(
        _report(found),
        folders=[] if ask.after else folder.folders,
        next=_cursor(names[ask.limit - 1]) if more else None,
    )


def _look(roots: Sequence[str], ask: ImportFolder) -> tuple[Folder, dict[str, Caption]]:
    try:
        folder = taught_folders.look(folders.checked(roots, ask.folder))
    except (Invalid, ValueError) as error:  # ValueError: a NUL in the path
        known = error.problems if isinstance(error, Invalid) else ()
        problems = known or (Problem(code="folder_not_allowed"),)
        raise Invalid(
            problems=tuple(msgspec.structs.replace(one, pointer="/folder") for one in problems)
        ) from error
    return folder, taught_folders.told(folder)


async def _take_image(
    state: State, principal: Principal, ask: TakeImages, image: Image
) -> DatasetImage | Quarantined:
    said = caption(image.prompt or "") if ask.prompts else Caption(None)
    name = f"{image.id}.png"
    try:
        data = await files.picture(state, image.id, principal.sees)
    except NotFound:
        lying = Lying(name=name, data=None)
        return await _refuse(state, principal, ask.dataset, lying, {"reason": "file"})
    return await take(state, principal, ask.dataset, data, name, said)


async def _take_lying(
    state: State, principal: Principal, dataset: str, lying: Lying
) -> DatasetImage | Quarantined:
    if lying.data is None:
        return await _refuse(state, principal, dataset, lying, {"reason": "file"})
    return await take(state, principal, dataset, lying.data, lying.name, lying.caption)


async def _refuse(
    state: State,
    principal: Principal,
    dataset: str,
    lying: Lying,
    params: dict[str, str | int | float | None],
) -> Quarantined:
    return worded.of(
        state,
        await state.db.write(
            lambda tx: dataset_pictures.refuse(
                tx, dataset, lying.name, lying.code, params, principal.sees
            )
        ),
    )


def _report(found: Sequence[DatasetImage | Quarantined]) -> Ingested:
    return Ingested(
        kept=[each for each in found if isinstance(each, DatasetImage)],
        quarantined=[each for each in found if isinstance(each, Quarantined)],
    )


def _place(folder: Folder, after: str) -> int:
    """Find where a piece begins, though the file that ended the last one may be gone."""
    if not after:
        return 0
    try:
        data = base64.b64decode(after.encode("ascii"), b"-_", validate=True)
        name = data.decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError) as error:
        raise Malformed("cursor_mismatch") from error
    last = folders.order(Path(name))
    return sum(folders.order(Path(each)) <= last for each in folder.files)


def _cursor(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode("utf-8", "surrogateescape")).decode()
