"""Markup in everything that people can name, in every view: it is text, and nothing of it runs.

P61 of the contract, in a real browser: prompts, notes, models, file names, texts in pictures,
addresses. Then the page's policy itself is tried with a script of its own.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from core.media import metadata
from tests.core.media.conftest import encoded, picture
from tests.e2e.markup import evil, harmless
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]
API = "/api/v1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("markup"), fake_engine="1") as started:
        yield started


def test_what_people_name_is_text_in_every_view(guarded: Page, server: RunningServer) -> None:
    page, client = guarded, server.client
    model = client.get(f"{API}/models").json()["items"][0]["id"]
    named = {"name": evil("model")[:200], "description": evil("words"), "trigger": evil("trigger")}
    assert client.patch(f"{API}/models/{model}", json=named).status_code == 200
    made = server.generate(
        prompt=evil("prompt"), negative_prompt=evil("negative"), model=model, steps=2
    )
    image = made["images"][0]["id"]
    assert client.patch(f"{API}/images/{image}", json={"note": evil("note")}).status_code == 200

    page.goto(server.url)
    expect(page.get_by_role("textbox", name="Prompt", exact=True)).to_be_visible()
    texts = {metadata.OURS: evil("text"), metadata.A1111: evil("parameters")}
    data = encoded(picture(), pnginfo=metadata.png_text(texts))
    file = {"name": evil("file").replace("/", "") + ".png", "mimeType": "image/png"}
    page.locator("input[type=file]").set_input_files({**file, "buffer": data})
    expect(page.locator(".picture-field img")).to_be_visible()
    page.get_by_role("textbox", name="Prompt", exact=True).fill(evil("typed"))
    harmless(page)

    page.goto(f"{server.url}/#/gallery/{image}")
    details = page.get_by_role("complementary", name="Details")
    expect(details).to_contain_text("<script>")
    expect(details).to_contain_text("{{7*7}}${7*7}")
    harmless(page)
    page.goto(f"{server.url}/#/gallery")
    expect(page.get_by_role("listitem").get_by_role("link").first).to_be_visible()
    harmless(page)
    page.goto(f"{server.url}/#/models")
    expect(page.get_by_role("listitem").nth(1)).to_contain_text("<script>")
    harmless(page)
    page.goto(f"{server.url}/#/settings")
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    harmless(page)


def test_what_models_and_folders_are_called_is_text(
    guarded: Page, server: RunningServer, tmp_path: Path
) -> None:
    page, client = guarded, server.client
    model = client.get(f"{API}/models").json()["items"][0]["id"]
    named = {"name": evil("model")[:200], "description": evil("note"), "trigger": evil("trigger")}
    assert client.patch(f"{API}/models/{model}", json=named).status_code == 200
    page.goto(f"{server.url}/#/models/{model}")
    details = page.get_by_role("article", name="Details")
    expect(details.get_by_role("heading").first).to_contain_text("<script>")
    expect(details.get_by_label("Note", exact=True)).to_have_value(evil("note"))
    harmless(page)
    for verb in ("Convert…", "Delete"):
        details.get_by_role("button", name=verb).click()
        expect(page.get_by_role("dialog")).to_contain_text("<script>")
        harmless(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)

    folder = tmp_path / evil("folder").replace("/", "")[:200]
    folder.mkdir()
    page.goto(f"{server.url}/#/models/folders")
    page.get_by_label("Folder", exact=True).fill(str(folder))
    page.get_by_role("button", name="Use folder").click()
    expect(page.get_by_role("listitem").filter(has_text="<script>")).to_be_visible()
    harmless(page)
    page.goto(f"{server.url}/#/models/add")
    page.get_by_label("Where from").fill(evil("source"))
    page.get_by_role("button", name="Install", exact=True).click()
    expect(page.get_by_label("Where from")).to_have_attribute("aria-invalid", "true")
    harmless(page)


def test_what_boards_datasets_and_workflows_are_called_is_text(
    guarded: Page, server: RunningServer
) -> None:
    page, client = guarded, server.client
    board = client.post(f"{API}/boards", json={"name": evil("board")[:100]})
    dataset = client.post(f"{API}/datasets", json={"name": evil("dataset")[:100]})
    graph: dict[str, Any] = {"nodes": []}
    flow = {"name": evil("workflow")[:100], "description": evil("words"), "graph": graph}
    workflow = client.post(f"{API}/workflows", json=flow)
    assert [one.status_code for one in (board, dataset, workflow)] == [201, 201, 201], dataset.text
    for place in (
        "gallery", f"training/datasets/{dataset.json()['id']}", "training", "workflow",
        f"workflow/{workflow.json()['id']}", "canvas", "settings/log",
    ):  # fmt: skip
        page.goto(f"{server.url}/#/{place}")
        expect(page.locator("main > *").first).to_be_attached()
        page.wait_for_load_state("networkidle")
        harmless(page)


def test_an_address_with_markup_shows_nothing_of_it(guarded: Page, server: RunningServer) -> None:
    for address in (
        f"/#/{quote(evil('page'))}", f"/#/gallery/{evil('image')}", f"/?q={quote(evil('query'))}",
        f"/{quote(evil('path'))}", f"/docs?{quote(evil('docs'))}",
        f"{API}/images/{quote(evil('id'), safe='')}",
    ):  # fmt: skip
        guarded.goto(server.url + address)
        guarded.wait_for_load_state("networkidle")
        harmless(guarded)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_policy_of_the_page_stops_what_would_slip_through(
    page: Page, violations: list[str], server: RunningServer, path: str
) -> None:
    answer = page.goto(server.url + path)
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "script-src 'self'" in policy and "unsafe-eval" not in policy
    assert "object-src" in policy or "default-src 'none'" in policy
    assert "base-uri 'none'" in policy
    page.evaluate(
        """async () => {
            const script = document.createElement("script");
            script.textContent = "window.hit = 'a script'";
            document.body.append(script);
            const holder = document.createElement("div");
            holder.innerHTML = "<img src='data:,' onerror='window.hit = `a handler`'>";
            document.body.append(holder);
            const foreign = document.createElement("script");
            foreign.src = "data:text/javascript,window.hit='an address'";
            document.body.append(foreign);
            // By the time a picture that comes after all of them is there, they have had theirs.
            const last = new Image();
            const shown = new Promise((done) => (last.onload = last.onerror = done));
            last.src = "/icon.svg";
            await shown;
        }"""
    )
    assert page.evaluate("window.hit") is None
    stopped = {told.split(" ")[0] for told in violations}
    assert stopped == {"script-src-elem", "script-src-attr"}, violations


def test_a_picture_opened_by_itself_runs_nothing(
    guarded: Page, server: RunningServer, tmp_path: Path
) -> None:
    data = encoded(picture(), "JPEG", comment=b"*/=alert(1);/*<script>alert(1)</script>")
    kept = server.client.post(
        f"{API}/uploads", content=data, headers={"content-type": "image/jpeg"}
    ).json()
    answer = guarded.goto(server.url + kept["url"])
    assert answer is not None
    assert answer.headers["content-type"] == "image/png"
    assert "sandbox" in answer.headers["content-security-policy"]
    harmless(guarded)
