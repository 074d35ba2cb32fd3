"""axe-core on every page: nothing serious or critical, in both themes, in Arabic, in dialogs."""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running import ROOT, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
PAGES = [
    "generate", "canvas", "workflow", "gallery", "training", "models", "models/add",
    "models/folders", "settings", "settings/server", "settings/access", "settings/storage",
    "settings/log", "settings/about",
]  # fmt: skip
SOON = 20_000  # milliseconds
LOOKS = [("dark", "en"), ("light", "en"), ("dark", "ar")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("access"), fake_engine="1") as started:
        started.generate(prompt="a fox", count=3, steps=2)
        started.client.post("/api/v1/tokens", json={"name": "bot", "scopes": ["read"]})
        yield started


def opened(browser: Browser, theme: str, language: str, width: int = 1280) -> Page:
    """Open a page that looks and speaks so."""
    context = browser.new_context(
        viewport={"width": width, "height": 800}, locale="en-US", reduced_motion="reduce"
    )
    context.add_init_script(
        "localStorage.setItem('heliograph.preferences',"
        f" JSON.stringify({{theme: '{theme}', language: '{language}'}}))"
    )
    context.add_init_script(path=AXE)
    page = context.new_page()
    page.set_default_timeout(30_000)
    return page


def look(page: Page) -> list[str]:
    """Name each thing that is serious or critical, and where."""
    found: Any = page.evaluate(
        "() => axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa',"
        " 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']})"
    )
    return [
        f"{page.url.partition('#')[2]} {one['id']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"][:3]
    ]


def go(page: Page, server: RunningServer, place: str) -> None:
    """Show a page, and wait until it has what it shows."""
    page.goto(f"{server.url}/#/{place}")
    expect(page.locator("main > *").first).to_be_attached(timeout=SOON)
    expect(page.locator("main [aria-busy=true]")).to_have_count(0, timeout=SOON)


@pytest.mark.parametrize(("theme", "language"), LOOKS)
def test_nothing_keeps_people_out_of_a_page(
    browser: Browser, server: RunningServer, theme: str, language: str
) -> None:
    page = opened(browser, theme, language)
    wrong: list[str] = []
    for place in PAGES:
        go(page, server, place)
        wrong += look(page)
    page.context.close()
    assert wrong == []


def test_nothing_keeps_people_out_of_what_lies_on_top(
    browser: Browser, server: RunningServer
) -> None:
    page = opened(browser, "light", "en")
    wrong: list[str] = []

    def on_top() -> None:
        expect(page.get_by_role("dialog")).to_be_visible()
        wrong.extend(look(page))
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    go(page, server, "gallery")
    page.keyboard.press("?")
    on_top()
    page.get_by_role("listitem").get_by_role("link").first.click()
    on_top()
    model = server.client.get("/api/v1/models").json()["items"][0]["id"]
    go(page, server, f"models/{model}")
    wrong += look(page)
    page.get_by_role("button", name="Delete").click()
    on_top()
    page.get_by_role("button", name="Choose a cover").click()
    on_top()
    go(page, server, "settings/access")
    page.get_by_role("button", name="Revoke bot").click()
    on_top()
    page.context.close()
    assert wrong == []


def test_nothing_keeps_people_out_on_a_phone(browser: Browser, server: RunningServer) -> None:
    page = opened(browser, "dark", "en", width=390)
    wrong: list[str] = []
    for place in ("generate", "gallery", "models", "settings"):
        go(page, server, place)
        wrong += look(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), place
    page.get_by_role("button", name="More", exact=True).click()
    wrong += look(page)
    page.context.close()
    assert wrong == []


def test_every_control_is_reached_by_the_keyboard_and_seen(
    browser: Browser, server: RunningServer
) -> None:
    page = opened(browser, "dark", "en")
    for place in ("generate", "models", "settings"):
        page.goto("about:blank")  # where the focus was is forgotten
        go(page, server, place)
        page.keyboard.press("Tab")
        expect(page.locator(".skip")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        for _ in range(6):
            page.keyboard.press("Tab")
            seen = page.evaluate(
                """() => {
                    const one = document.activeElement;
                    const box = one.getBoundingClientRect();
                    const style = getComputedStyle(one);
                    const ring = style.outlineStyle !== "none" || style.boxShadow !== "none";
                    return one === document.body || (ring && box.width > 0);
                }"""
            )
            assert seen, (place, page.evaluate("document.activeElement.outerHTML"))
    page.context.close()
