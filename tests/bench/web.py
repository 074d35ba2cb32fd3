"""The page in headless Chromium: what is loaded first, previews, a large gallery, and its memory.

``tests.bench.watched`` has pictures that come, ``tests.bench.hand`` what it does under a hand.

``python -m tests.bench web``, on a machine at rest; with ``--tiny`` it is a rehearsal.
"""

import gzip
import re
import shutil
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from tests.bench import big, frames, hand, watched
from tests.bench.report import Row, quantile
from tests.e2e.conftest import ARGUMENTS
from tests.running import ROOT, RunningServer, running

DIST = ROOT / "web" / "dist"
PICTURES, DRAWN = 100_000, 1_000
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
            rows = [*_first_load(browser, server), *watched.measure(browser, server, drawn)]
            rows += hand.measure(browser, server)
        root = Path(folder) / "large"
        big.illustrate(root, pictures)
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


def _gallery(browser: Browser, server: RunningServer, pictures: int) -> list[Row]:
    """Scroll by the wheel's steps, then through the whole list, with every frame timed."""
    page = browser.new_page(viewport=_SIZE, locale="en-US")
    page.goto(f"{server.url}/#/gallery")
    page.locator(".cell img").first.wait_for()
    expect(page.locator(".gallery-count")).not_to_have_text(re.compile(r"\+$"), timeout=60_000)
    before = frames.heap(page)
    frames.begin(page)
    page.evaluate(_SCROLL, [600, 120])
    wheel = frames.taken(page)
    page.evaluate(_SCROLL, [600, 0])
    page.locator(".cell img").first.wait_for()
    whole = frames.taken(page)
    after = frames.heap(page)
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
