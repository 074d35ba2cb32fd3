"""The Training page in a browser: five dropped pictures become a model that draws."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from playwright.sync_api import Page, expect

from tests.creature import TAUGHT, Pose, creature
from tests.running import RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]

Dropped = list[tuple[str, str, str]]  # name, type, base64
MEDIA = "image/png"
LISTED = 50  # datasets that the page reads at first
SLOW = 120_000  # milliseconds for what trains or draws on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("page"), threads="1") as started:
        yield started


def five() -> Dropped:
    coded = []
    for pose, colour in TAUGHT:
        file = io.BytesIO()
        creature(cast(Pose, pose), colour).save(file, "PNG")
        coded.append(base64.b64encode(file.getvalue()).decode())
    return [(f"{place}.png", MEDIA, text) for place, text in enumerate(coded)]


def drop(page: Page, files: Dropped) -> None:
    """Let go of files over the page's place for them."""
    held = page.evaluate_handle(
        """files => {
            const data = new DataTransfer();
            for (const [name, type, text] of files) {
                const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
                data.items.add(new File([bytes], name, {type}));
            }
            return data;
        }""",
        files,
    )
    page.locator(".set-drop").dispatch_event("drop", {"dataTransfer": held})


def fill(page: Page, **fields: str) -> None:
    """Open every group of the recipe and fill some of its fields, by their labels."""
    expect(page.locator(".group-head").first).to_be_visible()
    closed = page.locator(".group-head[aria-expanded=false]")
    while closed.count():
        closed.first.click()
    for label, value in fields.items():
        page.get_by_role("textbox", name=label.replace("_", " "), exact=True).fill(value)


def test_five_dropped_pictures_become_a_model_that_draws(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/training")
    expect(page.get_by_role("heading", name="Teach it your subject")).to_be_visible()
    note = base64.b64encode(b"on a white table").decode()
    broken = base64.b64encode(b"\x89PNG\r\n\x1a\n and no more").decode()
    drop(page, [*five(), ("0.txt", "text/plain", note), ("broken.png", MEDIA, broken)])
    expect(page.locator(".teach-strip img")).to_have_count(5, timeout=SLOW)
    expect(page.get_by_text("1 file set aside")).to_be_visible()
    expect(page.locator(".set-uploads li")).to_contain_text("damaged")  # it says why, in words

    expect(page.get_by_text("Say what your subject is.")).to_be_visible()
    page.get_by_role("textbox", name="Class", exact=True).fill("creature")
    fill(page, Steps="60", Samples_every="4", Snapshot_every="4", Checkpoint_every="4")
    page.get_by_role("combobox", name="How the class is kept").select_option("off")
    plan = page.get_by_role("complementary", name="The plan")
    expect(plan).to_contain_text("Train 60 steps", timeout=SLOW)
    expect(plan).to_contain_text("MB of")
    plan.get_by_role("button", name="Train 60 steps").click()

    expect(page.get_by_role("img", name="Loss over steps")).to_be_visible(timeout=SLOW)
    samples = page.locator(".sample img")
    expect(samples.first).to_be_visible(timeout=SLOW)
    page.get_by_role("button", name="Pause", exact=True).click()
    expect(page.get_by_role("button", name="Resume", exact=True)).to_be_visible(timeout=SLOW)
    state = page.get_by_role("region", name="State of the run")
    expect(state).to_contain_text("Paused")
    step, drawn = page.locator(".run-line .grow").inner_text(), samples.count()

    page.reload()  # history first, then facts
    expect(page.locator(".run-line .grow")).to_have_text(step)
    expect(samples).to_have_count(drawn)
    page.get_by_role("button", name="Resume", exact=True).click()
    expect(page.locator(".run-line .grow")).not_to_have_text(step, timeout=SLOW)

    page.keyboard.press("Escape")  # asks, for a training is not lightly stopped
    page.get_by_role("dialog").get_by_role("button", name="Stop", exact=True).click()
    expect(state).to_contain_text("Stopped", timeout=SLOW)
    expect(state).to_contain_text("is kept; the run can go on from there")
    page.locator(".run-buttons").get_by_role("button", name="Publish").click()
    page.get_by_role("textbox", name="Name of the model").fill("my creature")
    page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    expect(page.get_by_text("The model is ready to draw with")).to_be_visible(timeout=SLOW)
    expect(page.get_by_role("combobox", name="Download")).to_be_visible()

    made = server.generate(prompt="a photo of {subject} <lora:my creature>", steps=4)
    assert made["images"][0]["prompt"].startswith("a photo of")

    name = server.client.get("/api/v1/datasets").json()["items"][0]["name"]
    for number in range(LISTED):
        server.client.post("/api/v1/datasets", json={"name": f"newer {number}"})
    page.reload()
    expect(page.locator(".run-facts").get_by_role("link", name=name)).to_be_visible()


def test_captions_and_pictures_are_the_same_in_every_tab(page: Page, server: RunningServer) -> None:
    dataset = server.client.post("/api/v1/datasets", json={"name": "two tabs"}).json()["id"]
    address = f"{server.url}/#/training/datasets/{dataset}"
    other = page.context.new_page()
    for tab in (page, other):
        tab.goto(address)
        expect(tab.get_by_role("button", name="Add pictures")).to_be_visible()
    name = '<img src="x" onerror="alert(1)">.png'
    drop(page, [(name, MEDIA, five()[0][2]), *five()[:2]])
    for tab in (page, other):
        expect(tab.locator(".picture")).to_have_count(2, timeout=SLOW)
        expect(tab.get_by_role("region", name="Files set aside")).to_contain_text("same picture")

    caption = page.get_by_role("textbox", name="Caption of 1.png")
    caption.fill("waving on a lawn")
    caption.press("Control+Enter")
    told = other.get_by_role("textbox", name="Caption of 1.png")
    expect(told).to_have_value("waving on a lawn")

    page.get_by_role("button", name="Remove 1.png").click()
    expect(other.locator(".picture")).to_have_count(1)
    page.get_by_role("button", name="Undo").click()
    expect(told).to_have_value("waving on a lawn")
    page.get_by_role("button", name="Keep 1.png for validation").click()
    expect(other.locator(".picture-tag")).to_have_text("Validation")


def test_a_recipe_survives_a_reload_and_says_what_is_wrong_at_its_field(
    page: Page, server: RunningServer, tmp_path: Path
) -> None:
    page.goto(f"{server.url}/#/training")
    page.get_by_role("combobox", name="Dataset", exact=True).click()
    page.get_by_role("listbox").get_by_role("option").first.click()
    page.get_by_role("textbox", name="Class", exact=True).fill("creature")
    fill(page, Rank="8", Go_on_from_a_LoRA="no such thing")
    expect(page.locator(".plan-faults")).to_contain_text("no such thing")
    expect(page.locator(".group-field .mantine-InputWrapper-error")).to_have_count(1)
    page.reload()
    expect(page.get_by_role("textbox", name="Class", exact=True)).to_have_value("creature")
    expect(page.get_by_text("2 changed")).to_be_visible()

    page.get_by_role("button", name="Start over").click()
    page.get_by_role("button", name="Try several values").click()
    page.get_by_role("combobox", name="Field").select_option("rank")
    page.get_by_role("textbox", name="Values, with commas between").fill("4, 8")
    page.get_by_role("textbox", name="Class", exact=True).fill("toy")
    expect(page.get_by_role("button", name="Train 2 runs")).to_be_enabled()
    with page.expect_download() as saved:
        page.get_by_role("button", name="Save the recipe").click()
    file = tmp_path / "recipe.json"
    saved.value.save_as(file)
    page.get_by_role("button", name="Start over").click()
    expect(page.get_by_role("textbox", name="Class", exact=True)).to_have_value("")
    page.locator('input[type="file"][accept^=".json"]').set_input_files(file)
    expect(page.get_by_role("textbox", name="Class", exact=True)).to_have_value("toy")
