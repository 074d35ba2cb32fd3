"""Axes of pictures: boards and folders become lists of ids; sizes and masks are looked at.

Pictures of a folder are taken in as uploads are, before any job is. Writes no job.
"""

from collections.abc import Iterable, Mapping, Sequence

import anyio.to_thread
import msgspec

from core.errors import HeliographError, Invalid, NotFound, Params, Problem, RequestError
from core.graph.axes import MAX_JOBS, within
from core.graph.fields import MAX_PROBLEMS, join
from core.graph.recipes import ROOM, extended
from core.graph.sweep import BoundAxis, Cell
from core.records.graph import Json
from core.records.job import Axis, Span, Sweep
from core.store import boards, images
from server import folders
from server.actions import named, uploads
from server.principal import Principal
from server.state import State

MASK = "mask_image"


async def resolved(
    state: State, principal: Principal, sweep: Sweep, pointer: str = "/sweep"
) -> Sweep:
    """Put the ids of pictures in the place of every board and folder.

    :raises Invalid: with every problem found.
    """
    problems: list[Problem] = []

    async def listed(axis: Axis, at: str) -> Axis:
        if axis.zip:
            inner = [await listed(each, join(at, "zip", n)) for n, each in enumerate(axis.zip)]
            return msgspec.structs.replace(axis, zip=inner)
        if not isinstance(axis.values, Span) or axis.values == Span():
            return axis
        try:
            found = await _ids(state, principal, axis, axis.values)
        except Invalid as error:
            problems.extend(
                msgspec.structs.replace(each, pointer=f"{at}/values{each.pointer}")
                for each in error.problems
            )
            return axis
        return axis if found is None else msgspec.structs.replace(axis, values=found)

    axes = [
        await listed(axis, join(pointer, "axes", place)) for place, axis in enumerate(sweep.axes)
    ]
    if problems:
        raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
    return msgspec.structs.replace(sweep, axes=axes)


async def misfits(
    state: State,
    principal: Principal,
    axes: Sequence[BoundAxis],
    pointers: Sequence[str],
    cells: Iterable[Cell],
    fields: Mapping[str, Json],
) -> list[Problem]:
    """List masks of another size than their picture, and pictures too large with new room.

    :param pointers: of each axis.
    :param fields: of the recipe, for what is not swept.
    """
    place = {axis.field: n for n, axis in enumerate(axes) if axis.replace is None}
    names = [name for name in ("init_image", MASK) if name in place]
    if not names or not isinstance(fields.get("init_image"), str):
        return []
    pairs = dict.fromkeys(
        tuple(cell[place[name]] if name in place else fields.get(name) for name in
              ("init_image", MASK))
        for cell in cells
    )  # fmt: skip
    known = await named.sizes(state, principal, [one for pair in pairs for one in pair])
    at = place[names[-1]]
    problems: dict[str, Problem] = {}  # by pointer
    for image, mask in pairs:
        if len(problems) >= MAX_PROBLEMS:
            break
        size, wanted = known.get(str(mask)), known.get(str(image))
        if wanted is None:
            continue
        found = _misfit(size, wanted) or _too_large(state, fields, wanted)
        if found is not None:
            value = mask if names[-1] == MASK else image
            number = axes[at].values.index(value)
            pointer = join(pointers[at], "values", number)
            problems.setdefault(pointer, msgspec.structs.replace(found, pointer=pointer))
    return [*problems.values()]


def _misfit(size: tuple[int, int] | None, wanted: tuple[int, int]) -> Problem | None:
    if size is None or size == wanted:
        return None
    params: Params = {"size": f"{size[0]} × {size[1]}", "wanted": f"{wanted[0]} × {wanted[1]}"}
    return Problem(code="mask_size", params=params)


def _too_large(state: State, fields: Mapping[str, Json], source: tuple[int, int]) -> Problem | None:
    if not any(fields.get(side) for side in ROOM):
        return None
    return named.too_many(state, *extended(fields, source), "")


async def _ids(state: State, principal: Principal, axis: Axis, span: Span) -> list[Json] | None:
    """List ids of pictures; None for a span of numbers."""
    if span.board is not None:
        if span != Span(board=span.board):
            return None  # said to be no sound span where axes are laid flat
        return list(await _board(state, principal, axis.setting, span.board))
    if span.folder is not None and span == Span(folder=span.folder):
        return list(await _folder(state, principal, axis.setting, span.folder))
    return None


async def _board(state: State, principal: Principal, setting: str, board: str) -> list[str]:
    """Read the pictures of a board, oldest first: masks for masks if it has some."""
    owner = principal.sees
    try:
        found = await state.db.read(
            lambda connection: (
                boards.get(connection, board, owner),
                images.on_board(connection, board, owner, MAX_JOBS + 1),
            )[1]
        )
    except NotFound as error:
        raise Invalid(problems=(named.missing("unknown_board", "/board", board),)) from error
    masks = [image for image, kind in found if kind == "mask"]
    others = [image for image, kind in found if kind != "mask"]
    wanted = (masks or others) if setting == MASK else (others or masks)
    within(len(wanted), "/board")
    return wanted


async def _folder(state: State, principal: Principal, setting: str, folder: str) -> list[str]:
    """Take the pictures of a folder in."""
    roots = state.settings.picture_dirs
    try:
        paths = await anyio.to_thread.run_sync(folders.pictures, roots, folder)
    except Invalid as error:
        problems = [msgspec.structs.replace(one, pointer="/folder") for one in error.problems]
        raise Invalid(problems=tuple(problems)) from error
    found: list[str] = []
    problems = []
    for path in paths:
        try:
            data = await anyio.to_thread.run_sync(folders.read, path)
            kind = "mask" if setting == MASK else "upload"
            made = await uploads.upload(state, principal, data, kind)  # type: ignore[arg-type]  # one of two
        except (OSError, RequestError) as error:
            reason = error.name if isinstance(error, HeliographError) else "unreadable"
            params: Params = {"file": path.name[:200], "reason": reason}
            problems.append(Problem(code="folder_picture", pointer="/folder", params=params))
        else:
            found.append(made.id)
    if problems:
        raise Invalid(problems=tuple(problems[:MAX_PROBLEMS]))
    return found
