"""Long lists of the Training page in a browser: what is out of sight is not in the page."""

import io
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
MANY = 240  # pictures: more than a page of the server's
MOST = 60  # cards in the page at once


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("lists"), threads="1", fake_engine="1") as started:
        yield started


@pytest.fixture(scope="module")
def dataset(server: RunningServer) -> str:
    """Make a set of some hundred pictures, each of a colour of its own."""
    made: str = server.client.post(f"{API}/datasets", json={"name": "many"}).json()["id"]
    for number in range(MANY):
        file = io.BytesIO()
        Image.new("RGB", (64, 64), (number % 256, number // 256 * 90, 128)).save(file, "PNG")
        answer = server.client.post(
            f"{API}/datasets/{made}/images", content=file.getvalue(),
            headers={"content-type": "image/png", "x-filename": f"{number}.png"},
        )  # fmt: skip
        assert answer.json()["kind"] == "kept"
    return made


def test_a_large_dataset_is_in_the_page_as_far_as_it_is_in_sight(
    page: Page, server: RunningServer, dataset: str
) -> None:
    page.goto(f"{server.url}/#/training/datasets/{dataset}")
    cards = page.locator(".picture")
    expect(page.get_by_role("textbox", name="Caption of 0.png")).to_be_visible()
    assert cards.count() < MOST
    first = page.get_by_role("textbox", name="Caption of 0.png")
    first.fill("a first one")

    page.locator(".training-main").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    last = page.get_by_role("textbox", name=f"Caption of {MANY - 1}.png")
    expect(last).to_be_in_viewport()
    assert cards.count() < MOST
    item = page.locator(".picture", has=last)
    expect(item).to_have_attribute("aria-posinset", str(MANY))
    expect(item).to_have_attribute("aria-setsize", str(MANY))
    expect(first).to_be_focused()  # what is typed is not lost out of sight
    expect(first).to_have_value("a first one")

    last.fill("a last one")  # which saves the first one
    last.press("Control+Enter")
    told = page.evaluate(
        "async set => (await (await fetch(`/api/v1/datasets/${set}`)).json()).kept[0].caption",
        dataset,
    )
    assert told == "a first one"
    expect(last).to_have_value("a last one")
    expect(last).to_be_in_viewport()  # though the set was read anew


def test_arrows_lead_from_picture_to_picture_wherever_they_are(
    page: Page, server: RunningServer, dataset: str
) -> None:
    page.goto(f"{server.url}/#/training/datasets/{dataset}")
    page.locator('[data-place="0"] .picture-look').focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator('[data-place="1"] .picture-look')).to_be_focused()
    page.keyboard.press("End")
    last = page.locator(f'[data-place="{MANY - 1}"] .picture-look')
    expect(last).to_be_focused()
    expect(last).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(page.locator('[data-place="0"] .picture-look')).to_be_focused()
    assert page.locator(".picture").count() < MOST


def test_a_phone_scrolls_the_page_itself_and_holds_no_more(
    page: Page, server: RunningServer, dataset: str
) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server.url}/#/training/datasets/{dataset}")
    expect(page.locator('[data-place="0"]')).to_be_visible()
    for _ in range(3):  # its end moves away while rows are measured
        page.locator("main").evaluate("box => box.scrollTo(0, box.scrollHeight)")
    expect(page.locator(f'[data-place="{MANY - 1}"]')).to_be_attached()
    assert page.locator(".picture").count() < MOST
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390


def test_a_set_of_small_pictures_is_said_to_be_small(
    page: Page, server: RunningServer, dataset: str
) -> None:
    page.goto(f"{server.url}/#/training/datasets/{dataset}")
    expect(page.locator(".dataset")).to_contain_text("64 × 64")
    expect(page.get_by_text("draws best at 64 × 64 pixels")).to_be_visible()
    expect(page.locator(".dataset")).not_to_contain_text("512")
