"""What a contact sheet shows, and the measures of its parts: the largest cells that have room.

Knows letters and pixels; opens no picture.
"""

from collections.abc import Sequence
from math import ceil, sqrt

from msgspec import Struct

from core.media import lettering

MAX_PIXELS = 64_000_000
MAX_SIDE = 16_383  # pixels: what WebP can hold
GAP = 4  # pixels between cells
APART = 16  # between blocks
LINES = 3  # of a label
_SMALLEST = 16  # pixels of a cell's longer side: below, nothing is to be seen


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


class Plan(Struct, frozen=True, kw_only=True):
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


def measure(sheet: Sheet) -> Plan | None:
    """Find the largest cells, up to the wanted, with which a sheet fits; None if it never does."""
    side = min(sheet.side, max(sheet.width, sheet.height))
    while side >= _SMALLEST:
        if _has_room(*_bare(sheet, side)):  # labels take long to measure
            plan = _measured(sheet, side)
            if _has_room(*plan.whole):
                return plan
        side = side * 9 // 10
    return None


def lettered(label: Label, text: int) -> tuple[str, lettering.Font]:
    """Choose words and font of a label: where no font has its letters, what stands for it."""
    words = " ".join(label.text[: lettering.CHARACTERS].split())
    font = lettering.fitting(words, text)
    return (label.instead, lettering.shipped(text)) if font is None else (words, font)


def _has_room(wide: int, high: int, times: int = 1) -> bool:
    return wide <= MAX_SIDE and high <= MAX_SIDE and wide * high * times <= MAX_PIXELS


def _cell(sheet: Sheet, side: int) -> tuple[int, int]:
    scale = side / max(sheet.width, sheet.height)
    return max(1, round(sheet.width * scale)), max(1, round(sheet.height * scale))


def _bare(sheet: Sheet, side: int) -> tuple[int, int, int]:
    """Measure a block without a word on it, and count the blocks."""
    wide, high = _cell(sheet, side)
    columns, rows = len(sheet.columns or [0]), len(sheet.rows or [0])
    return columns * (wide + GAP), rows * (high + GAP), len(sheet.blocks)


def _measured(sheet: Sheet, side: int) -> Plan:
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
    whole = APART + across * (block[0] + APART), APART + down * (block[1] + APART)
    head = line * 2 if sheet.title.text else 0
    return Plan(
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
        words, font = lettered(label, text)
        widest = max(widest, font.getlength(words[: lettering.CHARACTERS]))
    return min(most, ceil(widest)) + 2 * GAP


def _tallest(labels: Sequence[Label], text: int, width: int) -> int:
    """Count the lines that the longest label takes."""
    most = 0
    for label in labels:
        words, font = lettered(label, text)
        most = max(most, len(lettering.lines(words, font, width, LINES)))
        if most == LINES:
            break
    return most
