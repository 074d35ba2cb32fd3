"""The frames of a page in the browser, each timed, and its memory. Knows nothing of its content."""

from typing import Any

from playwright.sync_api import Page

_BEGIN = """
    () => {
        const held = { frames: [], long: [] };
        let last = performance.now();
        const tick = (now) => {
            held.frames.push(now - last);
            last = now;
            requestAnimationFrame(tick);
        };
        requestAnimationFrame(tick);
        new PerformanceObserver((list) => {
            for (const { duration } of list.getEntries()) held.long.push(duration);
        }).observe({ entryTypes: ["longtask"] });
        window.measured = held;
    }
"""


def begin(page: Page) -> None:
    """Time every frame of a page from now on."""
    page.evaluate(_BEGIN)


def taken(page: Page) -> tuple[list[float], list[float]]:
    """Take what was timed since the last look: frames and long tasks, in milliseconds."""
    held: dict[str, Any] = page.evaluate(
        "() => { const { frames, long } = window.measured;"
        " return { frames: frames.splice(0), long: long.splice(0) }; }"
    )
    return held["frames"][1:], held["long"]


def heap(page: Page) -> float:
    """Give the megabytes in use once nothing more can be collected."""
    page.evaluate("async () => { for (let turn = 0; turn < 3; turn += 1) await window.gc(); }")
    return float(page.evaluate("performance.memory.usedJSHeapSize")) / 1e6
