"""A real headless Chromium, driven by Playwright, for the stories."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")  # Playwright's loop must be gone before other modules run theirs
def browser() -> Iterator[Browser]:
    """Start Debian's chromium; without one, skip here and fail where CI demands it."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("no chromium on this machine, and browser tests must not be skipped")
        pytest.skip("no chromium on this machine")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty page in a profile of its own; any error in it fails the test."""
    context = browser.new_context(viewport={"width": 1280, "height": 800}, locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(30_000)
    errors: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def violations(page: Page) -> list[str]:
    """Gather what the policy of a page keeps from running, in every document that is opened."""
    found: list[str] = []
    page.expose_binding("violated", lambda _, told: found.append(told))
    page.add_init_script(
        "addEventListener('securitypolicyviolation', ({violatedDirective, blockedURI, sample}) =>"
        " violated([violatedDirective, blockedURI, sample].join(' ')))"
    )
    return found


@pytest.fixture
def guarded(page: Page, violations: list[str]) -> Iterator[Page]:
    """Give a page that opens no dialog, breaks no policy and asks for nothing from elsewhere."""
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    gone: list[str] = []
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1", "ws://127.0.0.1", "blob:", "data:"))
            else gone.append(request.url)
        ),
    )
    yield page
    assert (said, gone, violations) == ([], [], [])
