"""Picking from what is long in a browser: a picture of the whole gallery, a dataset among many."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from tests.bench import big
from tests.e2e.looking import Visit
from tests.running import RunningServer

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
MANY = 420  # pictures: more than a page of the picker's
SETS = 230  # datasets: more than a page of the server's
MOST = 60  # pictures in the page at once


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    root = tmp_path_factory.mktemp("picker") / "data"
    big.illustrate(root, MANY)
    with RunningServer(root, fake_engine="1") as started:
        started.wait_for("/readyz", 90)
        for number in range(SETS):
            made = started.client.post(f"{API}/datasets", json={"name": f"Set {number:03}"})
            assert made.status_code == 201
        yield started


def pictures(server: RunningServer, **query: str) -> list[str]:
    """List the pictures of the gallery as the server does."""
    found: list[str] = []
    while True:
        page = server.client.get(f"{API}/images", params={"limit": "200", **query}).json()
        found += [image["id"] for image in page["items"]]
        if page["next"] is None:
            return found
        query["cursor"] = page["next"]


def opened(page: Page, server: RunningServer) -> Locator:
    """Open the picker of the Generate page; give the pictures in it."""
    page.goto(server.url)
    page.get_by_role("button", name="From the gallery").first.click()
    tiles = page.locator(".picker-tile")
    expect(tiles.first).to_be_visible()
    return tiles


def of_picker(request: Request) -> bool:
    return "/api/v1/images?" in request.url and "limit=100" in request.url


def words_of(request: Request) -> str:
    return parse_qs(urlsplit(request.url).query).get("q", [""])[0]


def place(page: Page, number: int) -> Locator:
    return page.locator(f"[data-place='{number}'] .picker-tile")


def to_the_end(page: Page) -> None:
    """Scroll for as long as there is more."""
    count = page.locator(".picker-count")
    for _ in range(2 * MANY // 100):
        before = count.inner_text()
        page.locator(".picker-frame").evaluate("box => box.scrollTo(0, box.scrollHeight)")
        if not before.endswith("+"):
            return
        expect(count).not_to_have_text(before)
    raise AssertionError(count.inner_text())


def test_the_oldest_picture_of_the_gallery_can_be_picked(page: Page, server: RunningServer) -> None:
    everything = pictures(server)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if of_picker(request) else None)
    tiles = opened(page, server)
    expect(page.locator(".picker-count")).to_have_text("100+")
    newest = tiles.first.locator("img")
    expect(newest).to_have_attribute("src", f"{API}/images/{everything[0]}/thumbnail")
    assert len(asked) == 1  # what is not in sight is not asked for
    to_the_end(page)
    expect(page.locator(".picker-count")).to_have_text(str(len(everything)))
    assert tiles.count() < MOST
    assert len(set(asked)) == len(asked) == -(-len(everything) // 100)
    oldest = page.locator(".picker-list [role=listitem]").last
    expect(oldest).to_have_attribute("aria-posinset", str(len(everything)))
    expect(oldest).to_have_attribute("aria-setsize", str(len(everything)))
    oldest.get_by_role("button").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    begun = page.get_by_role("img", name="Picture to begin with")
    expect(begun).to_have_attribute("src", f"{API}/images/{everything[-1]}/thumbnail")


def test_keys_alone_find_and_pick_a_picture(page: Page, server: RunningServer) -> None:
    page.goto(server.url)
    way = page.get_by_role("button", name="From the gallery").first
    way.focus()
    page.keyboard.press("Enter")
    search = page.get_by_role("searchbox", name="Search")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(way).to_be_focused()

    page.keyboard.press("Enter")
    expect(page.locator(".picker-tile").first).to_be_visible()
    page.keyboard.press("ArrowDown")
    expect(place(page, 0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(place(page, 1)).to_be_focused()
    page.keyboard.press("End")
    expect(place(page, 99)).to_be_focused()
    expect(place(page, 99)).to_be_in_viewport()
    page.keyboard.press("Home")
    expect(place(page, 0)).to_be_focused()
    assert page.locator(".picker-tile").count() < MOST

    page.keyboard.press("Shift+Tab")
    expect(search).to_be_focused()
    page.keyboard.type("word123")
    found = pictures(server, q="word123")
    expect(page.locator(".picker-count")).to_have_text(str(len(found)))
    page.keyboard.press("ArrowDown")
    expect(place(page, 0)).to_be_focused()
    spoken = page.evaluate("document.activeElement.getAttribute('aria-label')")
    assert "word123" in spoken
    page.keyboard.press("Enter")
    begun = page.get_by_role("img", name="Picture to begin with")
    expect(begun).to_have_attribute("src", f"{API}/images/{found[0]}/thumbnail")


def test_what_nobody_waits_for_any_more_is_not_asked_for(page: Page, server: RunningServer) -> None:
    opened(page, server)
    gone: list[str] = []
    page.on("requestfailed", lambda request: gone.append(words_of(request)))
    held: list[Route] = []
    page.route(lambda url: "q=castle" in url, lambda route: held.append(route))
    search = page.get_by_role("searchbox", name="Search")
    with page.expect_request(lambda request: words_of(request) == "castle"):
        search.fill("castle")
    expect(page.locator(".picker-list")).to_have_attribute("aria-busy", "true")
    with page.expect_event("requestfailed"):
        search.fill("word123")
    expect(page.locator(".picker-count")).to_have_text(str(len(pictures(server, q="word123"))))
    assert (gone, len(held)) == (["castle"], 1)

    page.unroute_all()
    page.route(lambda url: "q=fox" in url, lambda route: held.append(route))
    with page.expect_request(lambda request: words_of(request) == "fox"):
        search.fill("fox")
    with page.expect_event("requestfailed"):
        page.keyboard.press("Escape")
    assert gone == ["castle", "fox"]
    page.unroute_all()
    expect(page.locator(".toast")).to_have_count(0)


def test_nothing_found_and_nothing_answered_are_said_in_words(
    page: Page, server: RunningServer
) -> None:
    tiles = opened(page, server)
    search = page.get_by_role("searchbox", name="Search")
    search.fill("nobodydrewthis")
    expect(page.get_by_text("No picture has these words.")).to_be_visible()
    expect(tiles).to_have_count(0)
    page.route(lambda url: "q=castle" in url, lambda route: route.abort())
    search.fill("castle")
    expect(page.get_by_text("The pictures could not be loaded.")).to_be_visible()
    page.unroute_all()
    page.get_by_role("dialog").get_by_role("button", name="Try again").click()
    expect(tiles.first).to_be_visible()
    expect(page.get_by_text("The pictures could not be loaded.")).to_have_count(0)


def test_an_old_dataset_is_found_by_typing_and_stays_chosen(
    page: Page, server: RunningServer
) -> None:
    page.goto(f"{server.url}/#/training")
    field = page.get_by_role("combobox", name="Dataset", exact=True)
    field.fill("set 00")
    offers = page.get_by_role("listbox").get_by_role("option")
    expect(offers).to_have_count(10)
    field.fill("set 007")
    expect(offers).to_have_count(1)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(field).to_have_value("Set 007")
    expect(page.get_by_role("link", name="Captions and details")).to_be_visible()
    page.reload()
    expect(field).to_have_value("Set 007")  # though the newest fifty are not it
    field.fill("no such set")
    expect(page.get_by_text("No dataset has such a name.")).to_be_visible()
    page.keyboard.press("Tab")
    expect(field).to_have_value("Set 007")


def test_the_list_of_datasets_goes_on_where_it_ends(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/training")
    field = page.get_by_role("combobox", name="Dataset", exact=True)
    field.click()
    offers = page.get_by_role("listbox").get_by_role("option")
    expect(offers).to_have_count(200)
    page.keyboard.press("ArrowUp")  # from the first to the last
    expect(offers.nth(199)).to_be_in_viewport()
    expect(offers).to_have_count(SETS)


@pytest.mark.parametrize("language", ["en", "ar"])
def test_picking_is_accessible_in_both_directions_and_on_a_phone(
    browser: Browser, server: RunningServer, language: str
) -> None:
    newest = server.client.get(f"{API}/datasets").json()["items"][0]["id"]
    with Visit(browser, server, language) as visit:
        page = visit.page
        visit.go(f"training/datasets/{newest}")
        visit.button("ui.dataset.from_gallery").click()
        expect(place(page, 0)).to_be_visible()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowLeft" if language == "ar" else "ArrowRight")
        expect(place(page, 1)).to_be_focused()
        page.keyboard.press("Space")
        expect(place(page, 1)).to_have_attribute("aria-pressed", "true")
        visit.look_on_top("pick pictures")
        visit.go("training")
        page.locator(".teach-pictures input[role=combobox]").click()
        expect(page.get_by_role("listbox").get_by_role("option").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        visit.look("choose a dataset")
        assert visit.wrong == []
