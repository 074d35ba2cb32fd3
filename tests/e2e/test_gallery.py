"""The gallery in a browser: search, boards, many pictures at once, comparing, grids, uploads."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.core.media.conftest import encoded, picture
from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]
API = "/api/v1"
FLY = """
    async () => {
        // Down to the end as fast as nobody looks; which pictures were in the page on the way.
        const grid = document.querySelector(".grid-scroll");
        const seen = new Set();
        while (grid.scrollTop < grid.scrollHeight - grid.clientHeight - 1) {
            grid.scrollTop += grid.clientHeight;
            await new Promise((done) => requestAnimationFrame(done));
            for (const image of grid.querySelectorAll(".cell img")) seen.add(image.src);
        }
        return seen.size;
    }
"""
MARKUP = "<img src=x onerror=\"document.title='broken'\">"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("gallery"), fake_engine="1") as started:
        yield started


def draw(server: RunningServer, prompt: str, count: int = 1, **fields: Any) -> list[dict[str, Any]]:
    """Draw pictures; newest first, as the gallery shows them."""
    made = server.generate(prompt=prompt, count=count, steps=2, **fields)["images"]
    return sorted(made, key=lambda image: str(image["id"]), reverse=True)


def cells(page: Page) -> Locator:
    return page.get_by_role("listitem").get_by_role("link")


def search(page: Page, words: str, found: int) -> None:
    page.keyboard.press("/")
    page.get_by_role("searchbox", name="Search").fill(words)
    expect(cells(page)).to_have_count(found)


def selected(page: Page, words: str) -> None:
    expect(page.get_by_role("toolbar")).to_contain_text(words)


def test_a_filter_finds_pictures_and_its_address_finds_them_again(
    page: Page, server: RunningServer
) -> None:
    draw(server, "a quiet owl", 2, seed=11)
    draw(server, "a quiet fox", 2, seed=70, width=128)
    page.goto(f"{server.url}/#/gallery")
    search(page, "quiet", 4)
    page.get_by_role("button", name="Filter", exact=True).click()
    page.get_by_label("Width").fill("128")
    expect(cells(page)).to_have_count(2)
    page.get_by_label("Seed").fill("71")
    expect(cells(page)).to_have_count(1)
    page.keyboard.press("Escape")
    expect(cells(page).first).to_have_accessible_name("a quiet fox")
    assert "q=quiet" in page.url and "seed=71" in page.url

    address = page.url
    page.goto(f"{server.url}/#/models")
    page.goto(address)
    expect(cells(page)).to_have_count(1)
    expect(page.get_by_role("searchbox", name="Search")).to_have_value("quiet")
    page.get_by_role("button", name="Remove the filter: Seed").click()
    expect(cells(page)).to_have_count(2)
    page.go_back()
    expect(cells(page)).to_have_count(1)


def test_pictures_go_onto_a_board_by_drag_and_by_keyboard_and_markup_in_its_name_is_text(
    page: Page, server: RunningServer
) -> None:
    draw(server, f"a boarded whale {MARKUP}", 3)
    page.goto(f"{server.url}/#/gallery?q=boarded")
    expect(cells(page)).to_have_count(3)
    boards = page.get_by_role("complementary", name="Boards")
    boards.get_by_role("button", name="New board").click()
    page.get_by_role("textbox", name="Name of the board").fill(MARKUP)
    page.get_by_role("button", name="Create").click()
    board = boards.locator(".board-choose", has_text=MARKUP)
    expect(board).to_be_visible()

    cells(page).nth(0).drag_to(board)
    expect(board).to_contain_text("1")
    cells(page).nth(1).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    selected(page, "2 selected")
    page.keyboard.press("b")
    page.get_by_role("textbox", name="Name of the board").fill(MARKUP)
    page.keyboard.press("Enter")
    expect(board).to_contain_text("3")

    board.click()
    expect(cells(page)).to_have_count(3)
    board.hover()
    boards.get_by_role("button", name=f'Rename the board "{MARKUP}"').click()
    page.get_by_role("textbox", name="Name of the board").fill("Whales")
    page.get_by_role("dialog").get_by_role("button", name="Rename").click()
    renamed = boards.locator(".board-choose", has_text="Whales")
    expect(renamed).to_be_visible()
    renamed.hover()
    boards.get_by_role("button", name='Delete the board "Whales"').click()
    page.get_by_role("button", name="Delete the board, keep the pictures").click()
    expect(renamed).to_be_hidden()
    page.goto(f"{server.url}/#/gallery?q=boarded")
    expect(cells(page)).to_have_count(3)
    assert "broken" not in page.title()


def test_many_go_to_the_trash_come_back_and_are_deleted_for_good_after_a_question(
    page: Page, server: RunningServer
) -> None:
    draw(server, "a doomed newt", 4)
    page.goto(f"{server.url}/#/gallery?q=doomed")
    expect(cells(page)).to_have_count(4)
    cells(page).nth(0).click(modifiers=["Control"])
    cells(page).nth(2).click(modifiers=["Shift"])
    selected(page, "3 selected")
    page.get_by_role("toolbar").get_by_role("button", name="Delete").click()
    expect(cells(page)).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(cells(page)).to_have_count(4)

    cells(page).nth(0).focus()
    page.keyboard.press("Control+a")
    selected(page, "4 selected")
    page.keyboard.press("Delete")
    expect(page.get_by_text("Nothing here fits")).to_be_visible()
    page.goto(f"{server.url}/#/gallery?q=doomed&trash=true")
    expect(cells(page)).to_have_count(4)
    cells(page).nth(3).focus()
    page.keyboard.press("Space")
    page.get_by_role("toolbar").get_by_role("button", name="Restore").click()
    expect(cells(page)).to_have_count(3)
    cells(page).nth(0).focus()
    page.keyboard.press("Control+a")
    page.get_by_role("toolbar").get_by_role("button", name="Delete for good").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete 3 pictures for good").click()
    expect(cells(page)).to_have_count(0)
    kept = server.client.get(f"{API}/images", params={"q": "doomed"}).json()["items"]
    assert len(kept) == 1


def test_a_rubber_band_selects_what_it_touches_shift_adds_and_escape_gives_up(
    page: Page, server: RunningServer
) -> None:
    draw(server, "a banded snake", 4)
    page.goto(f"{server.url}/#/gallery?q=banded")
    expect(cells(page)).to_have_count(4)
    boxes = [cells(page).nth(place).bounding_box() for place in range(4)]
    first, second, last = boxes[0], boxes[1], boxes[3]
    assert first and second and last
    below = first["y"] + first["height"] + 60
    marks = page.locator(".cell[data-selected]")

    page.mouse.move(first["x"] + 10, below)
    page.mouse.down()
    page.mouse.move(second["x"] + 20, first["y"] + 30, steps=3)
    expect(marks).to_have_count(2)
    expect(page.locator(".band")).to_be_visible()
    page.mouse.up()
    selected(page, "2 selected")
    expect(page.locator(".band")).to_be_hidden()

    page.mouse.move(last["x"] + 20, below)
    page.keyboard.down("Shift")
    page.mouse.down()
    page.mouse.move(last["x"] + 30, last["y"] + 30, steps=3)
    expect(marks).to_have_count(3)
    page.mouse.up()
    page.keyboard.up("Shift")
    selected(page, "3 selected")

    page.mouse.move(last["x"] + 20, below)
    page.mouse.down()
    page.mouse.move(last["x"] + 30, last["y"] + 30, steps=3)
    expect(marks).to_have_count(1)
    page.keyboard.press("Escape")
    expect(marks).to_have_count(3)
    page.mouse.up()
    selected(page, "3 selected")


def test_what_flies_past_is_not_fetched_and_what_rests_is(
    page: Page, server: RunningServer
) -> None:
    sweep = {"axes": [{"setting": "seed", "values": {"start": 1, "count": 240}}]}
    recipe = {"name": "txt2img", "prompt": "a flock", "width": 64, "height": 64, "steps": 1}
    asked = server.client.post(f"{API}/jobs", json={"recipe": recipe, "sweep": sweep})
    server.batch(asked.raise_for_status().json()["batch"], 120)
    page.set_viewport_size({"width": 480, "height": 500})
    page.goto(f"{server.url}/#/gallery?q=flock")
    expect(page.locator(".gallery-count")).to_contain_text("240")
    expect(page.locator(".cell img").first).to_be_visible()
    assert page.evaluate(FLY) < 120
    expect(cells(page).last).to_be_visible()
    expect(page.locator(".cell:not(:has(img))")).to_have_count(0)
    assert page.locator(".cell img").count() > 4


def test_two_pictures_are_compared_and_what_differs_is_told(
    page: Page, server: RunningServer
) -> None:
    draw(server, "a compared cat", 2, seed=500)
    page.goto(f"{server.url}/#/gallery?q=compared")
    expect(cells(page)).to_have_count(2)
    cells(page).nth(0).focus()
    page.keyboard.press("Control+a")
    selected(page, "2 selected")
    page.keyboard.press("c")
    edge = page.get_by_role("slider", name="Edge between the pictures")
    expect(edge).to_have_value("50")
    edge.press("ArrowRight")
    expect(edge).to_have_value("51")
    row = page.get_by_role("row", name=re.compile("Seed"))
    expect(row).to_contain_text("501")
    expect(row).to_contain_text("500")
    page.get_by_text("Side by side").click()
    expect(page.locator(".compare-side img")).to_have_count(2)
    page.get_by_role("button", name="Close").click()
    expect(cells(page)).to_have_count(2)


def test_parts_of_a_picture_are_used_again_and_a_note_is_found(
    page: Page, server: RunningServer
) -> None:
    draw(server, "a useful heron", seed=77)
    page.goto(f"{server.url}/#/gallery?q=heron")
    cells(page).first.click()
    page.get_by_role("textbox", name="Note").fill("the very best one")
    page.get_by_role("textbox", name="Note").blur()
    page.get_by_role("button", name="Use this prompt").click()
    page.get_by_role("button", name="Use this size").click()
    page.get_by_role("button", name="Close").last.click()
    search(page, "very best", 1)
    page.goto(f"{server.url}/#/generate")
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value("a useful heron")
    expect(page.get_by_role("spinbutton", name="Width")).to_have_value(str(SMALL["width"]))


def test_a_batch_is_a_table_whose_cells_fill_as_they_are_drawn(
    page: Page, server: RunningServer
) -> None:
    server.client.post(f"{API}/queue/pause")
    recipe = {"name": "txt2img", "prompt": "a gridded fox", "steps": 2} | SMALL
    axes = [
        {"setting": "seed", "values": {"start": 1, "count": 3}},
        {"setting": "prompt", "replace": "fox", "values": ["fox", "owl"]},
        {"setting": "guidance_scale", "values": [3, 5]},
    ]
    asked = server.client.post(f"{API}/jobs", json={"recipe": recipe, "sweep": {"axes": axes}})
    batch = asked.json()["batch"]
    page.goto(f"{server.url}/#/gallery/batch/{batch}")
    table = page.get_by_role("table", name="Grid")
    expect(table.get_by_role("rowheader")).to_have_text(["fox", "owl"])
    expect(table.get_by_role("columnheader")).to_have_text(["Seed", "1", "2", "3"])
    expect(page.get_by_text("0 of 12 drawn")).to_be_visible()
    server.client.post(f"{API}/queue/resume")
    expect(page.get_by_text("12 of 12 drawn")).to_be_visible()
    expect(table.get_by_role("cell").get_by_role("link")).to_have_count(6)
    page.get_by_label("Guidance").select_option("1")
    expect(table.get_by_role("cell").get_by_role("link")).to_have_count(6)
    page.get_by_label("Columns").select_option("prompt:fox")
    expect(table.get_by_role("rowheader")).to_have_text(["1", "2", "3"])
    table.get_by_role("cell").nth(3).get_by_role("link").click()
    details = page.get_by_role("complementary", name="Details")
    expect(details).to_contain_text("a gridded owl")


def test_files_that_are_no_pictures_are_refused_by_name_and_the_good_one_is_taken(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    (tmp_path / "notes <b>.txt").write_text("words", "utf-8")
    (tmp_path / "good.png").write_bytes(encoded(picture()))
    with (tmp_path / "huge.png").open("wb") as huge:
        huge.truncate(200 << 20)
    page.goto(f"{server.url}/#/gallery?kind=upload")
    expect(page.get_by_text("Nothing here fits")).to_be_visible()
    names = ("broken.png", "notes <b>.txt", "good.png", "huge.png")
    page.locator("#gallery-add").set_input_files([tmp_path / name for name in names])
    files = page.get_by_role("region", name="Files")
    expect(files).to_contain_text("1 of 4 files are in the gallery")
    expect(files.locator("li", has_text="broken.png")).to_contain_text("damaged")
    expect(files.locator("li", has_text="notes <b>.txt")).to_contain_text("no PNG, JPEG or WebP")
    expect(files.locator("li", has_text="huge.png")).to_contain_text("larger than 32 MiB")
    expect(cells(page)).to_have_count(1)


def test_on_a_slow_line_a_file_shows_how_far_it_is_and_can_be_called_back(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    (tmp_path / "large.png").write_bytes(encoded(picture()) + bytes(4 << 20))
    (tmp_path / "soon.png").write_bytes(encoded(picture(size=(9, 9))))
    page.goto(f"{server.url}/#/gallery?kind=upload")
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    speed = {"offline": False, "latency": 0, "downloadThroughput": -1}
    line.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": 100_000})
    page.locator("#gallery-add").set_input_files([tmp_path / "large.png"])
    files = page.get_by_role("region", name="Files")
    bar = files.get_by_role("progressbar", name="large.png")
    expect(bar).not_to_have_attribute("aria-valuenow", "0")
    files.get_by_role("button", name="Do not send large.png").click()
    expect(files).to_be_hidden()
    line.send("Network.emulateNetworkConditions", {**speed, "uploadThroughput": -1})
    page.locator("#gallery-add").set_input_files([tmp_path / "soon.png"])
    expect(files).to_contain_text("1 of 1 file is in the gallery")


def test_a_picture_from_elsewhere_tells_its_settings_and_nothing_is_stored(
    page: Page, server: RunningServer
) -> None:
    made = draw(server, f"a foreign ibis {MARKUP}", seed=4242)[0]
    file = server.client.get(made["url"]).content
    server.client.delete(f"{API}/images/{made['id']}", params={"forever": "1"})
    page.goto(f"{server.url}/#/gallery?q=ibis")
    named = {"name": "ibis.png", "mimeType": "image/png", "buffer": file}
    page.locator("#gallery-read").set_input_files(named)  # type: ignore[arg-type]  # a FilePayload
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Heliograph")
    expect(dialog).to_contain_text(MARKUP)
    dialog.get_by_role("button", name="Use these settings").click()
    box = page.get_by_role("textbox", name="Prompt", exact=True)
    expect(box).to_have_value(f"a foreign ibis {MARKUP}")
    assert server.client.get(f"{API}/images", params={"q": "ibis"}).json()["items"] == []
    assert "broken" not in page.title()
