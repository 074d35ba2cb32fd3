"""Pictures that come while somebody watches the page: its previews, its frames, and what it holds.

Rows of ``python -m tests.bench web``.
"""

import time
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize

from tests.bench import frames
from tests.bench.report import Row, quantile
from tests.running import RunningServer

STEPS, WATCHED = 20, 40  # of a picture; pictures
_SIZE = ViewportSize(width=1280, height=800)
_PREVIEWS = """
    () => {
        // Of each preview that came, when its job's tile shows it or a newer one; and beside it the
        // least that it can take, the next frame of the screen.
        const held = window.previews = { shown: [], frame: [], unseen: 0 };
        const open = new Map();
        const decoder = new TextDecoder();
        const every = document.getElementsByClassName("tile");
        const tileOf = (job) => document.querySelector(`.tile[data-job="${job}"]`);
        const sourceIn = (tile) => tile?.querySelector(".tile-preview")?.src;
        const jobOf = (data) => {
            const length = new DataView(data).getUint32(0, false);
            return JSON.parse(decoder.decode(new Uint8Array(data, 4, length))).job;
        };
        const look = (now) => {
            const tiles = new Map();
            if (open.size > 0) for (const tile of every) tiles.set(tile.dataset.job, tile);
            for (const [job, one] of open) {
                const tile = tiles.get(job);
                const image = tile?.querySelector(".tile-preview");
                if (image && image.src !== one.before && image.complete) {
                    for (const came of one.came) held.shown.push(performance.now() - came);
                    open.delete(job);
                } else if (now - one.came.at(-1) > 3000) {
                    held.unseen += one.came.length;
                    open.delete(job);
                }
            }
            requestAnimationFrame(look);
        };
        requestAnimationFrame(look);
        const Plain = window.WebSocket;
        window.WebSocket = class extends Plain {
            constructor(...all) {
                super(...all);
                this.addEventListener("message", ({ data }) => {
                    if (typeof data === "string") return;
                    const came = performance.now();
                    const job = jobOf(data);
                    const one = open.get(job) ?? { before: sourceIn(tileOf(job)), came: [] };
                    open.set(job, { ...one, came: [...one.came, came] });
                    requestAnimationFrame(() => held.frame.push(performance.now() - came));
                });
            }
        };
    }
"""
_FOLLOW = """
    () => setInterval(() => {
        // What runs is looked at, as by somebody who waits for it.
        const tiles = [...document.querySelectorAll(".tile")];
        const running = tiles.findLast((tile) => tile.dataset.status === "running");
        const list = document.querySelector(".results-scroll");
        if (running) running.scrollIntoView({ block: "nearest" });
        else if (tiles.some((tile) => tile.dataset.status === "succeeded")) list.scrollTop += 50;
    }, 50)
"""


def measure(browser: Browser, server: RunningServer, drawn: int) -> list[Row]:
    """Let very many pictures come as fast as a script draws them, then some at a card's pace."""
    page = browser.new_page(viewport=_SIZE, locale="en-US")
    page.add_init_script(f"({_PREVIEWS})()")
    page.goto(f"{server.url}/#/gallery")
    page.get_by_role("searchbox", name="Search").wait_for()
    page.goto(f"{server.url}/#/generate")
    page.get_by_role("textbox", name="Prompt", exact=True).wait_for()
    rows = [*_flooded(page, server, drawn), *_followed(page, server, _empty(browser))]
    page.close()
    return rows


def _flooded(page: Page, server: RunningServer, drawn: int) -> list[Row]:
    """Draw pictures of four steps without a pause; a tenth of them before anything is counted."""
    _ask(server, max(1, drawn // 10))
    before = frames.heap(page)
    frames.begin(page)
    seconds = _ask(server, drawn)
    taken, _ = frames.taken(page)
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.locator(".cell img").first.wait_for()
    page.get_by_role("link", name="Generate", exact=True).click()
    page.locator(".tile").first.wait_for()
    after = frames.heap(page)
    return [
        Row(what=f"the page's heap after {drawn:,} more pictures, grown by", value=after - before,
            unit="MB", target=10, beside=f"{before:.1f} → {after:.1f} MB"),
        Row(what=f"a frame while {drawn:,} pictures come without a pause, p95",
            value=quantile(taken, 0.95), unit="ms", target=50,
            beside=f"p50 {quantile(taken, 0.5):.0f}, p99 {quantile(taken, 0.99):.0f} ms; "
            f"{drawn / seconds:.0f} pictures a second"),
    ]  # fmt: skip


def _followed(page: Page, server: RunningServer, empty: list[float]) -> list[Row]:
    """Follow pictures whose steps take their time, above all those that came before."""
    page.evaluate("() => Object.assign(window.previews, { shown: [], frame: [], unseen: 0 })")
    page.evaluate(_FOLLOW)
    _ask(server, WATCHED, steps=STEPS, prompt="a fox fake:slow")
    previews: dict[str, Any] = page.evaluate("window.previews")
    shown, frame = previews["shown"], previews["frame"]
    return [
        Row(what="preview: frame on the socket → on the screen, p99",
            value=quantile(shown, 0.99), unit="ms", target=50,
            beside=f"p50 {quantile(shown, 0.5):.0f} ms, {len(shown)} previews, "
            f"{previews['unseen']} out of sight; the page's next frame p50 "
            f"{quantile(frame, 0.5):.0f}, p99 {quantile(frame, 0.99):.0f} ms; an empty page's "
            f"frames p50 {quantile(empty, 0.5):.0f}, p99 {quantile(empty, 0.99):.0f} ms"),
    ]  # fmt: skip


def _empty(browser: Browser) -> list[float]:
    """Time the frames of a page with nothing on it."""
    page = browser.new_page(viewport=_SIZE)
    frames.begin(page)
    page.wait_for_timeout(3000)
    taken, _ = frames.taken(page)
    page.close()
    return taken


def _ask(server: RunningServer, count: int, *, steps: int = 4, prompt: str = "a fox") -> float:
    """Have pictures drawn, in the seconds that are given back."""
    begun = time.monotonic()
    recipe = {"name": "txt2img", "prompt": prompt, "width": 64, "height": 64, "steps": steps}
    sweep = {"axes": [{"setting": "seed", "values": {"start": 1, "count": count}}]}
    asked = server.client.post("/api/v1/jobs", json={"recipe": recipe, "sweep": sweep})
    server.batch(asked.raise_for_status().json()["batch"], 1200)
    return time.monotonic() - begun
