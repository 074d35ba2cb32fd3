"""When something goes wrong: a message that says what to do, and nothing typed is lost."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.core.media.conftest import encoded, picture
from tests.disks import may_mount, small_disk
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
TYPED = "half a thought about a fox"
DROP = """([selector, name, type, bytes, size]) => {
    const data = new DataTransfer();
    const parts = bytes ? [new Uint8Array(bytes)] : [new Blob([new ArrayBuffer(size)])];
    data.items.add(new File(parts, name, {type}));
    const event = new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector(selector).dispatchEvent(event);
    return event.defaultPrevented;
}"""
BROKEN = list(b"\x89PNG\r\n\x1a\n nothing more")
HUGE = 200 << 20  # bytes


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("trouble"), fake_engine="1") as started:
        yield started


def typed(page: Page) -> None:
    """Type a prompt that must be there whatever comes."""
    page.locator("#prompt").fill(TYPED)


def kept(page: Page) -> None:
    """Expect what was typed, now and after a reload."""
    expect(page.locator("#prompt")).to_have_value(TYPED)
    page.reload()
    expect(page.locator("#prompt")).to_have_value(TYPED)


def drop(page: Page, selector: str, name: str, type_: str, content: Any) -> None:
    """Let go of a file; a list is its bytes, a number how many there are."""
    bytes_, size = (content, 0) if isinstance(content, list) else (None, content)
    taken = page.evaluate(DROP, [selector, name, type_, bytes_, size])
    assert taken, "the browser would have left the page to open the file"


def told(page: Page, words: str) -> None:
    expect(page.locator(".toast[data-tone=error]", has_text=words)).to_be_visible()


def test_files_that_generate_cannot_use_are_refused_in_words(
    page: Page, server: RunningServer
) -> None:
    page.goto(server.url)
    typed(page)
    drop(page, ".results", "huge.png", "image/png", HUGE)
    told(page, "The server takes 32 MB")
    drop(page, ".results", "broken.png", "image/png", BROKEN)
    told(page, "damaged and cannot be read")
    drop(page, ".results", "notes.txt", "text/plain", list(b"words"))
    told(page, "no PNG, JPEG or WebP")
    expect(page.locator(".picture-field img")).to_have_count(0)
    kept(page)


def test_files_that_a_canvas_cannot_use_leave_it_as_it_was(
    page: Page, server: RunningServer
) -> None:
    page.goto(f"{server.url}/#/canvas")
    page.locator(".canvas-side textarea").first.fill(TYPED)
    drop(page, ".canvas-stage", "huge.png", "image/png", HUGE)
    told(page, "too large")
    drop(page, ".canvas-stage", "broken.png", "image/png", BROKEN)
    told(page, "cannot be read")
    drop(page, ".canvas-stage", "notes.txt", "text/plain", list(b"words"))
    expect(page.locator(".canvas-layer")).to_have_count(0)
    expect(page.locator(".canvas-side textarea").first).to_have_value(TYPED)


def test_files_that_hold_no_workflow_are_told_apart(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/workflow")
    expect(page.locator(".wf-choices button").first).to_be_enabled()
    drop(page, ".wf-main", "huge.png", "image/png", HUGE)
    told(page, "larger than 32 MiB")
    drop(page, ".wf-main", "huge.json", "application/json", HUGE)
    told(page, "larger than 4 MiB")
    drop(page, ".wf-main", "broken.png", "image/png", BROKEN)
    told(page, "damaged and cannot be read")
    drop(page, ".wf-main", "notes.json", "application/json", list(b"[no json"))
    told(page, "This file holds no workflow.")
    with page.expect_response("**/workflows/import") as answer:
        drop(page, ".wf-main", "other.json", "application/json", list(b'{"format": "of tomorrow"}'))
    told(page, answer.value.json()["detail"])


def test_a_file_that_falls_where_nothing_takes_it_does_not_take_the_page_away(
    page: Page, server: RunningServer
) -> None:
    for place in ("models", "settings"):
        page.goto(f"{server.url}/#/{place}")
        expect(page.locator("main h1")).to_be_attached()
        drop(page, "main", "fox.png", "image/png", BROKEN)
        told(page, "Nothing here takes files.")


def test_a_dataset_says_why_a_file_was_not_taken(page: Page, server: RunningServer) -> None:
    dataset = server.client.post(f"{API}/datasets", json={"name": "Trouble"}).json()["id"]
    page.goto(f"{server.url}/#/training/datasets/{dataset}")
    expect(page.locator(".set-drop")).to_be_visible()
    drop(page, ".set-drop", "huge.png", "image/png", HUGE)
    expect(page.locator(".set-uploads")).to_contain_text(
        re.compile("more than the .* that a picture may have")
    )
    drop(page, ".set-drop", "broken.png", "image/png", BROKEN)
    expect(page.locator(".set-uploads")).to_contain_text("damaged")


def test_what_a_proxy_answers_is_not_shown_as_it_came(page: Page, server: RunningServer) -> None:
    status = 502

    def answer(route: Route) -> None:
        route.fulfill(status=status, content_type="text/html", body="<h1>Bad Gateway nginx</h1>")

    page.goto(server.url)
    typed(page)
    page.route("**/api/v1/generate", answer)
    page.route("**/api/v1/uploads", answer)
    page.locator("#prompt").press("Control+Enter")
    told(page, "answered 502 in its place. Nothing was lost")
    status = 413
    drop(page, ".results", "fox.png", "image/png", BROKEN)
    told(page, "does not let a file of this size through")
    expect(page.locator(".toast")).not_to_contain_text(["nginx", "nginx"])
    page.unroute("**/api/v1/generate")
    page.locator("#prompt").press("Control+Enter")  # the same words, once the proxy is well
    expect(page.locator(".tile-final").first).to_be_visible()
    kept(page)


def test_a_fault_is_told_with_what_was_kept_and_where_to_look(page: Page, tmp_path: Path) -> None:
    good = list(encoded(picture()))
    with running(tmp_path, fake_engine="1", failpoints="upload.blob=eio@1") as broken:
        page.goto(broken.url)
        typed(page)
        drop(page, ".results", "fox.png", "image/png", good)
        told(page, "This could not be stored. Nothing of it was written; try again in a moment.")
        drop(page, ".results", "fox.png", "image/png", good)
        expect(page.locator(".picture-field img")).to_be_visible()
        fault = {"status": 500, "code": "internal", "title": "Fault", "request_id": "01FAULT"}
        page.route("**/api/v1/generate", lambda route: route.fulfill(status=500, json=fault))
        page.locator("#prompt").press("Control+Enter")
        told(page, "try again. If it stays so, the log tells why under 01FAULT")
        kept(page)


def test_a_server_that_is_started_again_is_waited_for_and_found(page: Page, tmp_path: Path) -> None:
    with running(tmp_path, fake_engine="1") as lost:
        page.goto(lost.url)
        typed(page)
        lost.kill()
        expect(page.get_by_text("Reconnecting…")).to_be_visible(timeout=30_000)
        page.locator("#prompt").press("Control+Enter")
        told(page, "The server cannot be reached. Nothing was lost; try again in a moment.")
        expect(page.locator("#prompt")).to_have_value(TYPED)
        lost.start()
        lost.forget_connections()
        expect(page.get_by_text("Reconnecting…")).to_be_hidden(timeout=60_000)
        page.locator("#prompt").press("Control+Enter")
        expect(page.locator(".tile-final").first).to_be_visible()
        kept(page)


def visitor(browser: Browser, server: RunningServer) -> Page:
    """Open the page as somebody who may look and draw, and no more."""
    asked = {"name": "visitor", "scopes": ["read", "generate"]}
    token = server.client.post("/api/v1/tokens", json=asked).json()["text"]
    context = browser.new_context(locale="en-US")
    assert context.request.post(f"{server.url}/api/v1/session", data={"token": token}).ok
    opened = context.new_page()
    opened.goto(server.url)
    expect(opened.locator("#prompt")).to_be_visible()
    return opened


@pytest.mark.skipif(not may_mount(), reason="a disk of a known size is mounted")
def test_a_full_disk_says_what_waits_and_goes_on_once_there_is_room(
    page: Page, browser: Browser, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "data", 192 << 20) as disk:
        with running(tmp_path, fake_engine="1", disk_floor_mb="16") as server:
            page.goto(server.url)
            typed(page)
            page.locator("#prompt").press("Control+Enter")
            expect(page.locator(".tile-final").first).to_be_visible()
            reader = visitor(browser, server)
            disk.fill(server.process.pid)
            line = page.locator(".banner", has_text="The disk is almost full")
            expect(line).to_be_visible(timeout=20_000)  # nothing waits, nothing was asked for
            for place in ("gallery", "canvas", "workflow", "training", "models"):
                page.locator(f'nav a[href="#/{place}"]').click()
                expect(page.locator("main h1")).to_be_attached()
                expect(line).to_be_visible()
            told_too = reader.locator(".banner", has_text="The disk is almost full")
            expect(told_too).to_be_visible()
            expect(told_too.get_by_role("link")).to_have_count(0)  # to a page that is not theirs
            reader.context.close()
            line.get_by_role("link", name="Look what takes the room").click()
            expect(page.get_by_role("heading", name="Disk")).to_be_visible()
            page.locator('nav a[href="#/generate"]').click()
            page.locator("#prompt").press("Control+Enter")
            told(page, "The disk is almost full. Make room")
            expect(page.locator("#prompt")).to_have_value(TYPED)
            page.reload()
            expect(line).to_be_visible()
            disk.free(server.process.pid)
            expect(line).to_be_hidden(timeout=20_000)  # by itself, once a commit went through
            page.locator("#prompt").press("Control+Enter")
            expect(page.locator(".tile")).to_have_count(8)
            kept(page)
