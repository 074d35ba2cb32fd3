"""What the server does by itself: scan, tidy, reconcile; and the pages of the client."""

import re
from functools import partial
from pathlib import Path

import anyio.to_thread
import pytest

from core.ipc.reports import Heartbeat
from core.paths import shipped
from server import housekeeping, library
from tests.server.studio import DRAW, Opener, Studio, configured

pytestmark = pytest.mark.anyio


async def test_the_trash_is_emptied_of_what_is_too_old(opener: Opener) -> None:
    async with opener(trash_days=0) as studio:
        image = (await studio.generate())["images"][0]["id"]
        await housekeeping.tidy(studio.state)
        assert (await studio.client.get(f"/api/v1/images/{image}")).status_code == 200
        await studio.client.delete(f"/api/v1/images/{image}")
        at_once = partial(configured, studio.state.layout.root, trash_days=0)
        studio.state.config = await anyio.to_thread.run_sync(at_once)
        await housekeeping.tidy(studio.state)
        if studio.state.layout.image(image).exists():  # the same millisecond: once more
            await housekeeping.tidy(studio.state)
        assert (await studio.client.get(f"/api/v1/images/{image}")).status_code == 404
        assert not studio.state.layout.image(image).exists()


async def test_a_picture_whose_file_vanished_is_hidden(studio: Studio) -> None:
    kept, lost = (image["id"] for image in (await studio.generate(count=2))["images"])
    studio.state.layout.image(lost).unlink()
    await housekeeping.reconcile(studio.state)
    shown = (await studio.client.get("/api/v1/images")).json()["items"]
    assert [image["id"] for image in shown] == [kept]


@pytest.mark.skipif(
    not (shipped("starter") / "model_index.json").exists(), reason="the starter is not there"
)
async def test_the_starter_is_found_and_draws_by_its_nickname(studio: Studio) -> None:
    await library.scan_once(studio.state)
    await library.hash_missing(studio.state)
    models = (await studio.client.get("/api/v1/models")).json()["items"]
    assert [model["source"] for model in models] == ["starter"]
    assert models[0]["sha256"]
    body = await studio.generate(model="starter")
    assert body["images"][0]["model"] == models[0]["name"]
    unnamed = {name: value for name, value in DRAW.items() if name != "model"}
    answer = await studio.client.post("/api/v1/generate", json=unnamed)
    assert answer.status_code == 202


async def test_a_model_is_edited_and_what_is_unknown_is_not_there(studio: Studio) -> None:
    model = (await studio.client.get("/api/v1/models")).json()["items"][0]
    changed = await studio.client.patch(
        f"/api/v1/models/{model['id']}", json={"description": "small", "defaults": {"steps": 4}}
    )
    assert changed.json()["description"] == "small"
    assert changed.json()["defaults"]["steps"] == 4
    gone = await studio.client.get("/api/v1/models/01ARZ3NDEKTSV4RRFFQ69G5FAV")
    assert gone.status_code == 404
    assert (await studio.client.post("/api/v1/models/scan")).status_code == 202


async def test_live_settings_change_and_others_do_not(studio: Studio) -> None:
    told = await studio.client.patch("/api/v1/config", json={"preview_rate": 2, "trash_days": 3})
    found = {one["name"]: one for one in told.json()["settings"]}
    assert (found["preview_rate"]["value"], found["preview_rate"]["source"]) == (2.0, "runtime")
    assert studio.state.settings.trash_days == 3
    fixed = await studio.client.patch("/api/v1/config", json={"port": 1})
    assert fixed.json()["errors"][0]["code"] == "unknown_field"
    both = await studio.client.patch(
        "/api/v1/config", json={"preview_rate": 999, "log_level": "LOUD"}
    )
    assert {one["pointer"] for one in both.json()["errors"]} == {"/preview_rate", "/log_level"}
    assert studio.state.settings.preview_rate == 2.0


async def test_the_client_is_a_page_and_paths_below_the_interface_are_not(studio: Studio) -> None:
    page = await studio.client.get("/")
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert page.headers["cache-control"] == "no-cache"
    for path in ("/api/v1/x", "/assets/none.js", "/..%2f..%2fetc%2fpasswd", "/i18n/xx.json"):
        assert (await studio.client.get(path)).status_code == 404


async def test_system_tells_engine_and_version(studio: Studio) -> None:
    told = (await studio.client.get("/api/v1/system")).json()
    assert told["engine"]["state"] == "ready"
    assert told["boot"] == studio.state.boot
    assert str(Path.home()) not in str(told)


async def test_system_and_figures_tell_what_weights_take_and_may_take(studio: Studio) -> None:
    beat = Heartbeat(  # what the scripted engine says as well, perhaps meanwhile
        jobs=[], phase="idle", progress_age=0.0, rss=1 << 20, used=1 << 20, total=1 << 30,
        models=[], weights_ram=1 << 20, ram_budget=1 << 29,
    )  # fmt: skip
    studio.state.dispatcher.vitals.beat(beat)
    told = (await studio.client.get("/api/v1/system")).json()
    assert told["memory"] == {
        "used": 1 << 20, "total": 1 << 30, "rss": 1 << 20, "weights_device": 0,
        "weights_ram": 1 << 20, "vram_budget": 0, "ram_budget": 1 << 29, "models": [],
    }  # fmt: skip
    assert told["speed"] == "plain"
    figures = (await studio.client.get("/metrics")).text
    for name, value in (("ram", 1 << 20), ("ram_budget", 1 << 29), ("device", 0)):
        found = re.search(rf"^heliograph_weights_{name}_bytes (\S+)$", figures, re.MULTILINE)
        assert found is not None
        assert float(found[1]) == value
