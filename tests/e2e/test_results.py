"""The results under many pictures: what is in the page, what moves, and the focus."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
DRAWN = 300
TILES = 60  # that are in the page at most: those in sight, and some rows around them
ELEMENTS = 900  # of the results at most
LIST = ".results-scroll"
_LAST = "list => [...list.querySelectorAll('.tile')].at(-1).ariaPosInSet"
_PLACE = "tile => Math.round(tile.getBoundingClientRect().top)"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("results"), fake_engine="1") as started:
        yield started


def draw(server: RunningServer, count: int) -> list[str]:
    """Draw a batch to its end; give its jobs, of many the first ones."""
    recipe = {"name": "txt2img", "prompt": "a red fox", "steps": 2, **SMALL}
    sweep = {"axes": [{"setting": "seed", "values": {"start": 1, "count": count}}]}
    asked = server.client.post("/api/v1/jobs", json={"recipe": recipe, "sweep": sweep})
    made = asked.raise_for_status().json()
    server.batch(made["batch"])
    jobs: list[str] = made["jobs"]
    return jobs


def scroll(page: Page, to: str) -> None:
    page.locator(LIST).evaluate(f"list => {{ list.scrollTop = {to}; }}")


def elements(page: Page) -> int:
    return int(page.evaluate("document.querySelectorAll('.results *').length"))


def test_of_many_pictures_the_page_holds_those_in_sight_and_shows_the_others_when_scrolled(
    page: Page, server: RunningServer
) -> None:
    page.goto(server.url)
    page.locator("#prompt").wait_for()
    first, *_ = draw(server, DRAWN)
    newest = page.locator(f'.tile[data-job="{first}"]')
    expect(newest).to_have_attribute("data-status", "succeeded")
    expect(newest).to_have_attribute("aria-setsize", str(DRAWN))
    assert 0 < page.locator(".tile").count() <= TILES
    assert elements(page) <= ELEMENTS
    scroll(page, "list.scrollHeight")
    expect(newest).to_have_count(0)
    last = page.locator(f'.tile[aria-posinset="{DRAWN}"]')
    expect(last.get_by_role("img", name="a red fox")).to_be_visible()
    expect(last.locator(".tile-final")).to_have_attribute("data-ready", "true")
    assert page.locator(LIST).evaluate(_LAST) == str(DRAWN)
    assert page.locator(".tile").count() <= TILES
    assert elements(page) <= ELEMENTS


def test_what_is_looked_at_stays_in_its_place_when_pictures_come_above_it(
    page: Page, server: RunningServer
) -> None:
    draw(server, 40)
    page.goto(server.url, wait_until="networkidle")  # all that there was is in the list
    page.locator(".tile").first.wait_for()
    scroll(page, "900")
    top = page.evaluate(f"document.querySelector('{LIST}').getBoundingClientRect().top")
    seen = page.locator(".tile").evaluate_all(
        "(all, top) => all.find((one) => one.getBoundingClientRect().top >= top).dataset.job", top
    )
    tile = page.locator(f'.tile[data-job="{seen}"]')
    before = tile.evaluate(_PLACE)
    height = page.locator(LIST).evaluate("list => list.scrollHeight")
    draw(server, 9)
    page.wait_for_function(
        f"height => document.querySelector('{LIST}').scrollHeight > height + 300", arg=height
    )
    assert tile.evaluate(_PLACE) == before
    scroll(page, "0")
    made = draw(server, 1)
    expect(page.locator(f'.tile[data-job="{made[0]}"]')).to_be_in_viewport()


def test_the_focus_stays_on_a_tile_that_is_scrolled_away_and_goes_on_from_there(
    page: Page, server: RunningServer
) -> None:
    draw(server, 60)
    page.goto(server.url)
    places = [page.locator(f'.tile[aria-posinset="{place}"] .tile-final') for place in (2, 3, 1)]
    places[0].focus()
    scroll(page, "list.scrollHeight")
    expect(page.locator('.tile[aria-posinset="60"]')).to_be_in_viewport()
    expect(places[0]).to_be_focused()
    page.keyboard.press("Tab")
    expect(places[1]).to_be_focused()
    expect(places[1]).to_be_in_viewport()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")
    expect(places[2]).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(places[2]).to_be_focused()
