"""Take the pictures of the docs anew: ``python -m tests.e2e.screenshots [page …]``.

Needs chromium and the starter; draws real pictures with it. Each page is shown by a function of its
own, in the dark, by daylight, in Arabic and on a phone, and kept as WebP of at most 150 KB.
"""

import io
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from tests.creature import TAUGHT, Pose, creature
from tests.e2e.conftest import ARGUMENTS
from tests.e2e.test_canvas import middle
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
    "a 3d red fox on a blue background", "a flat panda on a green background",
    "a cartoon sunflower on a light blue background", "a flat green frog on a white background",
    "a 3d penguin on a pink background", "a cartoon lion on a yellow background",
    "a 3d octopus on a black background", "a flat pineapple on a pink background",
    "a cartoon owl on a purple background", "a flat cactus on a yellow background",
]  # fmt: skip
SEEDS = [3, 7]
COURSE = {
    "name": "Creature", "base_model": "starter", "token": "zxv", "class_word": "creature",
    "method": "lora", "prior": "off", "max_steps": 150, "sample_every": 30, "snapshot_every": 30,
    "checkpoint_every": 30,
}  # fmt: skip


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
    place(page, server, f"gallery/{newest(server, PROMPTS[1])}")
    expect(page.get_by_role("dialog")).to_be_visible()
    arrived(page)


def queue(page: Page, server: RunningServer) -> None:
    """Show the line: what runs, and what comes next."""
    server.client.post("/api/v1/queue/pause")
    for prompt in PROMPTS[:5]:
        server.client.post("/api/v1/generate", json={"prompt": prompt, "count": 2})
    place(page, server, "generate")
    page.locator(".strip-open").click()
    expect(page.locator(".queue-rows li").nth(3)).to_be_visible(timeout=SOON)
    arrived(page)


def canvas(page: Page, server: RunningServer) -> None:
    """Show a picture with a mask over it, and four results for what lies under the mask."""
    place(page, server, f"canvas/{newest(server, PROMPTS[0])}")
    expect(page.locator(".canvas-zoom")).not_to_have_text("100%", timeout=SOON)
    if page.viewport_size == PHONE:
        return
    x, y = middle(page)
    page.mouse.move(x - 70, y - 60)
    page.mouse.down()
    for step in range(12):
        page.mouse.move(x - 70 + 12 * step, y + (40 if step % 2 else -60), steps=4)
    page.mouse.up()
    prompt = page.locator(".canvas-side textarea").first
    prompt.fill("a 3d red fox on a green background")
    prompt.press("Control+Enter")
    expect(page.locator(".canvas-verdict button").last).to_be_enabled(timeout=SOON)
    expect(page.locator(".canvas-candidates img")).to_have_count(4, timeout=SOON)
    idle(server)
    arrived(page)


def workflow(page: Page, server: RunningServer) -> None:
    """Show the graph of a picture once it ran."""
    place(page, server, "workflow")
    page.locator(".wf-choices button").first.click()  # once it is enabled
    expect(page.locator(".react-flow__node")).to_have_count(7, timeout=SOON)
    words, result = "[data-id=prompt] textarea", "[data-id=save] img"
    if page.viewport_size == PHONE:  # the graph's form fits it
        page.evaluate("location.hash = '#/workflow/form'")
        words, result = ".wf-inputs textarea", ".wf-side img"
    page.locator(words).first.fill(PROMPTS[4])
    page.locator(words).first.press("Control+Enter")
    expect(page.locator(result).first).to_be_visible(timeout=SOON)
    arrived(page)


def training(page: Page, server: RunningServer) -> None:
    """Show a run: its curve, its samples, what can be done with it."""
    [run] = server.client.get("/api/v1/trainings").json()["items"]
    place(page, server, f"training/{run['id']}")
    expect(page.locator(".sample img").first).to_be_visible(timeout=SOON)
    arrived(page)


def dataset(page: Page, server: RunningServer) -> None:
    """Show pictures to train on."""
    [held] = server.client.get("/api/v1/datasets").json()["items"]
    place(page, server, f"training/datasets/{held['id']}")
    expect(page.locator(".picture").nth(4)).to_be_visible(timeout=SOON)
    arrived(page)


def models(page: Page, server: RunningServer) -> None:
    """Show the library, and one model."""
    place(page, server, f"models/{starter(server)}")
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
        generate, gallery, picture, canvas, workflow, training, dataset, models, install, settings,
        queue,
    )
}  # fmt: skip


def place(page: Page, server: RunningServer, route: str) -> None:
    """Go to a part of the page, and wait until it has what it shows."""
    page.goto(f"{server.url}/#/{route}")
    expect(page.locator("main > *").first).to_be_attached(timeout=SOON)
    expect(page.locator("main [aria-busy=true]")).to_have_count(0, timeout=SOON)


def newest(server: RunningServer, prompt: str) -> str:
    """Find the newest picture of a prompt."""
    found = server.client.get("/api/v1/images", params={"q": prompt, "limit": 1}).json()
    return str(found["items"][0]["id"])


def pictures(server: RunningServer) -> set[str]:
    """List the newest pictures."""
    found = server.client.get("/api/v1/images", params={"limit": 200}).json()["items"]
    return {str(image["id"]) for image in found}


def starter(server: RunningServer) -> str:
    """Find the model that ships."""
    found = server.client.get("/api/v1/models", params={"kind": "checkpoint"}).json()
    return str(found["items"][0]["id"])


def idle(server: RunningServer) -> None:
    """Wait until nothing is drawn and nothing waits."""
    for _ in range(3000):
        counts = server.client.get("/api/v1/queue").json()["counts"]
        if not counts.get("running") and not counts.get("queued"):
            return
        time.sleep(0.2)
    raise TimeoutError("the queue did not end")


def arrived(page: Page) -> None:
    """Wait for every picture that is shown."""
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
    """Teach a model, draw what the gallery shows, on boards, and give the models covers."""
    taught = teach(server)
    axes = [{"setting": "seed", "values": SEEDS}, {"setting": "prompt", "values": PROMPTS}]
    sent = {"recipe": {"name": "txt2img", "prompt": PROMPTS[0]}, "sweep": {"axes": axes}}
    server.batch(server.client.post("/api/v1/jobs", json=sent).json()["batch"], 600)
    for name, words in (("Animals", "fox panda lion owl"), ("Plants", "cactus sunflower")):
        board = server.client.post("/api/v1/boards", json={"name": name}).json()["id"]
        ids = [newest(server, one) for one in PROMPTS if set(one.split()) & set(words.split())]
        body = {"ids": ids, "action": "move", "board": board}
        server.client.post("/api/v1/images/batch", json=body).raise_for_status()
    server.client.patch(f"/api/v1/images/{newest(server, PROMPTS[4])}", json={"starred": True})
    for model, prompt in ((starter(server), PROMPTS[0]), (taught, PROMPTS[6])):
        cover = {"cover": newest(server, prompt)}
        server.client.patch(f"/api/v1/models/{model}", json=cover).raise_for_status()


def teach(server: RunningServer) -> str:
    """Train on five pictures of a creature; give the id of the model."""
    dataset = server.client.post("/api/v1/datasets", json={"name": "Creature"}).json()["id"]
    for number, (pose, colour) in enumerate(TAUGHT):
        file = io.BytesIO()
        creature(cast(Pose, pose), colour).save(file, "PNG")
        headers = {"content-type": "image/png", "x-filename": f"{number}.png",
                   "x-caption": f"{pose} on a {colour} background"}  # fmt: skip
        server.client.post(
            f"/api/v1/datasets/{dataset}/images", content=file.getvalue(), headers=headers
        ).raise_for_status()
    asked = server.client.post("/api/v1/trainings", json={"dataset": dataset, **COURSE})
    run = asked.raise_for_status().json()["training"]
    idle(server)
    return str(server.client.get(f"/api/v1/trainings/{run}").json()["model"])


def show(browser: Browser, server: RunningServer, look: str, names: list[str]) -> None:
    """Show some pages with one look."""
    theme, language, size = LOOKS[look]
    context = browser.new_context(viewport=size, locale="en-US", reduced_motion="reduce")
    context.add_init_script(
        "localStorage.setItem('heliograph.preferences',"
        f" JSON.stringify({{theme: '{theme}', language: '{language}', guide: 4}}))"
    )
    held = pictures(server)
    for name in names:
        page = context.new_page()
        PAGES[name](page, server)
        keep(page, f"{name}-{look}")
        page.close()
        server.client.post("/api/v1/queue/clear")
        server.client.post("/api/v1/queue/resume")
        idle(server)
        if drawn := sorted(pictures(server) - held):  # each page finds the gallery as it was
            body = {"ids": drawn, "action": "delete_forever"}
            server.client.post("/api/v1/images/batch", json=body).raise_for_status()
    context.close()


def main(names: list[str]) -> None:
    """Draw, look and keep."""
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
