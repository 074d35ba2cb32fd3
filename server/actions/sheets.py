"""The verb of contact sheets: a batch as one picture with labels, kept in the gallery.

Chooses what is drawn; ``core.media.sheet`` draws it in a process of its own.
"""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import anyio.to_thread
import msgspec
from msgspec import Meta, Struct

from core.errors import Conflict, HeliographError, Invalid, Params, Problem
from core.graph import arrangement
from core.graph.arrangement import RUN, Arrangement, Key, Side
from core.ids import is_id
from core.records.image import Image
from core.store import batches, cells, designs, images
from core.store.cells import Shown
from core.store.designs import StoredAxis
from core.store.transaction import Transaction
from core.store.work import NewImage
from server import files
from server.actions.jobs import Id
from server.principal import Principal
from server.state import State

if TYPE_CHECKING:
    from core.media import sheet as sheets
    from core.media.decode import Normalised

SPACES = 20_000  # cells that there is room for on a sheet, full or not
_WORDS = 200  # characters of a value in a label

AxisName = Annotated[str, Meta(min_length=1, max_length=512)]


class MakeSheet(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which batch, and which axes go where."""

    batch: Id
    x: Annotated[AxisName | None, Meta(description="Axis of the columns; null: the longest.")] = (
        None
    )
    y: Annotated[
        AxisName | None, Meta(description="Axis of the rows; null: the longest but x.")
    ] = None
    z: Annotated[
        AxisName | None, Meta(description="Axis of the blocks; every other axis makes some too.")
    ] = None
    side: Annotated[
        int, Meta(ge=16, le=1024, description="Pixels of a cell's longer side, if there is room.")
    ] = 256


async def make_sheet(state: State, principal: Principal, ask: MakeSheet) -> Image:
    """Draw a batch as one picture: its axes are columns, rows and blocks, each with labels.

    Cells without a picture say why. The sheet is kept in the gallery; its file is there as PNG,
    JPEG and WebP like any other.
    """
    state.refuse_when_stopping()
    owner, axes, found = await state.db.read(lambda connection: _read(connection, ask, principal))
    placed = arrangement.arrange(
        [axis.label for axis in axes], [axis.group for axis in axes],
        [designs.places(one.cell) for one in found], ask.x, ask.y, ask.z,
    )  # fmt: skip
    if arrangement.spaces(placed) > SPACES:
        params: Params = {"count": arrangement.spaces(placed)}
        problem = Problem(code="sheet_too_large", params=params)
        raise Invalid("sheet_too_large", problems=(problem,), **params)
    if not any(one.image for one in found):
        raise Conflict("sheet_empty")
    from core.media import sheet as sheets

    make = functools.partial(_drawing, state, axes, found, placed, ask.side)
    drawn = await sheets.draw(await anyio.to_thread.run_sync(make))
    sides = [side.names[0] for side in (placed.x, placed.y) if side]
    return await _keep(state, drawn, owner, ask.batch, " × ".join(sides))


def _read(
    connection: Any, ask: MakeSheet, principal: Principal
) -> tuple[str, list[StoredAxis], list[Shown]]:
    row = batches.row_of(connection, ask.batch, principal.sees)
    owner, _ = batches.belongs(connection, row)
    return owner, designs.get(connection, row).axes, cells.shown(connection, row)


def _drawing(
    state: State,
    axes: Sequence[StoredAxis],
    found: Sequence[Shown],
    placed: Arrangement,
    side: int,
) -> "sheets.Sheet":
    """Write down a sheet: labels in words, pictures as paths."""
    from core.media import sheet as sheets

    columns = [_label(axes, [(placed.x, key)]) for key in placed.x.keys] if placed.x else []
    rows = [_label(axes, [(placed.y, key)]) for key in placed.y.keys] if placed.y else []
    empty = sheets.Cell(reason="-")
    tables = [
        [[empty for _ in range(max(1, len(columns)))] for _ in range(max(1, len(rows)))]
        for _ in placed.blocks
    ]
    for number, (block, row, column) in placed.places.items():
        tables[block][row][column] = _cell(state, found[number])
    return sheets.Sheet(
        title=_label(axes, placed.alike),
        columns=columns,
        rows=rows,
        blocks=[
            sheets.Block(title=_label(axes, block), cells=table)
            for block, table in zip(placed.blocks, tables, strict=True)
        ],
        width=max(one.width for one in found),
        height=max(one.height for one in found),
        side=side,
    )


def _cell(state: State, shown: Shown) -> "sheets.Cell":
    from core.media import sheet as sheets

    if shown.image is None:
        status = "deleted" if shown.status == "succeeded" else shown.status
        return sheets.Cell(reason=f"{status} {shown.error.code if shown.error else ''}".strip())
    thumbnail = state.layout.thumbnail(shown.image.id)
    return sheets.Cell(thumbnail=str(thumbnail), picture=str(files.path_of(state, shown.image)))


def _label(axes: Sequence[StoredAxis], parts: Sequence[tuple[Side, Key]]) -> "sheets.Label":
    """Name places of sides: by axis and value, or by their numbers where no font can."""
    from core.media import sheet as sheets

    words, numbers = [], []
    for side, key in parts:
        if side.names == (RUN,):
            words.append(f"{RUN} {key[0] + 1}")
            numbers.append(words[-1])
            continue
        for axis, place in zip(side.axes, key, strict=True):
            name = axes[axis].label
            numbers.append(f"{name} #{place + 1}")
            value = _worded(axes[axis].values[place])
            words.append(numbers[-1] if value is None else f"{name}: {value}")
    return sheets.Label(", ".join(words), ", ".join(numbers))


def _worded(raw: msgspec.Raw) -> str | None:
    """Write a value as people read it; None for what only machines do."""
    value = msgspec.json.decode(raw)
    if isinstance(value, str):
        return None if is_id(value) else value[:_WORDS]
    return bytes(raw).decode()[:_WORDS]


async def _keep(state: State, drawn: "Normalised", owner: str, batch: str, note: str) -> Image:
    known = await state.db.read(
        lambda connection: images.by_sha256(connection, drawn.sha256, "output", owner)
    )
    if known is not None:
        return known
    new = NewImage(
        id=files.new_image_id(), width=drawn.width, height=drawn.height, bytes=len(drawn.data),
        sha256=drawn.sha256, kind="output", blob=True,
    )  # fmt: skip
    await files.keep(state, new, drawn)

    def write(tx: Transaction) -> Image:
        return images.insert(tx, new, owner=owner, batch=batch, note=note or None)

    try:
        return await state.db.write(write)
    except HeliographError:
        await files.drop_thumbnail(state, new.id)
        raise
