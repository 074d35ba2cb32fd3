"""Every page has room for its words in every language, on a desk and on a phone."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.e2e.looking import PHONE, WIDE, Visit
from tests.e2e.test_access import PLAIN
from tests.running import ROOT, RunningServer, running

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(120)]
LANGUAGES = sorted(path.stem for path in (ROOT / "i18n").glob("*.json"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running(tmp_path_factory.mktemp("languages"), fake_engine="1") as started:
        started.generate(prompt="a fox", count=3, steps=2)
        started.client.post("/api/v1/tokens", json={"name": "bot", "scopes": ["read"]})
        yield started


@pytest.fixture(scope="module")
def visit(browser: Browser, server: RunningServer) -> Iterator[Visit]:
    with Visit(browser, server) as begun:
        yield begun


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_is_room_for_every_word(visit: Visit, language: str) -> None:
    visit.go("settings")
    visit.page.locator("main select").first.select_option(language)  # without a reload
    expect(visit.page.locator("html")).to_have_attribute("lang", language)
    wrong: list[str] = []
    for size in (WIDE, PHONE):
        for place in PLAIN:
            visit.go(place)
            wrong += [f"{place}, {size['width']}: {one}" for one in visit.fit(size)]
    assert not wrong, "\n".join(["", *wrong])
