"""Verbs of datasets: list, make, read, name, delete; captions and what is held out.

Pictures come in by ``taking``.
"""

import hashlib
from functools import partial
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.records.training import Dataset, DatasetImage
from core.store import dataset_pictures, dataset_reads, datasets
from core.store.page import Page
from core.training.captions import MAX_CAPTION, cleaned
from server.actions import worded
from server.actions.jobs import Cursor, Id, Limit
from server.principal import Principal
from server.state import State

Name = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"\S")]
Resolution = Annotated[int, Meta(ge=16, le=4096, description="Side of a square of as many pixels.")]
Step = Annotated[int, Meta(ge=8, le=512, description="Of which sides are multiples.")]
_JSON = msgspec.json.Encoder(order="sorted")


class ListDatasets(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which datasets."""

    cursor: Cursor | None = None
    limit: Limit = 50
    q: Annotated[str, Meta(max_length=200, description="Part of the name.")] | None = None


class NewDataset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A dataset as it is made."""

    name: Name


class ReadDataset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One dataset, and what its buckets are for."""

    dataset: Id
    resolution: Resolution = datasets.RESOLUTION
    step: Step = datasets.STEP
    buckets: Annotated[bool, Meta(description="Whether pictures keep their shape.")] = True


class RenameDataset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another name for a dataset."""

    dataset: Id
    name: Name


class DatasetId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One dataset."""

    dataset: Id


class ListDatasetImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pictures of a dataset."""

    dataset: Id
    cursor: Cursor | None = None
    limit: Limit = 50


class DatasetImageId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One picture of a dataset."""

    dataset: Id
    image: Id


class ChangeDatasetImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people may change of a picture; null leaves it, an empty caption clears it."""

    dataset: Id
    image: Id
    caption: Annotated[str, Meta(max_length=MAX_CAPTION)] | None = None
    held_out: Annotated[
        bool | None, Meta(description="Whether it is kept for validation, and not trained on.")
    ] = None


async def page(state: State, principal: Principal, ask: ListDatasets) -> Page[Dataset]:
    """List datasets, newest first, without their pictures."""
    return await state.db.read(
        lambda connection: datasets.page(connection, principal.sees, ask.cursor, ask.limit, ask.q)
    )


async def create(
    state: State, principal: Principal, ask: NewDataset, idempotency: str | None = None
) -> Dataset:
    """Make an empty dataset."""
    key = None
    if idempotency is not None:
        key = (idempotency, hashlib.sha256(_JSON.encode(ask)).hexdigest())
    return await state.db.write(lambda tx: datasets.create(tx, ask.name, principal.owner, key))


async def get(state: State, principal: Principal, ask: ReadDataset) -> Dataset:
    """Read one dataset: its first pictures, files that are not trained on and why, and the sizes
    in which its pictures would be trained."""
    found = await state.db.read(
        lambda connection: datasets.get(
            connection,
            ask.dataset,
            principal.sees,
            resolution=ask.resolution,
            step=ask.step,
            shaped=ask.buckets,
        )
    )
    return worded.of(state, found)


async def rename(state: State, principal: Principal, ask: RenameDataset) -> Dataset:
    """Give a dataset another name."""
    found = await state.db.write(
        lambda tx: datasets.rename(tx, ask.dataset, ask.name, principal.sees)
    )
    return worded.of(state, found)


async def delete(state: State, principal: Principal, ask: DatasetId) -> None:
    """Delete a dataset with its pictures. Refused while a training that needs it waits or runs."""
    owner = principal.sees
    # In pieces, so that a large one keeps nobody else from writing; asking again goes on.
    some = partial(datasets.empty, dataset=ask.dataset, owner=owner)
    while await state.db.write(some):
        pass
    await state.db.write(lambda tx: datasets.delete(tx, ask.dataset, owner))


async def images(state: State, principal: Principal, ask: ListDatasetImages) -> Page[DatasetImage]:
    """List the pictures of a dataset that are kept, in the order in which they came."""
    found = await state.db.read(
        lambda connection: dataset_reads.page(
            connection, ask.dataset, principal.sees, ask.cursor, ask.limit
        )
    )
    return Page(items=[worded.of(state, image) for image in found.items], next=found.next)


async def change(state: State, principal: Principal, ask: ChangeDatasetImage) -> DatasetImage:
    """Change a picture's caption, or whether it is held out."""
    caption = None if ask.caption is None else cleaned(ask.caption)
    found = await state.db.write(
        lambda tx: dataset_pictures.edit(
            tx, ask.dataset, ask.image, principal.sees, caption=caption, held_out=ask.held_out
        )
    )
    return worded.of(state, found)


async def remove(state: State, principal: Principal, ask: DatasetImageId) -> None:
    """Take a picture off a dataset, or a refused file off its list.

    A run that began with the picture keeps it.
    """
    await state.db.write(
        lambda tx: dataset_pictures.remove(tx, ask.dataset, ask.image, principal.sees)
    )
