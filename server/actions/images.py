"""Verbs of the gallery: list, star, move, trash, restore, link, and how a picture was made."""

from datetime import datetime
from functools import partial
from typing import Annotated

from msgspec import Meta, Struct

from core.errors import NotFound
from core.graph import sweep
from core.graph.fields import MAX_INT
from core.records.graph import Graph, Json
from core.records.image import Image, ImageKind
from core.store import designs, images
from core.store.images import ImageFilter, Mark
from core.store.page import Page
from server import files
from server.actions import named
from server.actions.jobs import Cursor, Id, Limit
from server.actions.uploads import upload as upload
from server.principal import Principal
from server.state import State

LINK_MINUTES = 7 * 24 * 60
LOOKS = 10  # stretches of the gallery that are looked through until one holds a picture


Pixels = Annotated[int, Meta(ge=1, le=1 << 20)]
Moment = Annotated[datetime, Meta(tz=True)]


class WantedImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pictures, whichever part of their list is asked for."""

    q: (
        Annotated[
            str,
            Meta(max_length=500, description="Words in prompt, negative prompt, model or note."),
        ]
        | None
    ) = None
    board: Id | None = None
    kind: ImageKind | None = None
    starred: bool | None = None
    model: Annotated[str, Meta(max_length=512)] | None = None
    job: Id | None = None
    batch: Id | None = None
    on_board: Annotated[bool | None, Meta(description="True: on some board. False: on none.")] = (
        None
    )
    seed: Annotated[int, Meta(ge=0, le=MAX_INT)] | None = None
    width: Pixels | None = None
    height: Pixels | None = None
    lora: (
        Annotated[str, Meta(max_length=512, description="As the request named it, or the prompt.")]
        | None
    ) = None
    since: Annotated[Moment | None, Meta(description="Made then or later.")] = None
    until: Annotated[Moment | None, Meta(description="Made before.")] = None
    intermediate: Annotated[
        bool,
        Meta(description="What was sent for a job alone, instead of what is in the gallery."),
    ] = False
    trash: Annotated[bool, Meta(description="What was deleted, instead of what was not.")] = False

    def filter(self, owner: str | None) -> ImageFilter:
        """Give them as the store is asked."""
        return ImageFilter(
            owner=owner, q=self.q, board=self.board, kind=self.kind, starred=self.starred,
            model=self.model, job=self.job, batch=self.batch, on_board=self.on_board,
            seed=self.seed, width=self.width, height=self.height, lora=self.lora,
            since=_milliseconds(self.since), until=_milliseconds(self.until),
            intermediate=self.intermediate, trash=self.trash,
        )  # fmt: skip


class ListImages(WantedImages, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A page of pictures."""

    cursor: Cursor | None = None
    limit: Limit = 50


class MarkImages(WantedImages, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Marks along a list of pictures."""

    cursor: Cursor | None = None
    every: Annotated[int, Meta(ge=20, le=200, description="Pictures from one to the next.")] = 100


class ImageId(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One picture."""

    image: Id


class ChangeImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What people may change of a picture; null leaves it, an empty text clears it."""

    image: Id
    starred: bool | None = None
    board: Annotated[str, Meta(max_length=64)] | None = None
    note: Annotated[str, Meta(max_length=4096)] | None = None


class Star(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A star for a picture, or none."""

    image: Id
    starred: bool = True


class DeleteImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture, and whether the trash is skipped."""

    image: Id
    forever: bool = False


class LinkImage(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which picture, and how long the link works."""

    image: Id
    minutes: Annotated[int, Meta(ge=1, le=LINK_MINUTES)] = 60


class Link(Struct, frozen=True, kw_only=True):
    """A link that works without a token until it expires."""

    url: str


class MadeBy(Struct, frozen=True, kw_only=True):
    """How to make a picture again: the fields of its recipe if it has one, and its graph."""

    recipe: dict[str, Json] | None
    graph: Graph


async def page(state: State, principal: Principal, ask: ListImages) -> Page[Image]:
    """List pictures, newest first; `q` searches.

    A page may be short and yet have a next one, where few pictures fit several filters.
    """
    wanted = ask.filter(principal.sees)
    cursor = ask.cursor
    for _ in range(LOOKS):  # each bounded, so that nobody waits long for the reader
        found = await state.db.read(partial(images.page, wanted=wanted, cursor=cursor,
                                            limit=ask.limit))  # fmt: skip
        if found.items or found.next is None:
            break
        cursor = found.next
    return found


async def marks(state: State, principal: Principal, ask: MarkImages) -> Page[Mark]:
    """Say where the pages of a list begin, newest first: what a scroll bar needs to know.

    One answer reaches a bounded way into the list, and its cursor goes on.
    """
    wanted = ask.filter(principal.sees)
    return await state.db.read(
        partial(images.marks, wanted=wanted, cursor=ask.cursor, every=ask.every)
    )


def _milliseconds(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp() * 1000)


async def get(state: State, principal: Principal, ask: ImageId) -> Image:
    """Read one picture."""
    return await state.db.read(lambda connection: images.get(connection, ask.image, principal.sees))


async def change(state: State, principal: Principal, ask: ChangeImage) -> Image:
    """Star a picture, move it to a board, write a note."""
    edit = partial(
        images.edit, image=ask.image, owner=principal.sees, starred=ask.starred, board=ask.board,
        note=ask.note,
    )  # fmt: skip
    try:
        return await state.db.write(edit)
    except NotFound as error:
        raise named.no_board(error) from error


async def star(state: State, principal: Principal, ask: Star) -> Image:
    """Star a picture or take its star away."""
    return await state.db.write(
        lambda tx: images.set_starred(tx, ask.image, ask.starred, principal.sees)
    )


async def delete(state: State, principal: Principal, ask: DeleteImage) -> None:
    """Put a picture into the trash for 30 days, or delete it for good."""
    if not ask.forever:
        await state.db.write(lambda tx: images.trash(tx, ask.image, principal.sees))
        return
    gone = await state.db.write(lambda tx: images.purge(tx, ask.image, principal.sees), urgent=True)
    await files.remove(state, gone)


async def restore(state: State, principal: Principal, ask: ImageId) -> Image:
    """Take a picture out of the trash."""
    return await state.db.write(lambda tx: images.restore(tx, ask.image, principal.sees))


async def link(state: State, principal: Principal, ask: LinkImage) -> Link:
    """Sign a link to a picture's file that anybody may open until it expires."""
    await get(state, principal, ImageId(image=ask.image))
    signed = state.signer.sign("link", ask.image, ask.minutes * 60)
    return Link(url=f"/api/v1/images/{ask.image}/file?signed={signed}")


async def made_by(state: State, principal: Principal, ask: ImageId) -> MadeBy:
    """Give the fields, and the graph, that make a picture again."""
    image = await get(state, principal, ask)
    if image.job is None or image.batch is None:
        raise NotFound("no_recipe")
    job = image.job
    design, cell = await state.db.read(lambda connection: designs.of_job(connection, job))
    axes, values = design.bound(), designs.values(design.axes, cell)
    recipe = None if design.recipe is None else sweep.asked(design.recipe, axes, values)
    if recipe and "task" in recipe:  # not of a request for pictures: the graph tells it all
        recipe = None
    if recipe and await named.no_boards(state, principal, {"/board": recipe.get("board")}):
        del recipe["board"]  # it is gone, and the rest is not asked for in vain
    return MadeBy(recipe=recipe, graph=sweep.apply(design.graph, axes, values))
