"""Contact sheets: pictures at their places, words where there is none, and never too large."""

from io import BytesIO
from pathlib import Path

import anyio
import pytest
from PIL import Image

from core.errors import Invalid, Unavailable
from core.media import lettering, sheet, sheet_plan
from core.media.sheet import Block, Cell, Label, Sheet

pytestmark = pytest.mark.anyio
COLOURS = ["#c00000", "#00a000", "#0000c0", "#c0c000", "#00c0c0", "#c000c0"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Cell]:
    cells = []
    for number, colour in enumerate(COLOURS):
        path = tmp_path / f"{number}.png"
        Image.new("RGB", (64, 48), colour).save(path)
        cells.append(Cell(picture=str(path)))
    return cells


def table(cells: list[list[Cell]], **changes: object) -> Sheet:
    fields = {
        "title": Label("steps: 20"),
        "columns": [Label(f"seed: {n}") for n in range(len(cells[0]))],
        "rows": [Label(f"prompt: {n}") for n in range(len(cells))],
        "blocks": [Block(title=Label(""), cells=cells)],
        "width": 64, "height": 48, "side": 64,
    }  # fmt: skip
    return Sheet(**(fields | changes))  # type: ignore[arg-type]  # of fields that are there


def colours(image: Image.Image) -> dict[str, tuple[float, float]]:
    """Find the middle of each colour, in parts of the whole."""
    small = image.convert("RGB")
    found: dict[str, list[tuple[int, int]]] = {}
    for y in range(0, small.height, 4):
        for x in range(0, small.width, 4):
            pixel = "#{:02x}{:02x}{:02x}".format(*small.getpixel((x, y)))
            if pixel in COLOURS:
                found.setdefault(pixel, []).append((x, y))
    return {
        colour: (
            sum(x for x, _ in at) / len(at) / small.width,
            sum(y for _, y in at) / len(at) / small.height,
        )
        for colour, at in found.items()
    }


async def test_pictures_stand_in_their_rows_and_columns(pictures: list[Cell]) -> None:
    drawn = await sheet.draw(table([pictures[:3], pictures[3:]]))
    with Image.open(BytesIO(drawn.data)) as image:
        assert image.size == (drawn.width, drawn.height)
        at = colours(image)
    assert set(at) == set(COLOURS)
    rows = [[at[colour] for colour in COLOURS[:3]], [at[colour] for colour in COLOURS[3:]]]
    for row in rows:
        assert [x for x, _ in row] == sorted(x for x, _ in row)
        assert max(y for _, y in row) - min(y for _, y in row) < 0.02
    assert rows[0][0][1] < rows[1][0][1]
    for upper, lower in zip(*rows, strict=True):
        assert abs(upper[0] - lower[0]) < 0.02


def test_a_cell_without_a_picture_says_why(pictures: list[Cell], tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    link = tmp_path / "link.png"
    link.symlink_to(pictures[0].picture)
    empty = [Cell(reason="failed node_failed"), Cell(picture=str(broken)), Cell(picture=str(link))]
    asked = table([empty])
    plan = sheet.measure(asked)
    assert plan is not None
    image = sheet.paint(asked, plan)
    assert colours(image) == {}
    tones = [tone for _, tone in image.getcolors(1 << 16) or []]
    assert (0xE4, 0xE4, 0xE9) in tones  # the empty cells
    without = sheet.paint(table([[Cell(reason=" ")] * 3]), plan)
    assert image.tobytes() != without.tobytes()  # the words


def test_pictures_of_many_sizes_are_shown_whole(tmp_path: Path) -> None:
    for number, size in enumerate([(64, 48), (10, 48), (64, 9)]):
        Image.new("RGBA", size, COLOURS[number]).save(tmp_path / f"{number}.png")
    cells = [[Cell(picture=str(tmp_path / f"{number}.png")) for number in range(3)]]
    asked = table(cells)
    plan = sheet.measure(asked)
    assert plan is not None
    assert set(colours(sheet.paint(asked, plan))) == set(COLOURS[:3])


@pytest.mark.parametrize(("columns", "rows", "side"), [(100, 100, 1024), (500, 2, 256), (3, 3, 64)])
def test_a_sheet_never_has_more_pixels_than_its_bound(columns: int, rows: int, side: int) -> None:
    cell = Cell(reason="queued")
    asked = table([[cell] * columns] * rows, width=1024, height=1024, side=side)
    plan = sheet.measure(asked)
    assert plan is not None
    assert plan.whole[0] * plan.whole[1] <= sheet_plan.MAX_PIXELS
    assert max(plan.whole) <= sheet_plan.MAX_SIDE
    assert max(plan.cell) <= side


async def test_cells_that_could_not_be_seen_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        await sheet.draw(table([[Cell(reason="queued")] * 5000]))
    assert caught.value.problems[0].code == "sheet_too_large"


async def test_no_more_than_a_few_sheets_wait_for_each_other(pictures: list[Cell]) -> None:
    asked = table([pictures[:2]])
    told: list[str] = []

    async def ask() -> None:
        try:
            told.append(f"{(await sheet.draw(asked)).width > 0}")
        except Unavailable as error:
            told.append(error.name)

    async with anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(ask)
    assert sorted(told) == ["True"] * 9 + ["sheets_waiting"] * 3


class TestLettering:
    def test_a_text_that_no_font_can_write_is_replaced(self) -> None:
        assert lettering.fitting("seed: 7", 12) is not None
        assert lettering.fitting("\U00013000\uffff", 12) is None
        words, _ = sheet_plan.lettered(Label("x \uffff", "prompt #1"), 12)
        assert words == "prompt #1"

    def test_a_long_text_keeps_to_its_lines_and_width(self) -> None:
        font = lettering.shipped(12)
        found = lettering.lines("a red fox " * 1000, font, 100, 3)
        assert len(found) == 3
        assert all(font.getlength(line) <= 100 for line in found)
        assert found[-1].endswith("...")

    def test_a_word_wider_than_its_room_is_cut(self) -> None:
        font = lettering.shipped(12)
        (line,) = lettering.lines("x" * 400, font, 60, 3)
        assert font.getlength(line) <= 60
