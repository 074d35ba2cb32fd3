"""The page by keys alone: what it is for is done, seen, left and come back to without a mouse."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.e2e.looking import SOON, Visit
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
SEEN = """() => {
    const one = document.activeElement;
    const shown = one.type === "radio" ? one.nextElementSibling : one;  // its label wears the ring
    const box = shown.getBoundingClientRect();
    const style = getComputedStyle(shown);
    const ring = style.outlineStyle !== "none" || style.boxShadow !== "none";
    return one === document.body || (ring && box.width > 0);
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("keys"), fake_engine="1") as started:
        started.generate(prompt="a fox", count=3, steps=2)
        started.client.post(f"{API}/tokens", json={"name": "bot", "scopes": ["read"]})
        yield started


@pytest.fixture
def visit(browser: Browser, server: RunningServer) -> Iterator[Visit]:
    with Visit(browser, server) as begun:
        yield begun


def tab_to(visit: Visit, place: Locator, most: int = 60) -> None:
    """Press Tab until a control has the focus; each one on the way shows where the focus is."""
    for _ in range(most):
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate(SEEN), visit.page.evaluate("document.activeElement.outerHTML")
        if place.evaluate("(one) => one === document.activeElement"):
            return
    pytest.fail(f"not reached in {most} steps")


def opens_traps_and_gives_back(visit: Visit, place: Locator, key: str = "Enter") -> None:
    """Open a dialog by a key, walk around in it, leave it, and be back where it was opened."""
    page = visit.page
    place.focus()
    page.keyboard.press(key)
    expect(visit.dialog()).to_be_visible()
    for _ in range(15):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    page.keyboard.press("Escape")
    expect(visit.dialog()).to_have_count(0)
    expect(place).to_be_focused()


def test_every_control_is_reached_by_the_keyboard_and_seen(visit: Visit) -> None:
    page = visit.page
    for place in (
        "generate", "canvas", "workflow", "gallery", "training", "models", "settings",
    ):  # fmt: skip
        page.goto("about:blank")  # where the focus was is forgotten
        visit.go(place)
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for _ in range(8):
            page.keyboard.press("Tab")
            assert page.evaluate(SEEN), (place, page.evaluate("document.activeElement.outerHTML"))


def test_a_dialog_keeps_the_focus_and_gives_it_back(visit: Visit, server: RunningServer) -> None:
    page = visit.page
    visit.go("generate")
    opens_traps_and_gives_back(visit, visit.button("ui.shortcuts"))
    opens_traps_and_gives_back(visit, visit.button("ui.styles"))
    opens_traps_and_gives_back(visit, page.locator("main"), "?")
    known = server.client.get(f"{API}/models").json()["items"]
    visit.go(f"models/{known[0]['id']}")
    opens_traps_and_gives_back(visit, visit.button("ui.delete").first)
    opens_traps_and_gives_back(visit, visit.button("ui.models.choose_cover").first)
    visit.go("gallery")
    opens_traps_and_gives_back(visit, page.locator(".cell a").nth(1))
    opens_traps_and_gives_back(visit, page.locator(".cell a").nth(1), "b")
    visit.go("workflow")
    opens_traps_and_gives_back(visit, page.locator(".wf-toolbar button").first)
    page.locator(".wf-choices button").first.press("Enter")
    opens_traps_and_gives_back(visit, page.locator("[data-id=sample] .wf-head button"))
    add = visit.button("ui.workflow.add")
    add.press("Enter")  # a list to search in: Tab leaves it too
    expect(visit.dialog()).to_be_visible()
    page.keyboard.press("Escape")
    expect(add).to_be_focused()
    visit.go("canvas")
    opens_traps_and_gives_back(visit, visit.button("ui.canvas.projects"))
    visit.go("settings/access")
    opens_traps_and_gives_back(visit, page.locator("main li button").last)


def test_a_dialog_over_a_dialog_gives_the_focus_back_to_the_lower_one(visit: Visit) -> None:
    page = visit.page
    visit.go("gallery")
    cell = page.locator(".cell a").first
    cell.press("Enter")
    board = visit.button("ui.gallery.to_board")
    board.press("Enter")
    expect(visit.dialog()).to_have_count(2)
    page.keyboard.press("Escape")
    expect(visit.dialog()).to_have_count(1)
    expect(board).to_be_focused()
    page.keyboard.press("Escape")
    expect(cell).to_be_focused()


def test_a_picture_is_asked_for_and_looked_at(visit: Visit) -> None:
    page = visit.page
    visit.go("generate")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    tab_to(visit, page.locator("#prompt"))
    page.keyboard.type("a red fox by keys")
    page.keyboard.press("Control+Enter")
    drawn = page.locator(".tile-final[data-ready=true]").first
    expect(drawn).to_have_accessible_name("a red fox by keys")
    tab_to(visit, drawn, 120)
    page.keyboard.press("Enter")
    expect(visit.dialog()).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawn).to_be_focused()


def test_the_canvas_is_painted_on_from_its_buttons(visit: Visit, server: RunningServer) -> None:
    page = visit.page
    image = server.client.get(f"{API}/images").json()["items"][0]["id"]
    visit.go(f"canvas/{image}")
    expect(page.locator(".canvas-layer")).to_have_count(2)
    page.locator("main").focus()
    tab_to(visit, visit.button("ui.canvas.tool.fill"))
    page.keyboard.press("Enter")
    expect(visit.button("ui.canvas.tool.fill")).to_have_attribute("aria-pressed", "true")
    tab_to(visit, page.locator(".canvas-side textarea").first)
    page.keyboard.type("a fox")
    page.keyboard.press("Control+Enter")
    accept = page.locator(".canvas-verdict button").last
    expect(accept).to_be_enabled()
    page.get_by_role("application").focus()
    tab_to(visit, accept)
    page.keyboard.press("Enter")
    expect(page.locator(".canvas-layer")).to_have_count(3)


def test_pictures_are_chosen_put_on_a_board_and_deleted_in_the_gallery(visit: Visit) -> None:
    page = visit.page
    visit.go("gallery")
    page.locator("main").focus()
    tab_to(visit, page.locator(".cell a").first)
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Space")
    expect(page.locator(".selection")).to_be_visible()
    page.keyboard.press("b")
    expect(visit.dialog().get_by_role("textbox")).to_be_focused()
    page.keyboard.type("Foxes")
    page.keyboard.press("Enter")
    expect(page.locator(".board-choose", has_text="Foxes")).to_contain_text("1")
    page.keyboard.press("Escape")
    expect(page.locator(".selection")).to_be_hidden()


def test_a_token_is_made_in_the_settings_and_a_training_begun(
    visit: Visit, server: RunningServer
) -> None:
    page = visit.page
    visit.go("settings/access")
    page.locator("main").focus()
    tab_to(visit, page.locator("main form input").first)
    page.keyboard.type("keys")
    page.keyboard.press("Enter")
    expect(page.locator("main output")).to_be_visible()
    visit.go("training")
    page.locator("main").focus()
    tab_to(visit, visit.button("ui.training.welcome.example"))
    page.keyboard.press("Enter")
    expect(page.locator(".teach-strip img")).to_have_count(5, timeout=SOON)
    page.locator("main").focus()
    train = page.locator(".plan-send button")
    expect(train).to_be_enabled(timeout=SOON)
    tab_to(visit, train, 120)
    page.keyboard.press("Enter")
    expect(page.locator(".run-line")).to_be_visible(timeout=SOON)
    assert len(server.client.get(f"{API}/trainings").json()["items"]) == 1
