"""Every state of every page is looked at by axe-core, in both themes, wide and on a phone.

In English and in Arabic, which mirrors the page. A state is reached once and looked at in all ways.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.core.media.conftest import encoded, picture
from tests.e2e.looking import Visit
from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
PLAIN = [
    "generate", "canvas", "workflow", "gallery", "training", "models", "models/add",
    "models/folders", "settings", "settings/server", "settings/access", "settings/storage",
    "settings/log", "settings/about",
]  # fmt: skip

SCALE = (
    "new DOMMatrix(getComputedStyle(document.querySelector('.react-flow__viewport')).transform).a"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("states"), fake_engine="1") as started:
        started.generate(prompt="a fox", count=3, steps=2)
        started.client.post(f"{API}/tokens", json={"name": "bot", "scopes": ["read"]})
        yield started


@pytest.fixture(params=["en", "ar"], ids=["english", "arabic"])
def visit(
    request: pytest.FixtureRequest, browser: Browser, server: RunningServer
) -> Iterator[Visit]:
    with Visit(browser, server, request.param) as begun:
        yield begun
    assert not begun.wrong, "\n".join(["", *begun.wrong])


def newest(server: RunningServer) -> str:
    return str(server.client.get(f"{API}/images").json()["items"][0]["id"])


def test_every_page_as_it_opens(visit: Visit) -> None:
    for place in PLAIN:
        visit.go(place)
        visit.look(place)


def test_the_frame_with_its_guide_shortcuts_queue_and_notices(
    visit: Visit, server: RunningServer
) -> None:
    page = visit.page
    visit.prefer(guide=2)
    visit.go("generate")
    expect(page.locator(".guide")).to_be_visible()
    visit.look("first steps")
    page.locator("main").focus()
    page.keyboard.press("?")
    visit.look_on_top("shortcuts")
    server.client.post(f"{API}/queue/pause")
    for _ in range(2):
        server.client.post(f"{API}/generate", json={"prompt": "a red fox", "steps": 2, **SMALL})
    page.locator(".strip-open").click()
    expect(page.locator(".queue-rows li").nth(1)).to_be_visible()
    visit.look("queue")
    server.client.post(f"{API}/queue/clear")
    server.client.post(f"{API}/queue/resume")
    visit.go("gallery")
    page.locator(".cell a").first.focus()
    page.keyboard.press("Delete")
    expect(page.locator(".toast")).to_be_visible()
    visit.look("notice with an undo")
    visit.button("ui.undo").click()


def test_generate_with_everything_open(visit: Visit) -> None:
    page = visit.page
    visit.go("generate")
    closed = page.locator(".form-fields [aria-expanded=false]")
    for _ in range(20):
        if closed.count() == 0:
            break
        closed.first.click()
    visit.look("every section open")
    page.locator("#prompt").fill("a fox fake:fail")
    page.locator("#prompt").press("Control+Enter")
    expect(page.locator(".tile-stopped").first).to_be_visible()
    visit.look("a picture that failed")
    visit.button("ui.styles").click()
    visit.look_on_top("styles")


def test_canvas_with_layers_results_and_projects(visit: Visit, server: RunningServer) -> None:
    page = visit.page
    visit.go(f"canvas/{newest(server)}")
    expect(page.locator(".canvas-layer")).to_have_count(2)
    page.locator(".canvas-fields .disclose").first.click()
    visit.look("layers and settings")
    page.locator(".canvas-name").first.dblclick()
    visit.look("a layer is named")
    page.keyboard.press("Escape")
    prompt = page.locator(".canvas-side textarea").first
    prompt.fill("a fox")
    prompt.press("Control+Enter")
    expect(page.locator(".canvas-verdict button").last).to_be_enabled()
    visit.look("results wait")
    page.locator(".canvas-verdict button").last.click()
    page.keyboard.press("Control+s")
    expect(visit.dialog()).to_be_visible()
    visit.page.get_by_role("textbox", name=visit.say("ui.canvas.name"), exact=True).fill("fox")
    visit.button("ui.canvas.save").click()
    expect(page.locator(".toast").filter(has_text="fox")).to_be_visible()  # saved
    page.keyboard.press("Control+s")
    expect(page.locator(".canvas-list li")).to_have_count(1)
    visit.look_on_top("projects")


def test_workflow_with_nodes_palette_help_run_and_form(visit: Visit) -> None:
    page = visit.page
    visit.go("workflow")
    page.locator(".wf-choices button").first.click()
    expect(page.locator(".react-flow__node")).to_have_count(7)
    page.locator("main").focus()
    page.keyboard.press("n")
    expect(page.locator(".react-flow__node")).to_have_count(8)
    larger = visit.button("ui.workflow.zoom_in")
    while page.evaluate(f"() => {SCALE} < 1"):
        scale = page.evaluate(f"() => {SCALE}")
        larger.click()
        page.wait_for_function(f"(before) => {SCALE} > before", arg=scale)
    visit.look("nodes and a note, in their size")
    page.locator("main").focus()
    page.keyboard.press("f")
    page.wait_for_function(f"() => {SCALE} < 1")
    visit.look("all nodes and a note")
    page.locator("main").focus()
    page.keyboard.press("/")
    visit.look_on_top("palette")
    page.locator("[data-id=sample] .wf-head button").click()
    visit.look_on_top("help of a node")
    page.locator("[data-id=prompt] textarea").first.fill("a fox")
    page.locator("[data-id=prompt] textarea").first.press("Control+Enter")
    expect(page.locator("[data-id=save] img").first).to_be_visible()
    visit.look("run done")
    page.keyboard.press("Control+s")
    visit.look_on_top("a name is asked for")
    page.locator(".wf-toolbar button").first.click()
    visit.look_on_top("library")
    page.evaluate("location.hash = '#/workflow/form'")
    expect(page.locator(".react-flow")).to_have_count(0)
    visit.look("form")


def test_training_with_pictures_a_plan_a_run_and_what_comes_of_it(
    visit: Visit, server: RunningServer
) -> None:
    page = visit.page
    dataset = server.client.post(f"{API}/datasets", json={"name": "Fox"}).json()["id"]
    for number in range(3):
        sent = server.client.post(
            f"{API}/datasets/{dataset}/images",
            content=encoded(picture(size=(64 + number, 64))),
            headers={"content-type": "image/png", "x-filename": f"{number}.png"},
        )
        assert sent.status_code == 201, sent.text
    server.client.post(
        f"{API}/datasets/{dataset}/images",
        content=b"no picture", headers={"content-type": "image/png", "x-filename": "broken.png"},
    )  # fmt: skip
    visit.go(f"training/datasets/{dataset}")
    expect(page.locator(".picture")).to_have_count(3)
    visit.look("dataset")
    page.locator(".training-head .mantine-ActionIcon-root").click()
    visit.look_on_top("delete a dataset")
    page.locator(".picture button").first.click()
    visit.look_on_top("as a model sees it")

    visit.go("training")
    page.locator(".teach-pictures input[role=combobox]").click()
    page.locator(f"[role=option][value='{dataset}']").click()
    page.locator(".teach-pair input").nth(1).fill("fox")
    expect(page.locator(".plan-facts dd").first).not_to_have_text("–")
    closed = page.locator(".group-head[aria-expanded=false]")
    while closed.count():
        closed.first.click()
    visit.look("plan and recipe")

    course = {
        "name": "Fox", "dataset": dataset, "base_model": "starter", "token": "zxv",
        "class_word": "fox", "method": "lora", "prior": "off", "max_steps": 12,
        "sample_every": 4, "snapshot_every": 4, "checkpoint_every": 4,
    }  # fmt: skip
    asked = server.client.post(f"{API}/trainings", json=course)
    asked.raise_for_status()
    visit.go(f"training/{asked.json()['training']}")
    expect(page.locator(".timeline .sample img").first).to_be_visible()
    expect(page.locator(".run-line")).to_be_visible()
    expect(visit.button("ui.training.go_on").first).to_be_visible()
    visit.look("run")
    page.locator(".run-buttons button").last.click()
    visit.look_on_top("publish")


def test_models_with_details_and_dialogs(visit: Visit, server: RunningServer) -> None:
    page = visit.page
    known = server.client.get(f"{API}/models", params={"kind": "checkpoint"}).json()["items"]
    visit.go(f"models/{known[0]['id']}")
    expect(page.get_by_role("article")).to_be_visible()
    visit.look("details")
    for key in ("ui.models.convert", "ui.delete", "ui.models.choose_cover"):
        visit.button(key).first.click()
        visit.look_on_top(key)
    visit.go("models/add")
    page.locator(".install-ask input").fill("/no/such/place")
    page.locator(".install-ask button").click()
    expect(page.locator("[aria-invalid=true]")).to_be_visible()
    visit.look("an install that is refused")


def test_settings_with_what_is_asked_and_found(visit: Visit) -> None:
    page = visit.page
    visit.go("settings/access")
    page.locator("main form input").first.fill("a phone")
    page.locator("main form button").last.click()
    expect(page.locator("main output")).to_be_visible()
    visit.look("a token that is shown once")
    page.locator("main li button").last.click()
    visit.look_on_top("revoke")


def test_gallery_with_pictures_filters_selection_comparing_and_tables(
    visit: Visit, server: RunningServer
) -> None:
    page = visit.page
    visit.go("gallery")
    expect(page.locator(".cell a img").nth(1)).to_be_visible()
    visit.button("ui.gallery.filter").click()
    visit.look("filters")
    page.keyboard.press("Escape")
    page.locator(".cell a").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    expect(page.locator(".selection")).to_be_visible()
    visit.look("selection")
    page.keyboard.press("b")
    visit.look_on_top("to a board")
    visit.go(f"gallery/{newest(server)}")
    expect(visit.dialog()).to_be_visible()
    visit.look("a picture in full")
    first, second = [
        image["id"] for image in server.client.get(f"{API}/images").json()["items"][:2]
    ]
    visit.go(f"gallery/compare/{first}/{second}")
    visit.look("compare")
    axes = [{"setting": "seed", "values": [1, 2]}, {"setting": "steps", "values": [2, 3]}]
    sent = {"recipe": {"name": "txt2img", "prompt": "a fox", **SMALL}, "sweep": {"axes": axes}}
    batch = server.client.post(f"{API}/jobs", json=sent).json()["batch"]
    server.batch(batch)
    visit.go(f"gallery/batch/{batch}")
    expect(page.locator(".xy-cell img")).to_have_count(4)
    visit.look("a table")
