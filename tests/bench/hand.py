"""What the page does under a hand: strokes, other pages, a long queue; ``board`` has the workflow.

Rows of ``python -m tests.bench web``. Everything is timed inside of the page, so that what drives
the browser is not part of it.
"""

import io
from collections.abc import Callable

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from tests.bench import frames
from tests.bench.board import workflow
from tests.bench.report import Row, quantile
from tests.running import RunningServer

PAGES = ("gallery", "canvas", "workflow", "training", "models", "settings", "generate")
ROUNDS = 5  # visits of each page, the first apart
STROKES, MOVES = 6, 240
WAITING, OPENINGS = 10_000, 10
_STROKE = """
    async ([x, y, moves]) => {
        const stage = document.querySelector(".canvas-stage");
        const times = [];
        for (let step = 0; step < moves; step += 1) {
            const event = new PointerEvent("pointermove", {
                pointerId: 1, bubbles: true,
                clientX: x + 200 * Math.sin(step / 9), clientY: y + 150 * Math.cos(step / 7),
            });
            const begun = performance.now();
            stage.dispatchEvent(event);
            times.push(performance.now() - begun);
            if (step % 3 === 2) await new Promise((done) => requestAnimationFrame(done));
        }
        return times;
    }
"""
_SWITCH = """
    async (name) => {
        const begun = performance.now();
        document.querySelector(`nav a[href="#/${name}"]`).click();
        const there = () => {
            const main = document.querySelector("main");
            const page = main.querySelector(":scope > *");
            const shown = document.querySelector(`nav a[href="#/${name}"][aria-current=page]`);
            return shown && page && page.childElementCount > 0
                && !main.querySelector("[aria-busy=true]");
        };
        while (!there() && performance.now() - begun < 20_000) {
            await new Promise((done) => requestAnimationFrame(done));
        }
        const took = performance.now() - begun;
        await new Promise((done) => setTimeout(done, 200));
        return took;
    }
"""
_OPEN_QUEUE = """
    async () => {
        const button = document.querySelector(".strip-open");
        const begun = performance.now();
        button.click();
        while (!document.querySelector(".queue-rows li") && performance.now() - begun < 20_000) {
            await new Promise((done) => requestAnimationFrame(done));
        }
        const took = performance.now() - begun;
        await new Promise((done) => setTimeout(done, 100));
        button.click();
        await new Promise((done) => setTimeout(done, 100));
        return took;
    }
"""
_SCROLL_QUEUE = """
    async () => {
        const scroll = document.querySelector(".queue-scroll");
        for (let step = 0; step < 240; step += 1) {
            scroll.scrollTop += 60;
            await new Promise((done) => requestAnimationFrame(done));
        }
    }
"""


def measure(browser: Browser, server: RunningServer) -> list[Row]:
    """Measure on a server with a scripted engine; leaves its queue paused and full."""
    parts: tuple[Callable[[Page, RunningServer], list[Row]], ...] = (
        canvas, workflow, switching, queue,
    )  # fmt: skip
    rows: list[Row] = []
    for part in parts:
        context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
        context.set_default_timeout(60_000)
        rows += part(context.new_page(), server)
        context.close()
    return rows


def canvas(page: Page, server: RunningServer) -> list[Row]:
    """Paint a mask over a picture of 4096 × 4096 pixels; the first stroke is not counted."""
    body = io.BytesIO()
    ramp = np.linspace(0, 255, 4096, dtype=np.uint8)
    pixels = np.stack([np.tile(ramp, (4096, 1)), np.tile(ramp[:, None], (1, 4096))] * 2, -1)
    Image.fromarray(np.ascontiguousarray(pixels[..., :3])).save(body, "PNG", compress_level=1)
    sent = server.client.post(
        "/api/v1/uploads", content=body.getvalue(), headers={"content-type": "image/png"}
    )
    page.goto(f"{server.url}/#/canvas/{sent.raise_for_status().json()['id']}")
    layers = page.get_by_role("region", name="Layers").get_by_role("listitem")
    expect(layers).to_have_count(2, timeout=60_000)
    stage = page.get_by_role("application").bounding_box()
    assert stage is not None
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2 - 48
    times: list[float] = []
    meter = page.context.new_cdp_session(page)
    meter.send("Performance.enable")
    worked = 0.0
    for stroke in range(STROKES + 1):
        page.mouse.move(x, y)
        page.mouse.down()
        before = _script(meter.send("Performance.getMetrics"))
        took = page.evaluate(_STROKE, [x, y, MOVES])
        after = _script(meter.send("Performance.getMetrics"))
        page.mouse.up()
        if stroke:
            times += took
            worked += after - before
    beside = (
        f"p50 {quantile(times, 0.5):.2f} ms, {len(times)} events; with all other script of that "
        f"time {worked * 1000 / len(times):.2f} ms an event"
    )
    return [
        Row(what="canvas: script per pointer event of a stroke over 4096² pixels, p95",
            value=quantile(times, 0.95), unit="ms", target=8, beside=beside),
        Row(what="the same, the slowest event", value=max(times), unit="ms", target=8),
    ]  # fmt: skip


def _script(told: dict[str, list[dict[str, object]]]) -> float:
    """Give the seconds of script that a page has run."""
    found = {str(one["name"]): float(str(one["value"])) for one in told["metrics"]}
    return found["ScriptDuration"]


def switching(page: Page, server: RunningServer) -> list[Row]:
    """Go to every page and again: first each one's script is fetched, later it is there."""
    page.goto(server.url)
    page.get_by_role("textbox", name="Prompt", exact=True).wait_for()
    times = {name: [page.evaluate(_SWITCH, name)] for name in PAGES}
    for _ in range(ROUNDS - 1):
        for name in PAGES:
            times[name].append(page.evaluate(_SWITCH, name))
    first = {name: took[0] for name, took in times.items()}
    later = {name: quantile(took[1:], 0.5) for name, took in times.items()}
    return [
        Row(what=f"another page, {when}: click → all of it is shown, the slowest of {len(PAGES)}",
            value=max(found.values()), unit="ms", target=target,
            beside=", ".join(f"{name} {took:.0f}" for name, took in found.items()))
        for when, found, target in (("first", first, 500), ("later, p50", later, 100))
    ]  # fmt: skip


def queue(page: Page, server: RunningServer) -> list[Row]:
    """Open the panel of a line of thousands, again and again, and scroll it."""
    server.client.post("/api/v1/queue/pause").raise_for_status()
    recipe = {"name": "txt2img", "prompt": "a fox", "width": 64, "height": 64, "steps": 4}
    sweep = {"axes": [{"setting": "seed", "values": {"start": 1, "count": WAITING}}]}
    sent = server.client.post("/api/v1/jobs", json={"recipe": recipe, "sweep": sweep})
    sent.raise_for_status()
    page.goto(f"{server.url}/#/generate")
    expect(page.locator(".strip-counts")).to_contain_text(f"{WAITING:,}", timeout=60_000)
    times = [page.evaluate(_OPEN_QUEUE) for _ in range(OPENINGS + 1)]
    page.locator(".strip-open").click()
    page.locator(".queue-rows li").first.wait_for()
    frames.begin(page)
    page.evaluate(_SCROLL_QUEUE)
    took, _ = frames.taken(page)
    return [
        Row(what=f"{WAITING:,} jobs wait: the queue is opened, p95",
            value=quantile(times[1:], 0.95), unit="ms", target=100,
            beside=f"p50 {quantile(times[1:], 0.5):.0f} ms, the first {times[0]:.0f} ms"),
        Row(what="a frame while it is scrolled, p95", value=quantile(took, 0.95), unit="ms",
            target=50, beside=f"p50 {quantile(took, 0.5):.0f}, most {max(took):.0f} ms"),
    ]  # fmt: skip
