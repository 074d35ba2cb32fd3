"""Markup that would tell if any of it ran, and the look for what it would have left."""

from typing import Any

from playwright.sync_api import Page


def evil(name: str) -> str:
    """Write markup that tells its name if any of it runs."""
    hit = f"window.hit=(window.hit||'')+'{name} '"
    return (
        f'"><img src=x onerror="{hit}"><script>{hit}</script><svg onload="{hit}">'
        f"<iframe srcdoc='<script>parent.{hit}</script>'></iframe>"
        f'<a href="javascript:{hit}">x</a>'
        "{{7*7}}${7*7}"
    )


def harmless(page: Page) -> None:
    """Look for what markup would have left: a hit, a script, a handler, a frame."""
    assert page.evaluate("window.hit") is None
    found: Any = page.evaluate(
        """() => ({
            scripts: [...document.scripts].map((one) => one.src || one.textContent),
            handlers: [...document.querySelectorAll("*")].filter((one) =>
                one.getAttributeNames().some((name) => name.startsWith("on"))).length,
            frames: document.querySelectorAll("iframe, object, embed, base").length,
            links: [...document.links].filter((one) => one.protocol === "javascript:").length,
        })"""
    )
    assert [one for one in found["scripts"] if not one.startswith("http://127.0.0.1")] == []
    assert (found["handlers"], found["frames"], found["links"]) == (0, 0, 0)
