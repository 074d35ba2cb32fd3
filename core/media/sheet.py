"""Contact sheets: pictures in rows and columns, with labels, as one picture.

Drawn in a worker process with a memory limit and a deadline, one picture after the other, so that
ten thousand of them take the memory of the sheet and of one. What goes where is ``sheet_plan``'s.
Knows neither batches nor axes.
"""

import hashlib
import os
from io import BytesIO
from typing import Literal

import anyio
import anyio.to_process
from PIL import Image, ImageDraw

from core.errors import Invalid, Problem, Unavailable
from core.media import lettering, thumbs
from core.media.decode import BROKEN, MEMORY, Normalised, limit_memory
from core.media.sheet_plan import APART, GAP, LINES, Plan, lettered
from core.media.sheet_plan import Block as Block
from core.media.sheet_plan import Cell as Cell
from core.media.sheet_plan import Label as Label
from core.media.sheet_plan import Sheet as Sheet
from core.media.sheet_plan import measure as measure

DEADLINE = 60.0  # seconds for one sheet
_WAITING = 8  # sheets that may wait for another
_PER_CELL = 0.05  # … and for each of its cells: 10,000 take most of a minute, if nothing else runs
_PAPER, _INK, _EMPTY, _FAINT = "#ffffff", "#1b1b1f", "#e4e4e9", "#5a5a66"
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ |= getattr(os, "O_BINARY", 0)

_limiter = anyio.CapacityLimiter(1)
_workers = anyio.CapacityLimiter(1)  # of their own, so that uploads keep theirs


async def draw(sheet: Sheet) -> Normalised:
    """Draw a sheet in a worker process, one sheet at a time.

    :raises Invalid: ``sheet_too_large`` where so many cells have no room on one picture.
    :raises Unavailable: ``sheets_waiting`` behind many others; ``sheet_failed`` past the
        deadline, or for want of memory.
    """
    count = len(sheet.blocks) * len(sheet.rows or [0]) * len(sheet.columns or [0])
    if _limiter.statistics().tasks_waiting >= _WAITING:
        raise Unavailable("sheets_waiting")
    try:
        async with _limiter:
            with anyio.fail_after(DEADLINE + count * _PER_CELL):
                answer = await anyio.to_process.run_sync(
                    _work, sheet, MEMORY, cancellable=True, limiter=_workers
                )
    except (TimeoutError, anyio.BrokenWorkerProcess) as error:
        raise Unavailable("sheet_failed") from error
    if isinstance(answer, Normalised):
        return answer
    if answer == "memory":
        raise Unavailable("sheet_failed")
    problem = Problem(code="sheet_too_large", params={"count": count})
    raise Invalid("sheet_too_large", problems=(problem,), count=count)


def _work(sheet: Sheet, memory: int) -> Normalised | Literal["too_large", "memory"]:
    limit_memory(memory)
    plan = measure(sheet)
    if plan is None:
        return "too_large"
    try:
        return _encode(paint(sheet, plan))
    except MemoryError:
        return "memory"


def paint(sheet: Sheet, plan: Plan) -> Image.Image:
    """Draw a sheet by its measures."""
    image = Image.new("RGB", plan.whole, _PAPER)
    pen = ImageDraw.Draw(image)
    _write(pen, sheet.title, (GAP, GAP, plan.whole[0] - GAP, plan.head), plan.text)
    for number, block in enumerate(sheet.blocks):
        down, along = divmod(number, plan.across)
        left = APART + along * (plan.block[0] + APART)
        top = plan.head + APART + down * (plan.block[1] + APART)
        _write(pen, block.title, (left, top, left + plan.block[0], top + plan.over), plan.text)
        _table(image, pen, sheet, block, plan, (left, top + plan.over))
    return image


def _table(
    image: Image.Image,
    pen: ImageDraw.ImageDraw,
    sheet: Sheet,
    block: Block,
    plan: Plan,
    at: tuple[int, int],
) -> None:
    wide, high = plan.cell
    for place, label in enumerate(sheet.columns):
        x = at[0] + plan.left + place * (wide + GAP)
        _write(pen, label, (x, at[1], x + wide, at[1] + plan.top), plan.text)
    for row, cells in enumerate(block.cells):
        y = at[1] + plan.top + row * (high + GAP)
        if sheet.rows:
            box = (at[0], y, at[0] + plan.left - GAP, y + high)
            _write(pen, sheet.rows[row], box, plan.text)
        for column, cell in enumerate(cells):
            x = at[0] + plan.left + column * (wide + GAP)
            _place(image, pen, cell, (x, y, x + wide, y + high), plan.text)


def _place(
    image: Image.Image,
    pen: ImageDraw.ImageDraw,
    cell: Cell,
    box: tuple[int, int, int, int],
    text: int,
) -> None:
    """Put a picture into the middle of its box, or say why it is not there."""
    wide, high = box[2] - box[0], box[3] - box[1]
    shown = None if cell.reason else _opened(cell, wide, high)
    if shown is None:
        pen.rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=_EMPTY)
        _write(pen, Label(cell.reason or "file_not_found"), box, text, _FAINT)
        return
    at = box[0] + (wide - shown.width) // 2, box[1] + (high - shown.height) // 2
    image.paste(shown, at, shown if shown.mode == "RGBA" else None)


def _opened(cell: Cell, wide: int, high: int) -> Image.Image | None:
    """Read a picture in the size that it is shown in; None where its file is no picture."""
    small = max(wide, high) <= thumbs.SIDE and bool(cell.thumbnail)
    try:
        descriptor = os.open(cell.thumbnail if small else cell.picture, _READ)
        with (
            os.fdopen(descriptor, "rb") as file,
            Image.open(file, formats=["PNG", "WEBP"]) as found,
        ):
            scale = min(wide / found.width, high / found.height)
            size = max(1, round(found.width * scale)), max(1, round(found.height * scale))
            plain = found.convert("RGBA" if found.has_transparency_data else "RGB")
    except BROKEN:
        return None
    return plain if plain.size == size else _resized(plain, size)


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=2.0)


def _write(
    pen: ImageDraw.ImageDraw,
    label: Label,
    box: tuple[int, int, int, int],
    text: int,
    colour: str = _INK,
) -> None:
    """Write words into a box, line by line, in its middle."""
    words, font = lettered(label, text)
    line = text + text // 4
    most = max(1, min(LINES, (box[3] - box[1]) // line))
    found = lettering.lines(words, font, box[2] - box[0], most)
    y = box[1] + max(0, (box[3] - box[1] - line * len(found)) // 2)
    for number, one in enumerate(found):
        x = box[0] + max(0.0, (box[2] - box[0] - font.getlength(one)) / 2)
        pen.text((x, y + number * line), one, fill=colour, font=font)


def _encode(image: Image.Image) -> Normalised:
    png = BytesIO()
    image.save(png, "PNG", compress_level=1)
    content = png.getvalue()
    return Normalised(
        data=content, width=image.width, height=image.height, thumbnail=thumbs.thumbnail(image),
        sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
