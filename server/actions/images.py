"""Verbs of the gallery: list, star, move, trash, restore, link, and how a picture was made."""

from functools import partial
from typing import Annotated, Literal

from msgspec import Meta, Struct

from core.errors import Invalid, NotFound, Problem
from core.graph import sweep
from core.records.graph import Graph, Json
from core.records.image import Image, ImageKind
from core.store import designs, images
from core.store.images import ImageFilter
from core.store.page import Page
from server import files
from server.actions.jobs import Cursor, Id, Limit
from server.actions.uploads import upload as upload
from server.principal import Principal
from server.state import State

LINK_MINUTES = 7 * 24 * 60
LOOKS = 10  # stretches of the gallery that are looked through until one holds a picture


class ListImages(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which pictures."""

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
    trash: Annotated[bool, Meta(description="What was deleted, instead of what was not.")] = False
    cursor: Cursor | None = None
    limit: Limit = 50


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


class ImagesAction(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One action on many pictures."""

    ids: Annotated[list[Id], Meta(min_length=1, max_length=1000)]
    action: Literal["star", "unstar", "delete", "delete_forever", "restore", "move"]
    board: Annotated[str, Meta(max_length=64)] | None = None


class Done(Struct, frozen=True, kw_only=True):
    """Which pictures it worked for; the others are gone, or not yours."""

    done: list[str]


async def page(state: State, principal: Principal, ask: ListImages) -> Page[Image]:
    """List pictures, newest first; `q` searches.

    A page may be short and yet have a next one, where few pictures fit several filters.
    """
    wanted = ImageFilter(
        owner=principal.sees, q=ask.q, board=ask.board, kind=ask.kind, starred=ask.starred,
        model=ask.model, job=ask.job, batch=ask.batch, trash=ask.trash,
    )  # fmt: skip
    cursor = ask.cursor
    for _ in range(LOOKS):  # each bounded, so that nobody waits long for the reader
        found = await state.db.read(partial(images.page, wanted=wanted, cursor=cursor,
                                            limit=ask.limit))  # fmt: skip
        if found.items or found.next is None:
            break
        cursor = found.next
    return found


async def get(state: State, principal: Principal, ask: ImageId) -> Image:
    """Read one picture."""
    return await state.db.read(lambda connection: images.get(connection, ask.image, principal.sees))


async def change(state: State, principal: Principal, ask: ChangeImage) -> Image:
    """Star a picture, move it to a board, write a note."""
    return await state.db.write(
        lambda tx: images.edit(
            tx, ask.image, principal.sees, starred=ask.starred, board=ask.board, note=ask.note
        )
    )


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
    return MadeBy(recipe=recipe, graph=sweep.apply(design.graph, axes, values))


async def act(state: State, principal: Principal, ask: ImagesAction) -> Done:
    """Do one thing to many pictures; those that are not there are passed over."""
    if ask.action == "move" and ask.board is None:
        problem = Problem(code="missing_field", pointer="/board", params={"field": "board"})
        raise Invalid(problems=(problem,))
    done: list[str] = []
    for image in dict.fromkeys(ask.ids):
        try:
            await _act(state, principal, ask, image)
        except NotFound:
            continue
        done.append(image)
    return Done(done=done)


async def _act(state: State, principal: Principal, ask: ImagesAction, image: str) -> None:
    if ask.action in ("star", "unstar"):
        await star(state, principal, Star(image=image, starred=ask.action == "star"))
    elif ask.action in ("delete", "delete_forever"):
        forever = ask.action == "delete_forever"
        await delete(state, principal, DeleteImage(image=image, forever=forever))
    elif ask.action == "restore":
        await restore(state, principal, ImageId(image=image))
    else:
        await change(state, principal, ChangeImage(image=image, board=ask.board))
