"""The frames of a page in the browser, each timed. Knows nothing of what is on the page."""

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
