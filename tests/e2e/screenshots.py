"""Take the pictures of the docs anew: ``python -m tests.e2e.screenshots``.

Needs chromium and the starter; draws real pictures with it.
"""

import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, expect, sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.running import ROOT, RunningServer, running

FOLDER = ROOT / "docs" / "screenshots"
SIZE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=800)
PROMPTS = [
    ("a 3d red fox on a blue background", 4),
    ("a flat panda on a green background", 4),
    ("a cartoon sunflower on a light blue background", 4),
]


def ask(page: Page, prompt: str, count: int) -> None:
    """Type a prompt and send it."""
    page.get_by_role("spinbutton", name="Pictures").fill(str(count))
    box = page.get_by_role("textbox", name="Prompt", exact=True)
    box.fill(prompt)
    box.press("Control+Enter")


def settle(page: Page, pictures: int) -> None:
    """Wait until every picture is there and its preview has faded."""
    expect(page.locator(".tile-final[data-ready=true]")).to_have_count(pictures, timeout=120_000)
    expect(page.locator(".tile-preview")).to_have_count(0, timeout=10_000)


def dark(page: Page, server: RunningServer) -> None:
    """Show a generation as it happens, the gallery, and one picture."""
    page.goto(server.url)
    for prompt, count in PROMPTS[:2]:
        ask(page, prompt, count)
    settle(page, 8)
    ask(page, *PROMPTS[2])
    expect(page.locator(".tile-preview")).to_have_count(4, timeout=60_000)
    page.wait_for_function(  # a third of the way: noise that begins to be something
        "() => Number(document.querySelector('.tile-progress')?.ariaValueNow) >= 35",
        timeout=60_000,
    )
    page.screenshot(path=FOLDER / "generate-dark.png")
    settle(page, 12)
    page.goto(f"{server.url}/#/gallery")
    page.get_by_role("listitem").get_by_role("link").nth(9).click()
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / "picture-dark.png")


def light(page: Page, server: RunningServer) -> None:
    """Show the gallery by daylight, then the page in Arabic."""
    page.goto(f"{server.url}/#/settings")
    page.get_by_text("Light", exact=True).click()
    page.goto(f"{server.url}/#/generate")
    page.get_by_role("textbox", name="Prompt", exact=True).fill(PROMPTS[0][0])
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / "generate-light.png")
    page.goto(f"{server.url}/#/settings")
    page.locator("select").first.select_option("ar")
    page.goto(f"{server.url}/#/generate")
    page.wait_for_timeout(500)
    page.screenshot(path=FOLDER / "generate-arabic.png")


def main() -> None:
    """Draw, look and keep."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = shutil.which("chromium")
    assert path, "no chromium on this machine"
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        dark(browser.new_page(viewport=SIZE, color_scheme="dark", locale="en-US"), server)
        light(browser.new_page(viewport=SIZE, color_scheme="light", locale="en-US"), server)
        phone = browser.new_page(viewport=PHONE, color_scheme="dark", locale="en-US")
        phone.goto(f"{server.url}/#/gallery")
        phone.wait_for_timeout(700)
        phone.screenshot(path=FOLDER / "gallery-phone.png")
        browser.close()


if __name__ == "__main__":
    main()
