"""The whole story in a browser: a prompt, a picture coming out of the noise, and what stays."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.running import SMALL, RunningServer

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]

FOX = "a 3d red fox on a blue background"
FROG = "a flat green frog on a white background"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    with RunningServer(tmp_path / "data") as started:
        yield started


def ask(page: Page, prompt: str) -> None:
    page.get_by_role("spinbutton", name="Pictures").fill("1")
    page.get_by_role("spinbutton", name="Width").fill(str(SMALL["width"]))
    page.get_by_role("spinbutton", name="Height").fill(str(SMALL["height"]))
    page.get_by_role("textbox", name="Prompt", exact=True).fill(prompt)
    page.get_by_role("textbox", name="Prompt", exact=True).press("Control+Enter")


def watch_previews(page: Page) -> set[str]:
    """Collect the different previews of the first tile until its picture is there."""
    seen: set[str] = set()
    preview, final = page.locator(".tile-preview").first, page.locator(".tile-final img").first
    for _ in range(2000):
        if preview.count():
            seen.add(preview.get_attribute("src", timeout=2000) or "")
        if final.count():
            break
        page.wait_for_timeout(10)
    return seen - {""}


def expect_drawn(page: Page, index: int = 0) -> None:
    final = page.locator(".tile-final img").nth(index)
    expect(final).to_be_visible(timeout=60_000)
    page.wait_for_function(
        f"image => image.complete && image.naturalWidth === {SMALL['width']}",
        arg=final.element_handle(),
    )


def test_a_prompt_becomes_a_picture_and_stays_after_a_crash(
    page: Page, server: RunningServer
) -> None:
    page.goto(server.url)
    page.get_by_role("spinbutton", name="Steps").fill("60")
    ask(page, FOX)
    assert len(watch_previews(page)) >= 3
    expect_drawn(page)

    server.kill()
    expect(page.get_by_text("Reconnecting…")).to_be_visible(timeout=20_000)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(FOX)
    server.start()
    expect(page.get_by_text("Reconnecting…")).to_be_hidden(timeout=30_000)
    ask(page, FROG)  # the same page, never reloaded, draws again
    expect(page.locator(".tile-final img")).to_have_count(2, timeout=60_000)

    page.reload()
    page.get_by_role("link", name="Gallery", exact=True).click()
    pictures = page.get_by_role("listitem").get_by_role("link")
    expect(pictures).to_have_count(2)
    expect(pictures.nth(0)).to_have_accessible_name(FROG)
    expect(pictures.nth(1)).to_have_accessible_name(FOX)


def test_the_gallery_finds_stars_deletes_and_takes_back(page: Page, server: RunningServer) -> None:
    server.wait_for("/readyz", 60)
    server.generate(prompt=FOX, steps=4, seed=7)
    server.generate(prompt=FROG, steps=4, seed=8)
    page.goto(f"{server.url}/#/gallery")
    pictures = page.get_by_role("listitem").get_by_role("link")
    expect(pictures).to_have_count(2)

    page.keyboard.press("/")
    page.keyboard.type("fox")
    expect(pictures).to_have_count(1)
    pictures.first.click()
    details = page.get_by_role("complementary", name="Details")
    expect(details).to_contain_text("7")
    page.get_by_role("button", name="Star", exact=True).click()
    expect(page.get_by_role("button", name="Remove the star")).to_be_visible()
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Undo").click()
    expect(pictures).to_have_count(1)

    pictures.first.click()
    page.get_by_role("button", name="Use all settings again").click()
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_have_value(FOX)
    expect(page.get_by_role("spinbutton", name="Steps")).to_have_value("4")


def test_a_running_picture_is_canceled_with_the_escape_key(
    page: Page, server: RunningServer
) -> None:
    server.wait_for("/readyz", 60)
    page.goto(server.url)
    page.get_by_role("spinbutton", name="Steps").fill("500")
    ask(page, FOX)
    expect(page.get_by_role("progressbar").first).to_be_visible()
    expect(page.locator(".tile-preview").first).to_be_visible(timeout=60_000)
    page.keyboard.press("Escape")
    expect(page.get_by_text("Canceled")).to_be_visible(timeout=10_000)
    jobs = server.client.get("/api/v1/jobs").json()["items"]
    assert [job["status"] for job in jobs] == ["canceled"]


def test_the_language_and_the_theme_change_without_a_reload(
    page: Page, server: RunningServer
) -> None:
    page.goto(f"{server.url}/#/settings")
    page.evaluate("window.notReloaded = true")
    page.get_by_label("Language").select_option("de")
    expect(page.get_by_role("heading", name="Einstellungen")).to_be_visible()
    page.get_by_label("Sprache").select_option("ja")
    expect(page.locator("html")).to_have_attribute("lang", "ja")
    page.locator("select").first.select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    page.locator("select").first.select_option("en")
    expect(page.locator("html")).to_have_attribute("dir", "ltr")
    page.get_by_text("Light", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")
    assert page.evaluate("window.notReloaded")


def test_the_servers_refusals_come_in_the_chosen_language(server: RunningServer) -> None:
    body = {"prompt": "a fox", "steps": 100_000}
    answers = {
        language: server.client.post(
            "/api/v1/generate", json=body, headers={"Accept-Language": language}
        ).json()
        for language in ("en", "de", "ja", "ar")
    }
    assert {answer["code"] for answer in answers.values()} == {"invalid"}
    assert len({answer["errors"][0]["message"] for answer in answers.values()}) == 4
    assert {answer["errors"][0]["pointer"] for answer in answers.values()} == {"/steps"}


def test_markup_in_a_prompt_is_text_everywhere(page: Page, server: RunningServer) -> None:
    evil = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
    server.wait_for("/readyz", 60)
    server.generate(prompt=evil, steps=2)
    page.goto(f"{server.url}/#/gallery")
    page.get_by_role("listitem").get_by_role("link").click()
    expect(page.get_by_role("complementary", name="Details")).to_contain_text("<script>")
    assert re.search("broken", page.title()) is None
    policy = server.client.get("/").headers["content-security-policy"]
    assert "script-src" in policy or "default-src 'self'" in policy
    assert "unsafe-eval" not in policy
