"""The page in headless Chromium: what is loaded first, previews, a large gallery, and its memory.

``tests.bench.hand`` has what it does under a hand.

``python -m tests.bench web``, on a machine at rest; with ``--tiny`` it is a rehearsal.
"""

import gzip
import os
import re
import shutil
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from core.paths import Layout
from tests.bench import big, frames, hand
from tests.bench.report import Row, quantile
from tests.e2e.conftest import ARGUMENTS
from tests.running import ROOT, RunningServer, running

DIST = ROOT / "web" / "dist"
PICTURES, DRAWN = 100_000, 1_000
_LINKS = 20_000  # names of one file, so that no file system refuses another
_SCRIPT = re.compile(r"assets/[^/?]+\.js")
_SIZE = ViewportSize(width=1280, height=800)
_SCROLL = """
    async ([steps, by]) => {
        const grid = document.querySelector(".grid-scroll");
        const far = grid.scrollHeight / steps;
        for (let step = 0; step < steps; step += 1) {
            grid.scrollTop += by || far;
            await new Promise((done) => requestAnimationFrame(done));
        }
    }
"""
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
    () => {
        // Look at what is drawn next, as somebody who waits for it does: the end of the new batch,
        // above what was drawn before.
        const tiles = () => [...document.querySelectorAll(".tile")];
        const before = tiles().map((tile) => tile.dataset.job).sort().at(-1) ?? "";
        setInterval(() => {
            const held = tiles();
            const live = held.findLast((tile) => tile.dataset.status === "running");
            const list = document.querySelector(".results-scroll");
            if (live) live.scrollIntoView({ block: "center" });
            else if (list) list.scrollTop += held.at(-1)?.dataset.job > before ? 600 : -600;
        }, 50);
    }
"""


def measure(*, tiny: bool = False) -> list[Row]:
    """Measure the page against servers of its own; a few pictures where it is a rehearsal."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        raise FileNotFoundError("no chromium on this machine")
    pictures, drawn = (3_000, 20) if tiny else (PICTURES, DRAWN)
    arguments = [*ARGUMENTS, "--js-flags=--expose-gc", "--enable-precise-memory-info"]
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        with running(Path(folder), fake_engine="1") as server:
            rows = [*_first_load(browser, server), *_drawing(browser, server, drawn)]
            rows += hand.measure(browser, server)
        root = Path(folder) / "large"
        _fill(root, pictures)
        with RunningServer(root, fake_engine="1") as server:
            server.wait_for("/readyz", 120)
            rows += _gallery(browser, server, pictures)
        browser.close()
    return rows


def _first_load(browser: Browser, server: RunningServer) -> list[Row]:
    """Count the script of the first two pages as it travels; wait until it can be typed into."""
    times, names = [], set[str]()
    for _ in range(5):
        context = browser.new_context(viewport=_SIZE, locale="en-US")
        page = context.new_page()
        page.on("response", lambda answer: names.update(_SCRIPT.findall(answer.url)))
        begun = time.perf_counter()
        page.goto(server.url)
        page.get_by_role("textbox", name="Prompt", exact=True).fill("a fox")
        times.append(time.perf_counter() - begun)
        page.goto(f"{server.url}/#/gallery")
        page.get_by_role("searchbox", name="Search").fill("a")
        context.close()
    size = sum(len(gzip.compress((DIST / name).read_bytes())) for name in names) / 1000
    return [
        Row(what="script of Generate and Gallery, compressed", value=size, unit="kB", target=300,
            beside=f"{len(names)} files"),
        Row(what="opened → typed into, p50", value=quantile(times, 0.5), unit="s", target=1.5,
            beside=f"first {times[0]:.2f} s, with an empty cache each time"),
    ]  # fmt: skip


def _drawing(browser: Browser, server: RunningServer, drawn: int) -> list[Row]:
    """Draw many pictures while the page is open: previews, and what it holds afterwards."""
    bare = browser.new_page(viewport=_SIZE)
    page = browser.new_page(viewport=_SIZE, locale="en-US")
    page.add_init_script(f"({_PREVIEWS})()")
    page.goto(f"{server.url}/#/gallery")
    page.get_by_role("searchbox", name="Search").wait_for()
    page.goto(f"{server.url}/#/generate")
    page.get_by_role("textbox", name="Prompt", exact=True).wait_for()
    _ask(server, max(1, drawn // 10))
    before = _heap(page)
    page.evaluate(_FOLLOW)
    frames.begin(bare)
    _ask(server, drawn)
    empty, _ = frames.taken(bare)
    page.get_by_role("link", name="Gallery", exact=True).click()
    page.locator(".cell img").first.wait_for()
    page.get_by_role("link", name="Generate", exact=True).click()
    after = _heap(page)
    previews: dict[str, Any] = page.evaluate("window.previews")
    page.close()
    bare.close()
    return [
        Row(what=f"the page's heap after {drawn:,} more pictures, grown by", value=after - before,
            unit="MB", target=10, beside=f"{before:.1f} → {after:.1f} MB"),
        *_shown(previews, empty),
    ]  # fmt: skip


def _shown(previews: dict[str, Any], empty: list[float]) -> list[Row]:
    """Tell of the previews, beside what the screen's own frames took meanwhile."""
    shown, frame = previews["shown"], previews["frame"]
    if not shown:
        return []
    return [
        Row(what="preview: frame on the socket → on the screen, p99",
            value=quantile(shown, 0.99), unit="ms", target=50,
            beside=f"p50 {quantile(shown, 0.5):.0f} ms, {len(shown)} previews, "
            f"{previews['unseen']} out of sight; the page's next frame p50 "
            f"{quantile(frame, 0.5):.0f}, p99 {quantile(frame, 0.99):.0f} ms; an empty page's "
            f"frames p50 {quantile(empty, 0.5):.0f}, p99 {quantile(empty, 0.99):.0f} ms"),
    ]  # fmt: skip


def _ask(server: RunningServer, count: int) -> None:
    recipe = {"name": "txt2img", "prompt": "a fox", "width": 64, "height": 64, "steps": 4}
    sweep = {"axes": [{"setting": "seed", "values": {"start": 1, "count": count}}]}
    asked = server.client.post("/api/v1/jobs", json={"recipe": recipe, "sweep": sweep})
    server.batch(asked.raise_for_status().json()["batch"], 1200)


def _gallery(browser: Browser, server: RunningServer, pictures: int) -> list[Row]:
    """Scroll by the wheel's steps, then through the whole list, with every frame timed."""
    page = browser.new_page(viewport=_SIZE, locale="en-US")
    page.goto(f"{server.url}/#/gallery")
    page.locator(".cell img").first.wait_for()
    expect(page.locator(".gallery-count")).not_to_have_text(re.compile(r"\+$"), timeout=60_000)
    before = _heap(page)
    frames.begin(page)
    page.evaluate(_SCROLL, [600, 120])
    wheel = frames.taken(page)
    page.evaluate(_SCROLL, [600, 0])
    page.locator(".cell img").first.wait_for()
    whole = frames.taken(page)
    after = _heap(page)
    page.close()
    rows = [
        Row(what=f"scroll of {pictures:,} pictures, {name}: slowest frame", value=max(took),
            unit="ms", target=50,
            beside=f"p50 {quantile(took, 0.5):.0f}, p99 {quantile(took, 0.99):.0f} ms; "
            f"{len(long)} long tasks, the longest {max(long, default=0):.0f} ms")
        for name, (took, long) in (("by the wheel", wheel), ("from end to end", whole))
    ]  # fmt: skip
    return [
        *rows,
        Row(what="the page's heap after that scroll, grown by", value=after - before, unit="MB",
            target=10, beside=f"{before:.1f} → {after:.1f} MB"),
    ]  # fmt: skip


def _heap(page: Page) -> float:
    """Give the megabytes in use once nothing more can be collected."""
    page.evaluate("async () => { for (let turn = 0; turn < 3; turn += 1) await window.gc(); }")
    return float(page.evaluate("performance.memory.usedJSHeapSize")) / 1e6


def _fill(root: Path, pictures: int) -> None:
    """Make rows, and a thumbnail for each that is a link to one of a few.

    With no picture there at all the server takes their folder for one that is not mounted.
    """
    database, layout = big.build(root, images=pictures), Layout(root)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE images SET blob = 0")
        connection.commit()
    for number in range(pictures):
        file = root / f"linked-{number // _LINKS}.webp"
        if number % _LINKS == 0:
            Image.new("RGB", (256, 256), (number // _LINKS * 40 % 255, 90, 120)).save(file)
        target = layout.thumbnail(big.new_id("image", number))
        target.parent.mkdir(exist_ok=True)
        os.link(file, target)
