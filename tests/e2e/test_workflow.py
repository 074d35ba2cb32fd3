"""The workflow editor: a graph from nothing, a run, a form, and a picture that tells its graph."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image as Pillow
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Locator, Page, expect

from tests.core.graph.invokeai.documents import changed, model, text_to_image
from tests.core.graph.invokeai.documents import node as invoke_node
from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]

FOX = "a 3d red fox on a blue background"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("workflow")) as started:
        yield started


def node(page: Page, id_: str) -> Locator:
    return page.locator(f".react-flow__node[data-id='{id_}']")


def add(page: Page, words: str) -> None:
    """Find a node by typing and put it on the board, by keys alone."""
    page.get_by_role("combobox", name="Search nodes").fill(words)
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)


def wire(page: Page, id_: str, port: str, words: str) -> None:
    """Wire a port to what the words find, by keys alone."""
    node(page, id_).get_by_role("button", name=re.compile(port)).focus()
    page.keyboard.press("Enter")
    add(page, words)


def build(page: Page) -> None:
    """Make a text-to-image graph from nothing: each node is wired where it is added."""
    expect(page.get_by_role("button", name="Text to picture")).to_be_enabled()
    page.locator("main").focus()
    page.keyboard.press("/")
    add(page, "load model")
    wire(page, "load", "^Output Text encoder", "encode prompt")
    wire(page, "load", "^Output VAE", "empty latent")
    wire(page, "encode", "^Output Conditioning", "sample")
    wire(page, "sample", "^Output Latent", "decode picture")
    wire(page, "decode", "^Output Image", "save picture")
    wire(page, "sample", "^Input Model", "load model")
    wire(page, "sample", "^Input Latent", "empty latent")
    wire(page, "decode", "^Input VAE", "load model")
    page.locator("main").focus()
    page.keyboard.press("l")


def test_a_workflow_is_built_from_nothing_run_saved_and_run_by_its_form(
    page: Page, server: RunningServer
) -> None:
    page.goto(f"{server.url}/#/workflow")
    build(page)
    expect(page.locator(".react-flow__edge")).to_have_count(8)

    width = node(page, "empty").get_by_role("spinbutton", name="Width")
    width.fill("65")  # what is wrong is said on the field, while it is typed
    expect(node(page, "empty").get_by_text("A multiple of 8.")).to_be_visible()
    width.fill(str(SMALL["width"]))
    expect(node(page, "empty").get_by_text("A multiple of 8.")).to_be_hidden()
    node(page, "empty").get_by_role("spinbutton", name="Height").fill(str(SMALL["height"]))
    node(page, "sample").get_by_role("spinbutton", name="Steps").fill("60")
    node(page, "encode").get_by_role("textbox", name="Prompt").fill(FOX)
    node(page, "encode").get_by_role("button", name="Put Prompt on the form").click()
    expect(page.locator(".wf-node[data-faulty=true]")).to_have_count(0)

    page.keyboard.press("Control+Enter")
    expect(node(page, "sample").locator("[data-pass=active]")).to_be_visible(timeout=60_000)
    expect(node(page, "sample").locator(".wf-preview")).to_be_visible(timeout=60_000)
    expect(node(page, "save").get_by_role("img")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-pass=done]")).to_have_count(6)

    page.keyboard.press("Control+Enter")  # another seed
    for known in ("load", "encode", "empty"):
        expect(node(page, known).get_by_text("from cache")).to_be_visible(timeout=60_000)
    expect(page.locator("[data-pass=done]")).to_have_count(6, timeout=60_000)
    for ran in ("sample", "decode", "save"):
        expect(node(page, ran).get_by_text("from cache")).to_have_count(0)

    page.keyboard.press("Control+s")
    page.get_by_role("textbox", name="Name", exact=True).last.fill("Foxes")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    saved = server.client.get("/api/v1/workflows").json()["items"]
    assert [(head["name"], [entry["name"] for entry in head["inputs"]]) for head in saved] == [
        ("Foxes", ["prompt"])
    ]

    page.reload()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("Foxes")
    expect(page.locator("[data-pass=done]")).to_have_count(6)  # the last run is found again
    for known in ("load", "encode", "empty"):
        expect(node(page, known).get_by_text("from cache")).to_be_visible()
    results = page.get_by_role("region", name="Results").get_by_role("img")
    expect(results).to_have_count(1)
    page.get_by_text("Form", exact=True).click()
    expect(page.locator(".react-flow")).to_have_count(0)
    prompt = page.get_by_role("textbox", name="Prompt")
    expect(prompt).to_have_value(FOX)
    prompt.fill("a flat green frog on a white background")
    page.get_by_role("button", name="Run").last.click()
    expect(results).to_have_count(2, timeout=60_000)
    newest = server.client.get("/api/v1/images").json()["items"][0]
    assert newest["prompt"] == "a flat green frog on a white background"


def test_wires_are_drawn_by_hand_and_only_where_they_fit(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/workflow")
    page.get_by_role("button", name="Text to picture").click()
    expect(page.locator(".react-flow__edge")).to_have_count(10)
    page.get_by_role("button", name="Show everything").click()
    start = node(page, "model").locator(".react-flow__handle.source[data-handleid=vae]")
    drag(
        page,
        start,
        node(page, "sample").locator(".react-flow__handle.target[data-handleid=control]"),
    )
    expect(page.locator(".react-flow__edge")).to_have_count(10)

    pane = page.locator(".react-flow__pane").bounding_box()
    assert pane is not None
    grip = start.bounding_box()
    assert grip is not None
    page.mouse.move(grip["x"] + grip["width"] / 2, grip["y"] + grip["height"] / 2)
    page.mouse.down()
    page.mouse.move(pane["x"] + 300, pane["y"] + 40, steps=8)
    page.mouse.up()
    offers = page.get_by_role("listbox").get_by_role("option")
    expect(offers.filter(has_text="Encode picture").first).to_be_visible()
    expect(offers.filter(has_text="Load picture")).to_have_count(0)
    add(page, "encode picture")
    expect(page.locator(".react-flow__edge")).to_have_count(11)

    page.keyboard.press("Delete")  # the new node is the one that is chosen
    expect(page.locator(".react-flow__edge")).to_have_count(10)
    page.keyboard.press("Control+z")
    expect(page.locator(".react-flow__edge")).to_have_count(11)
    page.keyboard.press("Control+a")
    page.keyboard.press("Control+d")
    expect(page.locator(".react-flow__node")).to_have_count(16)
    page.keyboard.press("Control+z")
    expect(page.locator(".react-flow__node")).to_have_count(8)


def drag(page: Page, start: Locator, end: Locator) -> None:
    ends = [start.bounding_box(), end.bounding_box()]
    places = [(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in ends if box]
    page.mouse.move(*places[0])
    page.mouse.down()
    page.mouse.move(*places[1], steps=8)
    page.mouse.up()


def test_a_picture_of_ours_opens_as_the_graph_that_made_it(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    made = server.generate(prompt=FOX, steps=3)["images"][0]
    file = tmp_path / "fox.png"
    file.write_bytes(server.client.get(f"{made['url']}").content)
    page.goto(f"{server.url}/#/workflow")
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("Unsaved")).to_be_visible()
    prompts = page.get_by_role("textbox", name="Prompt")
    expect(prompts.first).to_have_value(FOX)

    page.goto(f"{server.url}/#/workflow/image/{made['id']}")
    page.get_by_role("button", name="Discard changes").click()
    expect(page.locator(".react-flow__node").first).to_be_visible()
    expect(prompts.first).to_have_value(FOX)
    assert page.evaluate("location.hash") == "#/workflow"


def test_a_workflow_of_invokeai_opens_from_a_file_and_from_a_picture(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    (starter, *_) = server.client.get("/api/v1/models?kind=checkpoint").json()["items"]
    found = changed(
        text_to_image(),
        invoke_node("load-1", "main_model_loader", model=model(starter["name"])),
        invoke_node("free-1", "freeu", at=(400, 900), label="<b>Free U</b>"),
        invoke_node("file-1", "prompt_from_file"),
        invoke_node("show-1", "l2i", at=(1200, 0), saves=True, tiled=True, tile_size=256),
    )
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps(found))
    page.goto(f"{server.url}/#/workflow")
    page.locator("input[type=file]").first.set_input_files(file)
    told = page.get_by_role("status").filter(has_text="could not be taken over")
    expect(told).to_contain_text("2 nodes could not be taken over: <b>Free U</b>, prompt_from_file")
    expect(told).to_contain_text("without an equal here: l2i (tiled, tile_size)")
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_have_value("Text to Image - SD1.5")
    expect(page.locator(".react-flow__node")).to_have_count(7)
    expect(page.locator(".react-flow__edge")).to_have_count(10)
    expect(page.locator(".wf-node[data-faulty=true]")).to_have_count(0)
    told.get_by_role("button", name="Close").click()
    expect(told).to_have_count(0)
    page.keyboard.press("Control+Enter")
    expect(node(page, "show-1-save").get_by_role("img")).to_be_visible(timeout=60_000)

    texts = PngInfo()
    texts.add_itxt("invokeai_workflow", json.dumps({**found, "name": "From a picture"}))
    picture = tmp_path / "theirs.png"
    Pillow.new("RGB", (8, 8)).save(picture, pnginfo=texts)
    page.goto(f"{server.url}/#/workflow")
    page.locator("input[type=file]").first.set_input_files(picture)
    page.get_by_role("button", name="Discard changes").click()  # another seed was drawn
    expect(told).to_be_visible()
    expect(name).to_have_value("From a picture")


def test_what_another_tab_saved_waits_beside_changes(page: Page, server: RunningServer) -> None:
    graph = {"nodes": [{"id": "load", "type": "image.load", "settings": {}, "inputs": {}}]}
    saved = server.client.post("/api/v1/workflows", json={"name": "Shared", "graph": graph}).json()
    page.goto(f"{server.url}/#/workflow")
    page.get_by_role("button", name="Workflows").first.click()
    page.get_by_role("searchbox", name="Search").fill("shar")
    page.get_by_role("button", name=re.compile("^Shared")).click()
    name = page.get_by_role("textbox", name="Name", exact=True)
    expect(name).to_have_value("Shared")

    put = {"name": "Shared by all", "graph": graph, "version": 1}
    server.client.put(f"/api/v1/workflows/{saved['id']}", json=put).raise_for_status()
    expect(name).to_have_value("Shared by all")
    name.fill("Mine")
    server.client.put(
        f"/api/v1/workflows/{saved['id']}", json=put | {"name": "Theirs", "version": 2}
    ).raise_for_status()
    expect(page.get_by_role("alert")).to_contain_text("Theirs")
    expect(name).to_have_value("Mine")
    page.get_by_role("button", name="Keep mine", exact=True).click()
    page.keyboard.press("Control+s")
    expect(page.get_by_text("Saved", exact=True)).to_be_visible()
    assert server.client.get(f"/api/v1/workflows/{saved['id']}").json()["name"] == "Mine"
