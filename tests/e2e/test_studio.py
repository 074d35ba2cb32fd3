"""Models, settings and the frame in a browser: install, convert, delete, set, sign, switch."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.core.library.test_download import weights
from tests.hub import Hub, Repo, Served, repo_of
from tests.running import ROOT, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(240)]
API = "/api/v1"
SOON = 60_000  # milliseconds


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with Hub() as opened:
        opened.repos["fox/starter"] = repo_of(ROOT / "starter" / "model")
        opened.repos["fox/den"] = Repo({"a.safetensors": Served(weights(seed=1))}, gated=True)
        yield opened


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, hub: Hub) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("studio")
    with running(folder, install_private="127.0.0.1", hf_endpoint=hub.url) as started:
        yield started


def tab(page: Page, name: str) -> None:
    page.get_by_role("link", name=name, exact=True).click()


def install(page: Page, source: str, name: str) -> None:
    page.get_by_label("Where from").fill(source)
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Install", exact=True).click()


def test_a_model_is_installed_edited_converted_and_deleted(
    page: Page, server: RunningServer
) -> None:
    page.goto(f"{server.url}/#/models/add")
    page.get_by_label("Where from").fill("hf:fox/starter")
    page.get_by_label("Where from").press("Enter")
    row = page.get_by_role("listitem").filter(has_text="hf:fox/starter")
    expect(row).to_contain_text("Installed", timeout=SOON)
    row.get_by_role("link", name="Show").click()

    details = page.get_by_role("article", name="Details")
    details.get_by_label("Name", exact=True).fill("My starter")
    details.get_by_label("Note", exact=True).fill("Small and quick")
    page.reload()  # what was typed is still there
    expect(details.get_by_label("Note", exact=True)).to_have_value("Small and quick")
    details.get_by_role("button", name="Save").click()
    expect(details.get_by_role("button", name="Save")).to_be_hidden()
    page.get_by_role("searchbox").fill("quick")
    expect(page.get_by_role("link", name="My starter")).to_have_count(1)
    page.get_by_role("searchbox").fill("")

    details.get_by_role("button", name="Convert…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Convert", exact=True).click()
    expect(dialog.get_by_role("alert")).to_be_visible()  # nothing would change
    dialog.get_by_label("Number format").select_option("float32")
    dialog.get_by_label("Name of the new model").fill("My starter wide")
    dialog.get_by_role("button", name="Convert", exact=True).click()
    made = details.get_by_role("link", name="Made: My starter wide")
    made.click(timeout=SOON)
    expect(details.get_by_role("heading", name="My starter wide")).to_be_visible()

    details.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("link", name="My starter wide")).to_have_count(0)
    names = [model["name"] for model in server.client.get(f"{API}/models").json()["items"]]
    assert "My starter wide" not in names
    assert "My starter" in names


def test_an_install_that_needs_a_licence_says_what_to_do(
    page: Page, server: RunningServer, hub: Hub
) -> None:
    page.goto(f"{server.url}/#/models/add")
    install(page, "hf:fox/den", "Den")
    row = page.get_by_role("listitem").filter(has_text="hf:fox/den")
    expect(row).to_contain_text("licence to accept", timeout=SOON)
    expect(row.get_by_role("link")).to_have_attribute("href", f"{hub.url}/fox/den")
    hub.repos["fox/den"].gated = False  # accepted
    row.get_by_role("button", name="Try again").click()
    expect(row).to_contain_text("Installed", timeout=SOON)


def test_two_tabs_agree_about_a_setting(page: Page, server: RunningServer) -> None:
    other = page.context.new_page()
    for one in (page, other):
        one.goto(f"{server.url}/#/settings/server")
        expect(one.get_by_label("Days in the trash")).to_have_value("30")
    page.get_by_label("Days in the trash").fill("7")
    page.get_by_label("Days in the trash").press("Enter")
    expect(other.get_by_label("Days in the trash")).to_have_value("7")
    expect(page.get_by_text("Changed while running").first).to_be_visible()
    page.get_by_role("searchbox").fill("data_dir")
    expect(page.get_by_text("data_dir", exact=True)).to_be_visible()
    expect(page.get_by_label("Days in the trash")).to_have_count(0)


def test_a_token_is_shown_once_works_and_is_revoked(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/settings/access")
    page.get_by_label("For whom").fill("my bot")
    page.get_by_role("button", name="Make token").click()
    text = page.locator("output").inner_text()
    headers = {"authorization": f"Bearer {text}"}
    session = server.client.get(f"{API}/session", headers=headers).json()
    assert sorted(session["scopes"]) == ["generate", "read"]
    page.reload()
    expect(page.get_by_role("listitem").filter(has_text="my bot")).to_be_visible()
    expect(page.get_by_text(text)).to_have_count(0)
    page.get_by_role("button", name="Revoke my bot").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_text("There is no token yet.")).to_be_visible()
    assert server.client.get(f"{API}/session", headers=headers).status_code == 401


def test_the_log_reads_on_when_something_happens(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/settings/log")
    log = page.get_by_role("log")
    expect(log).to_contain_text("INFO")
    made = server.generate(prompt="a flat panda on a green background", steps=2)
    expect(log).to_contain_text(made["jobs"][0]["id"], timeout=SOON)


def test_language_and_theme_change_without_a_reload(page: Page, server: RunningServer) -> None:
    page.goto(f"{server.url}/#/settings/server")
    expect(page.get_by_text("TCP port; 0 picks a free one.")).to_be_visible()
    page.goto(f"{server.url}/#/settings")
    page.evaluate("window.notReloaded = true")
    page.get_by_label("Language").select_option("ar")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    rail, main = page.locator("nav.rail").bounding_box(), page.locator("main").bounding_box()
    assert rail is not None and main is not None
    assert rail["x"] > main["x"]
    page.goto(f"{server.url}/#/settings/server")
    expect(page.get_by_text("منفذ TCP؛ 0 يختار منفذًا حرًا.")).to_be_visible()
    page.goto(f"{server.url}/#/settings")
    page.locator("select").first.select_option("en")
    before = page.locator("meta[name=theme-color]").get_attribute("content")
    page.get_by_text("Light", exact=True).click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")
    expect(page.locator("meta[name=theme-color]")).not_to_have_attribute("content", before or "")
    assert page.evaluate("window.notReloaded")


def test_the_first_visit_is_guided_once(page: Page, tmp_path: Path) -> None:
    with running(tmp_path, fake_engine="1") as fresh:
        page.goto(fresh.url)
        guide = page.get_by_role("complementary", name="First steps")
        expect(guide).to_contain_text("1 of 3")
        page.get_by_role("button", name="a 3d red fox on a blue background").click()
        expect(guide).to_contain_text("2 of 3")
        guide.get_by_role("button", name="Next").click()
        guide.get_by_role("button", name="Got it").click()
        expect(guide).to_have_count(0)
        page.reload()
        expect(page.locator(".tile-final").first).to_be_visible()
        expect(guide).to_have_count(0)


def test_a_page_that_breaks_leaves_the_others(page: Page, server: RunningServer) -> None:
    page.route("**/assets/ModelsPage-*.js", lambda route: route.abort())
    page.goto(server.url)
    page.get_by_role("textbox", name="Prompt", exact=True).fill("half of a thought")
    page.get_by_role("link", name="Models", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("This page has broken")
    page.get_by_role("link", name="Generate", exact=True).click()
    box = page.get_by_role("textbox", name="Prompt", exact=True)
    expect(box).to_have_value("half of a thought")


def test_a_phone_reaches_every_page(page: Page, server: RunningServer) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(server.url)
    expect(page.get_by_role("link", name="Settings", exact=True)).to_be_hidden()
    page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("link", name="Settings", exact=True).click()
    expect(page.get_by_role("heading", name="Settings")).to_be_visible()
    expect(page.get_by_role("link", name="Settings", exact=True)).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_page_can_be_installed(server: RunningServer) -> None:
    manifest = server.client.get("/manifest.webmanifest")
    assert manifest.headers["content-type"].startswith("application/manifest+json")
    for icon in manifest.json()["icons"]:
        answer = server.client.get(icon["src"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, icon["type"])
