"""The page that generates: grids, a picture to begin with, the queue, and what is refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.running import SMALL, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]
API = "/api/v1"
FOX = "a 3d red fox on a blue background"
DROP = """([selector, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], "fox.png", {type: "image/png"}));
  document.querySelector(selector).dispatchEvent(
    new DragEvent("drop", {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder: Path = tmp_path_factory.mktemp("generate")
    words = folder / "data" / "wildcards"
    words.mkdir(parents=True)
    (words / "animals.txt").write_text("fox\nowl\n", "utf-8")
    with running(folder, threads="1") as started:
        yield started


@pytest.fixture(autouse=True)
def quiet(server: RunningServer) -> Iterator[None]:
    yield
    server.client.post(f"{API}/queue/clear")
    server.client.post(f"{API}/queue/resume")


def prompt(page: Page) -> Locator:
    return page.locator("#prompt")


def fill_in(page: Page, server: RunningServer, words: str = FOX) -> None:
    page.goto(server.url)
    prompt(page).fill(words)
    for name, value in {"Pictures": 1, "Width": SMALL["width"], "Height": SMALL["height"],
                        "Steps": 4}.items():  # fmt: skip
        page.get_by_role("spinbutton", name=name, exact=True).fill(str(value))


def button(page: Page) -> Locator:
    return page.locator(".send").get_by_role("button")


def newest(server: RunningServer) -> dict[str, Any]:
    job = server.client.get(f"{API}/jobs", params={"limit": 1}).json()["items"][0]
    found: dict[str, Any] = server.client.get(f"{API}/batches/{job['batch']}").json()
    return found


def waiting(server: RunningServer) -> list[str]:
    """Put three jobs into a queue that stands still; give their ids in the order of the line."""
    server.client.post(f"{API}/queue/pause")
    jobs: list[str] = []
    for words in ("a red fox", "a grey owl", "a green frog"):
        body = {"prompt": words, "steps": 2, **SMALL}
        made = server.client.post(f"{API}/generate", json=body).json()
        jobs += [job["id"] for job in made["jobs"]]
    return jobs


def line(server: RunningServer) -> list[str]:
    found = server.client.get(f"{API}/jobs", params={"order": "line"}).json()["items"]
    return [job["id"] for job in found]


def test_a_grid_is_built_counted_before_it_is_sent_and_drawn(
    page: Page, server: RunningServer
) -> None:
    fill_in(page, server)
    page.get_by_role("button", name="Grid").click()
    vary = page.get_by_role("combobox", name="Vary a setting…")
    vary.select_option("steps")
    expect(button(page)).to_be_disabled()
    for name, value in {"From": "2", "To": "4", "Step": "2"}.items():
        page.get_by_role("spinbutton", name=name, exact=True).fill(value)
    vary.select_option("sampler")
    page.get_by_role("button", name="euler", exact=True).click()
    page.get_by_role("button", name="ddim", exact=True).click()
    expect(button(page)).to_contain_text("Generate 4")
    expect(page.get_by_text("4 cells")).to_be_visible()
    button(page).click()
    expect(page.locator(".tile-final img")).to_have_count(4, timeout=120_000)
    made = newest(server)
    assert [axis["setting"] for axis in made["axes"]] == ["steps", "sampler"]
    table = page.get_by_role("link", name="Show as a table")
    expect(table).to_have_attribute("href", f"#/gallery/batch/{made['id']}")
    expect(button(page)).to_contain_text("Generate 4 ·")  # by now it is known how long


def test_a_dropped_picture_is_begun_with(page: Page, server: RunningServer) -> None:
    image = server.generate(prompt=FOX, steps=2)["images"][0]["id"]
    file = server.client.get(f"{API}/images/{image}/file", params={"metadata": 0}).content
    fill_in(page, server)
    page.evaluate(DROP, [".results", list(file)])
    expect(page.get_by_role("img", name="Picture to begin with")).to_be_visible()
    page.get_by_role("spinbutton", name="Strength").fill("0.5")
    page.get_by_role("button", name="Larger, in a second pass").click()
    expect(page.get_by_text("A picture to begin with is drawn once.")).to_be_visible()
    before = newest(server)["id"]
    prompt(page).press("Control+Enter")
    expect(page.get_by_role("progressbar").first).to_be_visible()
    recipe = newest(server)
    assert recipe["id"] != before
    assert (recipe["recipe"]["name"], recipe["recipe"]["strength"]) == ("img2img", 0.5)


def test_what_does_not_go_together_is_said_at_its_field(page: Page, server: RunningServer) -> None:
    fill_in(page, server)
    page.get_by_role("combobox", name="Sampler").select_option("ddim")
    page.get_by_role("combobox", name="Schedule").select_option("karras")
    problem = page.locator(".mantine-InputWrapper-error")
    expect(problem).to_contain_text("karras")
    page.get_by_role("combobox", name="Schedule").select_option("leading")
    expect(problem).to_have_count(0)


def test_the_queue_is_reordered_by_keys_and_by_hand_and_a_job_canceled(
    page: Page, server: RunningServer
) -> None:
    fox, owl, _ = waiting(server)
    page.goto(server.url)
    page.get_by_role("button", name="Show the queue").click()
    panel = page.get_by_role("region", name="Queue")
    rows = panel.get_by_role("listitem")
    expect(rows).to_contain_text(["a red fox", "a grey owl", "a green frog"])
    rows.nth(2).get_by_role("button", name="Place 3").focus()
    page.keyboard.press("ArrowUp")
    expect(rows).to_contain_text(["a red fox", "a green frog", "a grey owl"])
    page.keyboard.press("Home")
    expect(rows).to_contain_text(["a green frog", "a red fox", "a grey owl"])
    grip = rows.nth(2).get_by_role("button", name="Place 3").bounding_box()
    goal = rows.nth(0).bounding_box()
    assert grip is not None
    assert goal is not None
    page.mouse.move(grip["x"] + 20, grip["y"] + 20)
    page.mouse.down()
    page.mouse.move(goal["x"] + 20, goal["y"] + 10, steps=5)
    with page.expect_response(lambda one: one.request.method == "PATCH"):
        page.mouse.up()
    expect(rows).to_contain_text(["a grey owl", "a green frog", "a red fox"])
    rows.nth(1).get_by_role("button", name="Cancel").click()
    expect(rows).to_have_count(2)
    expect(rows).to_contain_text(["a grey owl", "a red fox"])
    assert line(server) == [owl, fox]


def test_the_queue_is_the_same_after_the_server_was_lost(page: Page, server: RunningServer) -> None:
    jobs = waiting(server)
    page.goto(server.url)
    page.get_by_role("button", name="Show the queue").click()
    rows = page.get_by_role("region", name="Queue").get_by_role("listitem")
    expect(rows).to_have_count(3)
    prompt(page).fill("half a prom")
    server.kill()
    expect(page.get_by_text("Reconnecting…")).to_be_visible(timeout=30_000)
    server.start()
    expect(page.get_by_text("Reconnecting…")).to_be_hidden(timeout=60_000)
    server.client.post(f"{API}/jobs/{jobs[0]}/cancel")
    expect(rows).to_contain_text(["a grey owl", "a green frog"])
    expect(rows).to_have_count(2)
    expect(prompt(page)).to_have_value("half a prom")


def test_a_prompt_is_weighed_completed_counted_and_found_again(
    page: Page, server: RunningServer
) -> None:
    fill_in(page, server, "a red fox")
    expect(page.get_by_text("3 of 30 tokens")).to_be_visible()
    prompt(page).press("End")
    prompt(page).press("Control+ArrowUp")
    expect(prompt(page)).to_have_value("a red (fox:1.1)")
    page.keyboard.press("Control+z")
    expect(prompt(page)).to_have_value("a red fox")
    prompt(page).fill("")
    prompt(page).press_sequentially("a red __an")
    expect(page.get_by_role("option", name="animals")).to_be_visible()
    page.keyboard.press("Enter")
    expect(prompt(page)).to_have_value("a red __animals__")
    prompt(page).press("Control+Enter")
    expect(page.get_by_role("progressbar").first).to_be_visible()
    prompt(page).fill("something else")
    prompt(page).press("Alt+ArrowUp")
    expect(prompt(page)).to_have_value("a red __animals__")
    prompt(page).press("Alt+ArrowDown")
    expect(prompt(page)).to_have_value("something else")


def test_a_style_is_saved_put_around_the_prompt_and_taken_back(
    page: Page, server: RunningServer
) -> None:
    fill_in(page, server)
    page.get_by_role("button", name="Styles").click()
    dialog = page.get_by_role("dialog", name="Styles")
    dialog.get_by_role("textbox", name="Name").fill("Oil")
    dialog.get_by_role("textbox", name="Words").fill("an oil painting of {prompt}")
    dialog.get_by_role("button", name="Save the style").click()
    dialog.get_by_role("button", name="Oil an oil painting").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Remove Oil")).to_be_visible()
    with page.expect_response(lambda answer: answer.url.endswith("/generate")):
        prompt(page).press("Control+Enter")
    assert newest(server)["recipe"]["prompt"] == f"an oil painting of {FOX}"
    page.get_by_role("button", name="Remove Oil").click()
    expect(page.get_by_role("button", name="Remove Oil")).to_have_count(0)
