"""Settings that change while the server runs: each takes effect, and is told."""

import logging
from collections.abc import Iterator

import anyio
import msgspec
import pytest

from core.jobs.fake_job import FakeScript
from server import housekeeping
from tests.server.studio import DRAW, Opener, Studio, listening
from tests.server.test_socket import ask, hear, socket, until

pytestmark = pytest.mark.anyio
CONFIG = "/api/v1/config"


@pytest.fixture(autouse=True)
def level() -> Iterator[None]:
    before = logging.getLogger().level
    yield
    logging.getLogger().setLevel(before)


async def change(studio: Studio, **values: object) -> None:
    answer = await studio.client.patch(CONFIG, json=values)
    assert answer.status_code == 200, answer.text


async def test_the_log_level_is_the_loggers(studio: Studio) -> None:
    await change(studio, log_level="ERROR")
    assert logging.getLogger().level == logging.ERROR
    await change(studio, log_level="DEBUG")
    assert logging.getLogger().level == logging.DEBUG


async def test_the_language_is_that_of_callers_who_ask_for_none(studio: Studio) -> None:
    before = (await studio.client.get("/api/v1/jobs/x")).json()["detail"]
    await change(studio, language="de")
    after = await studio.client.get("/api/v1/jobs/x")
    asked = await studio.client.get("/api/v1/jobs/x", headers={"accept-language": "en"})
    assert after.json()["detail"] != before
    assert asked.json()["detail"] == before
    unknown = await studio.client.patch(CONFIG, json={"language": "tlh"})
    assert unknown.json()["errors"][0]["code"] == "not_one_of"


async def test_the_preview_rate_is_the_running_engines(opener: Opener) -> None:
    script = FakeScript(step=0.002, preview_rate=30)
    async with opener(script=script) as studio, listening(studio.state) as address:
        async with socket(address, "?topics=previews,jobs") as opened:
            await hear(opened)
            await ask(opened, "generate", **DRAW | {"steps": 40})
            await until(opened, "job.preview")
            await until(opened, "job.ended")
            await change(studio, preview_rate=0)
            await ask(opened, "generate", **DRAW | {"steps": 40, "seed": 8})
            seen = []
            while (message := await hear(opened))["type"] != "job.ended":
                seen.append(message["type"])
            assert "job.preview" not in seen
            assert "job.progress" in seen


async def test_the_days_of_the_trash_hold_for_what_lies_in_it(opener: Opener) -> None:
    async with opener(trash_days=30) as studio:
        image = (await studio.generate())["images"][0]["id"]
        await studio.client.delete(f"/api/v1/images/{image}")
        await housekeeping.tidy(studio.state)
        assert studio.state.layout.image(image).exists()
        await change(studio, trash_days=0)
        with anyio.fail_after(5):
            while studio.state.layout.image(image).exists():
                await housekeeping.tidy(studio.state)
        assert not studio.state.layout.thumbnail(image).exists()


async def test_each_change_is_told_once(studio: Studio) -> None:
    async with studio.state.bus.subscribe(topics=["system"]) as heard:
        await change(studio, preview_rate=3, trash_days=9)
        told = []
        with anyio.fail_after(5):
            while len(told) < 2:
                fact = msgspec.json.decode((await heard.receive()).data)
                if fact["type"] == "config.changed":
                    told.append(fact["setting"])
    assert sorted(told) == ["preview_rate", "trash_days"]


async def test_what_does_not_fit_is_said_in_words_of_ours_and_changes_nothing(
    studio: Studio,
) -> None:
    answer = await studio.client.patch(
        CONFIG,
        json={"preview_rate": 99, "log_level": "LOUD", "trash_days": "x", "language": 3},
        headers={"accept-language": "de"},
    )
    assert answer.status_code == 422
    found = {one["pointer"]: (one["code"], one["message"]) for one in answer.json()["errors"]}
    assert found == {
        "/preview_rate": ("number_too_large", "Höchstens 30."),
        "/log_level": ("not_one_of", "Möglich sind: DEBUG, INFO, WARNING, ERROR."),
        "/trash_days": ("wrong_type", "Erwartet wird: eine ganze Zahl."),
        "/language": ("wrong_type", "Erwartet wird: ein Text."),
    }
    assert studio.state.settings.preview_rate == 8.0
