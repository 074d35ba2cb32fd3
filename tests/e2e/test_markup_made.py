"""Markup in what people make and what fails: canvases, graphs, trainings, tokens, logs, files."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import FilePayload, Page, expect

from core.media import metadata
from tests.core.media.conftest import encoded, picture
from tests.e2e.markup import evil, harmless
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
NODE = '''
"""A node whose author writes markup."""

from typing import Annotated

from msgspec import Meta

from core.engine import Context, Image, Node


class Evil(Node, tag="mine.evil"):
    """WORDS"""

    amount: Annotated[float, Meta(ge=0, description="WORDS")] = 0.5

    def run(self, ctx: Context, image: Image) -> Image:
        return image
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("made"), fake_engine="1") as started:
        yield started


def called(name: str, **texts: str) -> FilePayload:
    """Make a picture in a file with such a name, and with texts in it."""
    drawn = picture(size=(64, 64))
    data = encoded(drawn, pnginfo=metadata.png_text(texts)) if texts else encoded(drawn)
    return {"name": evil(name).replace("/", "") + ".png", "mimeType": "image/png", "buffer": data}


def test_layers_projects_and_snapshots_of_a_canvas_are_text(
    guarded: Page, server: RunningServer
) -> None:
    page = guarded
    page.goto(f"{server.url}/#/canvas")
    page.locator(".canvas-bar input[type=file]").set_input_files(called("file"))
    layer = page.locator(".canvas-layer .canvas-name").last
    expect(layer).to_contain_text("<img src=x")  # the name of the file
    layer.dblclick()
    page.locator(".canvas-layer input").fill(evil("layer")[:200])
    page.keyboard.press("Enter")
    expect(layer).to_contain_text("'layer '")
    harmless(page)
    page.get_by_role("button", name="Save and open").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("textbox", name="Name", exact=True).fill(evil("project")[:200])
    dialog.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".toast", has_text="'project '")).to_be_visible()
    harmless(page)
    page.get_by_role("button", name="Save and open").click()
    dialog.get_by_role("textbox", name="Snapshots").fill(evil("snapshot")[:200])
    dialog.get_by_role("button", name="Keep").click()
    expect(dialog.locator(".canvas-list .canvas-name")).to_contain_text(
        ["'project '", "'snapshot '"]
    )
    harmless(page)


def test_what_a_workflow_holds_is_text(guarded: Page, server: RunningServer) -> None:
    page = guarded
    graph: dict[str, Any] = {
        "nodes": [
            {"id": "odd", "type": "<img src=x onerror=alert(1)>", "settings": {}, "inputs": {}}
        ]
    }
    sent = {"name": evil("flow")[:200], "description": evil("words"), "tags": ["<b>tag</b>"],
            "graph": graph}  # fmt: skip
    made = server.client.post(f"{API}/workflows", json=sent)
    assert made.status_code == 201, made.text
    page.goto(f"{server.url}/#/workflow/open/{made.json()['id']}")
    expect(page.locator(".react-flow__node").first).to_contain_text("<img src=x")
    page.locator("main").focus()
    page.keyboard.press("n")
    note = page.locator(".react-flow__node textarea").last
    note.fill(evil("note"))
    harmless(page)
    page.get_by_role("button", name="Workflows").first.click()
    expect(page.get_by_role("dialog")).to_contain_text("'flow '")
    harmless(page)
    page.goto(f"{server.url}/#/workflow/form")
    expect(page.locator(".wf-side")).to_contain_text("'words '")
    harmless(page)


def test_what_the_author_of_a_node_writes_is_text(guarded: Page, tmp_path: Path) -> None:
    page = guarded
    words = evil("author").replace('"', "'").replace("\\", "")
    nodes = tmp_path / "data" / "nodes"
    nodes.mkdir(parents=True)
    (nodes / "evil.py").write_text(NODE.replace("WORDS", f"{words}."), "utf-8")
    (nodes / "broken.py").write_text(f"raise ValueError({evil('broken')!r})\n", "utf-8")
    with running(tmp_path, threads="1") as real:
        graph = {"nodes": [{"id": "e", "type": "mine.evil", "settings": {}, "inputs": {}}]}
        made = real.client.post(f"{API}/workflows", json={"name": "n", "graph": graph}).json()
        page.goto(f"{real.url}/#/workflow/open/{made['id']}")
        page.locator("[data-id=e] .wf-head button").click()
        expect(page.get_by_role("dialog")).to_contain_text("<script>")
        harmless(page)
        page.keyboard.press("Escape")
        page.locator("main").focus()
        page.keyboard.press("/")
        page.keyboard.type("evil")
        expect(page.locator(".wf-offer-help")).to_contain_text("<script>")
        harmless(page)


def test_datasets_captions_and_runs_are_text(guarded: Page, server: RunningServer) -> None:
    page, client = guarded, server.client
    dataset = client.post(f"{API}/datasets", json={"name": evil("dataset")[:200]}).json()["id"]
    page.goto(f"{server.url}/#/training/datasets/{dataset}")
    broken: FilePayload = {**called("broken"), "buffer": b"no picture"}
    page.locator(".set-drop input[type=file]").set_input_files([called("subject"), broken])
    expect(page.locator(".picture")).to_have_count(1)
    expect(page.get_by_role("region", name="Files set aside")).to_contain_text("'broken '")
    page.get_by_role("textbox", name="Caption of").fill(evil("caption"))
    page.get_by_role("textbox", name="Caption of").press("Control+Enter")
    harmless(page)
    course = {
        "name": evil("run")[:100], "dataset": dataset, "base_model": "starter", "token": "zxv",
        "class_word": "fox", "method": "lora", "prior": "off", "max_steps": 8,
        "sample_every": 4, "snapshot_every": 4, "checkpoint_every": 4,
    }  # fmt: skip
    run = client.post(f"{API}/trainings", json=course).raise_for_status().json()["training"]
    page.goto(f"{server.url}/#/training/{run}")
    expect(page.locator(".timeline .sample img").first).to_be_visible()
    expect(page.locator(".training-name input")).to_have_value(re.compile("<script>|<img"))
    harmless(page)
    page.goto(f"{server.url}/#/training")
    page.get_by_role("combobox", name="Dataset", exact=True).click()
    page.locator(f"[role=option][value='{dataset}']").click()
    page.get_by_role("textbox", name="Class", exact=True).fill(evil("class")[:100])
    closed = page.locator(".group-head[aria-expanded=false]")
    expect(page.locator(".group-head").first).to_be_visible()
    while closed.count():
        closed.first.click()
    page.get_by_role("textbox", name="Go on from a LoRA", exact=True).fill("<b>no such LoRA</b>")
    expect(page.locator(".plan-faults")).to_contain_text("<b>no such LoRA</b>")
    harmless(page)


def test_refused_names_of_tokens_and_log_lines_are_text(
    guarded: Page, server: RunningServer
) -> None:
    page, client = guarded, server.client
    page.goto(f"{server.url}/#/settings/access")
    page.get_by_label("For whom").fill(evil("token")[:60])
    page.get_by_role("button", name="Make token").click()
    expect(page.get_by_label("For whom")).to_have_attribute("aria-invalid", "true")
    harmless(page)
    client.post(f"{API}/{quote(evil('line'), safe='')}")
    page.goto(f"{server.url}/#/settings/log")
    expect(page.get_by_role("log")).to_contain_text("INFO")
    harmless(page)


def test_boards_and_texts_in_pictures_are_text_in_the_gallery(
    guarded: Page, server: RunningServer
) -> None:
    page = guarded
    server.generate(prompt=evil("prompt"), steps=2)
    page.goto(f"{server.url}/#/gallery")
    page.get_by_role("button", name="New board").click()
    page.get_by_role("textbox", name="Name of the board").fill(evil("board")[:100])
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".board-choose", has_text="<img src=x")).to_be_visible()
    harmless(page)
    texts = {metadata.A1111: f"{evil('positive')}\nNegative prompt: {evil('negative')}\nSteps: 4"}
    page.locator("#gallery-read").set_input_files(called("read", **texts))
    expect(page.get_by_role("dialog")).to_contain_text("'positive '")
    harmless(page)
    page.keyboard.press("Escape")
    bad: FilePayload = {**called("refused"), "buffer": b"nothing"}
    page.locator("#gallery-add").set_input_files(bad)
    expect(page.get_by_role("region", name="Files")).to_contain_text("'refused '")
    harmless(page)
    page.get_by_role("searchbox", name="Search").fill(evil("search"))
    expect(page.get_by_text("Nothing here fits")).to_be_visible()
    harmless(page)
