"""Contact sheets: pictures in rows and columns, with labels, as one picture.

Drawn in a worker process with a memory limit and a deadline, one picture after the other, so that
ten thousand of them take the memory of the sheet and of one. Knows neither batches nor axes.
"""

import hashlib
import os
from collections.abc import Sequence
from io import BytesIO
from math import ceil, sqrt
from typing import Literal

import anyio
import anyio.to_process
from msgspec import Struct
from PIL import Image, ImageDraw

from core.errors import Invalid, Problem, Unavailable
from core.media import lettering, thumbs
from core.media.decode import BROKEN, MEMORY, Normalised, limit_memory

MAX_PIXELS = 64_000_000
MAX_SIDE = 16_383  # pixels: what WebP can hold
DEADLINE = 120.0  # seconds for one sheet
_SMALLEST = 16  # pixels of a cell's longer side: below, nothing is to be seen
_GAP = 4  # pixels between cells
_APART = 16  # between blocks
_LINES = 3  # of a label
_PAPER, _INK, _EMPTY, _FAINT = "#ffffff", "#1b1b1f", "#e4e4e9", "#5a5a66"
_READ = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
_READ |= getattr(os, "O_BINARY", 0)

_limiter = anyio.CapacityLimiter(1)
_workers = anyio.CapacityLimiter(1)  # of their own, so that uploads keep theirs


class Label(Struct, frozen=True):
    """Words on a sheet, and what is written where no font has their letters."""

    text: str
    instead: str = ""


class Cell(Struct, frozen=True, kw_only=True):
    """One picture, or why there is none."""

    thumbnail: str = ""  # paths
    picture: str = ""
    reason: str = ""


class Block(Struct, frozen=True, kw_only=True):
    """One table of pictures."""

    title: Label
    cells: list[list[Cell]]  # rows of columns


class Sheet(Struct, frozen=True, kw_only=True):
    """What is to be drawn."""

    title: Label
    columns: list[Label]
    rows: list[Label]
    blocks: list[Block]
    width: int  # pixels of the largest picture
    height: int
    side: int  # pixels of a cell's longer side, if there is room


class _Plan(Struct, frozen=True, kw_only=True):
    """Measures in pixels."""

    cell: tuple[int, int]
    text: int  # size of the letters
    left: int  # room for the labels of rows
    top: int  # for the labels of columns
    over: int  # for the title of a block
    head: int  # for the title of the sheet
    across: int  # blocks side by side
    block: tuple[int, int]
    whole: tuple[int, int]


async def draw(sheet: Sheet) -> Normalised:
    """Draw a sheet in a worker process, one sheet at a time.

    :raises Invalid: ``sheet_too_large`` where so many cells have no room on one picture.
    :raises Unavailable: ``sheet_failed`` past the deadline, or for want of memory.
    """
    try:
        async with _limiter:
            with anyio.fail_after(DEADLINE):
                answer = await anyio.to_process.run_sync(
                    _work, sheet, MEMORY, cancellable=True, limiter=_workers
                )
    except (TimeoutError, anyio.BrokenWorkerProcess) as error:
        raise Unavailable("sheet_failed") from error
    if isinstance(answer, Normalised):
        return answer
    if answer == "memory":
        raise Unavailable("sheet_failed")
    count = len(sheet.blocks) * len(sheet.rows) * len(sheet.columns)
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


def measure(sheet: Sheet) -> _Plan | None:
    """Find the largest cells, up to the wanted, with which a sheet fits; None if it never does."""
    side = min(sheet.side, max(sheet.width, sheet.height))
    while side >= _SMALLEST:
        if _has_room(*_bare(sheet, side)):  # labels take long to measure
            plan = _measured(sheet, side)
            if _has_room(*plan.whole):
                return plan
        side = side * 9 // 10
    return None


def paint(sheet: Sheet, plan: _Plan) -> Image.Image:
    """Draw a sheet by its measures."""
    image = Image.new("RGB", plan.whole, _PAPER)
    pen = ImageDraw.Draw(image)
    _write(pen, sheet.title, (_GAP, _GAP, plan.whole[0] - _GAP, plan.head), plan.text)
    for number, block in enumerate(sheet.blocks):
        down, along = divmod(number, plan.across)
        left = _APART + along * (plan.block[0] + _APART)
        top = plan.head + _APART + down * (plan.block[1] + _APART)
        _write(pen, block.title, (left, top, left + plan.block[0], top + plan.over), plan.text)
        _table(image, pen, sheet, block, plan, (left, top + plan.over))
    return image


def _has_room(wide: int, high: int, times: int = 1) -> bool:
    return wide <= MAX_SIDE and high <= MAX_SIDE and wide * high * times <= MAX_PIXELS


def _cell(sheet: Sheet, side: int) -> tuple[int, int]:
    scale = side / max(sheet.width, sheet.height)
    return max(1, round(sheet.width * scale)), max(1, round(sheet.height * scale))


def _bare(sheet: Sheet, side: int) -> tuple[int, int, int]:
    """Measure a block without a word on it, and count the blocks."""
    wide, high = _cell(sheet, side)
    columns, rows = len(sheet.columns or [0]), len(sheet.rows or [0])
    return columns * (wide + _GAP), rows * (high + _GAP), len(sheet.blocks)


def _measured(sheet: Sheet, side: int) -> _Plan:
    cell = _cell(sheet, side)
    text = max(11, min(24, side // 10))
    line = text + text // 4
    left = _room(sheet.rows, text, max(cell[0], 6 * text)) if sheet.rows else 0
    top = line * _tallest(sheet.columns, text, cell[0])
    titles = [block.title for block in sheet.blocks]
    wide, high, _ = _bare(sheet, side)
    wide += left
    over = line * _tallest(titles, text, wide)
    block = wide, over + top + high
    across = _across(len(sheet.blocks), block)
    down = ceil(len(sheet.blocks) / across)
    whole = _APART + across * (block[0] + _APART), _APART + down * (block[1] + _APART)
    head = line * 2 if sheet.title.text else 0
    return _Plan(
        cell=cell, text=text, left=left, top=top, over=over, head=head, across=across, block=block,
        whole=(whole[0], whole[1] + head),
    )  # fmt: skip


def _across(count: int, block: tuple[int, int]) -> int:
    """Choose how many blocks stand side by side, so that the whole is about square."""
    return max(1, min(count, round(sqrt(count * block[1] / block[0]))))


def _room(labels: Sequence[Label], text: int, most: int) -> int:
    """Measure the width that labels of rows need."""
    widest = 0.0
    for label in labels:
        words, font = _lettered(label, text)
        widest = max(widest, font.getlength(words[: lettering.CHARACTERS]))
    return min(most, ceil(widest)) + 2 * _GAP


def _tallest(labels: Sequence[Label], text: int, width: int) -> int:
    """Count the lines that the longest label takes."""
    most = 0
    for label in labels:
        words, font = _lettered(label, text)
        most = max(most, len(lettering.lines(words, font, width, _LINES)))
        if most == _LINES:
            break
    return most


def _table(
    image: Image.Image,
    pen: ImageDraw.ImageDraw,
    sheet: Sheet,
    block: Block,
    plan: _Plan,
    at: tuple[int, int],
) -> None:
    wide, high = plan.cell
    for place, label in enumerate(sheet.columns):
        x = at[0] + plan.left + place * (wide + _GAP)
        _write(pen, label, (x, at[1], x + wide, at[1] + plan.top), plan.text)
    for row, cells in enumerate(block.cells):
        y = at[1] + plan.top + row * (high + _GAP)
        if sheet.rows:
            box = (at[0], y, at[0] + plan.left - _GAP, y + high)
            _write(pen, sheet.rows[row], box, plan.text)
        for column, cell in enumerate(cells):
            x = at[0] + plan.left + column * (wide + _GAP)
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
    return plain if plain.size == size else plain.resize(size, Image.Resampling.LANCZOS)


def _write(
    pen: ImageDraw.ImageDraw,
    label: Label,
    box: tuple[int, int, int, int],
    text: int,
    colour: str = _INK,
) -> None:
    """Write words into a box, line by line, in its middle."""
    words, font = _lettered(label, text)
    line = text + text // 4
    most = max(1, min(_LINES, (box[3] - box[1]) // line))
    found = lettering.lines(words, font, box[2] - box[0], most)
    y = box[1] + max(0, (box[3] - box[1] - line * len(found)) // 2)
    for number, one in enumerate(found):
        x = box[0] + max(0.0, (box[2] - box[0] - font.getlength(one)) / 2)
        pen.text((x, y + number * line), one, fill=colour, font=font)


def _lettered(label: Label, text: int) -> tuple[str, lettering.Font]:
    """Choose words and font of a label: where no font has its letters, what stands for it."""
    words = " ".join(label.text[: lettering.CHARACTERS].split())
    font = lettering.fitting(words, text)
    return (label.instead, lettering.shipped(text)) if font is None else (words, font)


def _encode(image: Image.Image) -> Normalised:
    png = BytesIO()
    image.save(png, "PNG", compress_level=1)
    content = png.getvalue()
    return Normalised(
        data=content, width=image.width, height=image.height, thumbnail=thumbs.thumbnail(image),
        sha256=hashlib.sha256(content).hexdigest(),
    )  # fmt: skip
