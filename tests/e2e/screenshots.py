"""Take the pictures of the docs anew: ``python -m tests.e2e.screenshots [page …]``.

Needs chromium and the starter; draws real pictures with it. Each page is shown by a function of its
own, in the dark, by daylight, in Arabic and on a phone, and kept as WebP of at most 150 KB.
"""

import io
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.e2e.conftest import ARGUMENTS
from tests.running import ROOT, RunningServer, running

FOLDER = ROOT / "docs" / "screenshots"
SIZE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
LOOKS = {  # name → theme, language, size
    "dark": ("dark", "en", SIZE),
    "light": ("light", "en", SIZE),
    "arabic": ("dark", "ar", SIZE),
    "phone": ("dark", "en", PHONE),
}
LARGEST = 150_000  # bytes of a file
QUALITIES = (90, 82, 74, 64, 50)
SOON = 60_000  # milliseconds
PROMPTS = [
    "a 3d red fox on a blue background",
    "a flat panda on a green background",
    "a cartoon sunflower on a light blue background",
    "a flat green frog on a white background",
]


def generate(page: Page, server: RunningServer) -> None:
    """Show pictures, and in English four that come out of the noise."""
    place(page, server, "generate")
    expect(page.locator(".tile-final[data-ready=true]").first).to_be_visible(timeout=SOON)
    if page.locator("html").get_attribute("lang") != "en":
        return
    page.locator(".prompt textarea").first.fill(PROMPTS[0])
    page.locator(".prompt textarea").first.press("Control+Enter")
    page.wait_for_function(  # a third of the way: noise that begins to be something
        "() => Number(document.querySelector('.tile-progress')?.ariaValueNow) >= 35",
        timeout=SOON,
    )


def gallery(page: Page, server: RunningServer) -> None:
    """Show every picture."""
    place(page, server, "gallery")
    expect(page.get_by_role("listitem").get_by_role("link").nth(8)).to_be_visible(timeout=SOON)
    arrived(page)


def picture(page: Page, server: RunningServer) -> None:
    """Show one picture with what is known of it."""
    newest = server.client.get("/api/v1/images", params={"limit": 9}).json()["items"][-1]["id"]
    place(page, server, f"gallery/{newest}")
    expect(page.get_by_role("dialog")).to_be_visible()
    arrived(page)


def canvas(page: Page, server: RunningServer) -> None:
    """Show the canvas."""
    place(page, server, "canvas")


def workflow(page: Page, server: RunningServer) -> None:
    """Show the workflow editor."""
    place(page, server, "workflow")


def training(page: Page, server: RunningServer) -> None:
    """Show the trainings."""
    place(page, server, "training")


def models(page: Page, server: RunningServer) -> None:
    """Show the library, and one model."""
    model = server.client.get("/api/v1/models").json()["items"][0]["id"]
    place(page, server, f"models/{model}")
    expect(page.get_by_role("article")).to_be_visible()
    arrived(page)


def install(page: Page, server: RunningServer) -> None:
    """Show where models come from."""
    place(page, server, "models/add")
    expect(page.locator(".offer").first).to_be_visible(timeout=SOON)


def settings(page: Page, server: RunningServer) -> None:
    """Show the settings of the server."""
    place(page, server, "settings/server")
    expect(page.locator(".setting").first).to_be_visible(timeout=SOON)


PAGES: dict[str, Callable[[Page, RunningServer], None]] = {
    shown.__name__: shown
    for shown in (
        generate, gallery, picture, canvas, workflow, training, models, install, settings,
    )
}  # fmt: skip


def place(page: Page, server: RunningServer, route: str) -> None:
    """Go to a part of the page, and wait until it has what it shows."""
    page.goto(f"{server.url}/#/{route}")
    expect(page.locator("main > *").first).to_be_attached(timeout=SOON)
    expect(page.locator("main [aria-busy=true]")).to_have_count(0, timeout=SOON)


def arrived(page: Page) -> None:
    """Wait until every picture that is shown is there."""
    page.wait_for_function(
        "() => [...document.images].every((one) => one.complete || one.loading === 'lazy')",
        timeout=SOON,
    )
    page.wait_for_load_state("networkidle")


def keep(page: Page, name: str) -> None:
    """Keep what is seen, in the best quality that is small enough."""
    seen = Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
    for quality in QUALITIES:
        file = io.BytesIO()
        seen.save(file, "WEBP", quality=quality, method=6)
        if file.tell() <= LARGEST:
            break
    (FOLDER / f"{name}.webp").write_bytes(file.getvalue())


def fill(server: RunningServer) -> None:
    """Draw what the gallery shows, and give the model a cover."""
    made = [server.generate(prompt=prompt, count=4, seed=7, width=None) for prompt in PROMPTS]
    model = server.client.get("/api/v1/models").json()["items"][0]["id"]
    cover = {"cover": made[0]["images"][0]["id"]}
    server.client.patch(f"/api/v1/models/{model}", json=cover)


def show(browser: Browser, server: RunningServer, look: str, names: list[str]) -> None:
    """Show some pages with one look."""
    theme, language, size = LOOKS[look]
    context = browser.new_context(viewport=size, locale="en-US", reduced_motion="reduce")
    context.add_init_script(
        "localStorage.setItem('heliograph.preferences',"
        f" JSON.stringify({{theme: '{theme}', language: '{language}', guide: 4}}))"
    )
    for name in names:
        page = context.new_page()
        PAGES[name](page, server)
        keep(page, f"{name}-{look}")
        page.close()
    context.close()


def main(names: list[str]) -> None:
    """Draw, look and keep."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = shutil.which("chromium")
    assert path, "no chromium on this machine"
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        fill(server)
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        for look in LOOKS:
            show(browser, server, look, names or list(PAGES))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1:])
