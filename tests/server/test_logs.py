"""``GET /logs``: for admins, in order, by number; and a server whose log cannot be written."""

import json
import logging
from pathlib import Path

import pytest

from tests.running import running
from tests.server.studio import Opener, Studio

API = "/api/v1"
log = logging.getLogger("heliograph.test")


@pytest.mark.anyio
async def test_lines_are_read_on_from_the_last_that_was_seen(studio: Studio) -> None:
    log.warning("first", extra={"job": "J"})
    warnings = {"level": "WARNING"}  # other libraries may tell of less
    page = (await studio.client.get(f"{API}/logs", params=warnings)).json()
    assert page["items"][-1]["message"] == "first"
    assert page["items"][-1]["extra"] == {"job": "J"}
    assert page["boot"] == studio.state.boot
    log.warning("second")
    after = warnings | {"after": page["next"]}
    later = (await studio.client.get(f"{API}/logs", params=after)).json()
    assert [line["message"] for line in later["items"]] == ["second"]
    after = warnings | {"after": later["next"]}
    assert (await studio.client.get(f"{API}/logs", params=after)).json()["items"] == []


@pytest.mark.anyio
async def test_only_an_admin_reads_the_log(opener: Opener) -> None:
    async with opener(token="the-master-token-of-this-test") as studio:
        master = {"authorization": "Bearer the-master-token-of-this-test"}
        assert (await studio.client.get(f"{API}/logs")).status_code == 401
        assert (await studio.client.get(f"{API}/logs", headers=master)).status_code == 200
        made = await studio.client.post(
            f"{API}/tokens", json={"name": "bot", "scopes": ["read", "generate"]}, headers=master
        )
        bot = {"authorization": f"Bearer {made.json()['text']}"}
        assert (await studio.client.get(f"{API}/logs", headers=bot)).status_code == 403


@pytest.mark.anyio
@pytest.mark.parametrize("bad", [{"after": "-1"}, {"limit": "0"}, {"level": "DEBUG"}, {"x": "1"}])
async def test_what_does_not_fit_is_refused(studio: Studio, bad: dict[str, str]) -> None:
    assert (await studio.client.get(f"{API}/logs", params=bad)).status_code == 422


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_server_writes_its_log_into_the_file_that_is_set(tmp_path: Path) -> None:
    with running(tmp_path, fake_engine="1", log_file="studio.log") as server:
        made = server.generate(prompt="a red fox of the test", steps=1)
        assert made["jobs"][0]["status"] == "succeeded"
    lines = [
        json.loads(line)
        for line in (tmp_path / "data/logs/studio.log").read_text("utf-8").splitlines()
    ]
    actions = [line.get("action") for line in lines]
    assert {"start", "job.started", "job.saved", "stop"} <= set(actions)
    assert all("red fox" not in json.dumps(line) for line in lines)


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_log_that_cannot_be_written_does_not_hurt_the_server(tmp_path: Path) -> None:
    with running(tmp_path, fake_engine="1", log_file="/dev/full") as server:
        assert server.generate(prompt="a red fox", steps=1)["jobs"][0]["status"] == "succeeded"
        page = server.client.get(f"{API}/logs").json()
        assert "job.saved" in {line["extra"].get("action") for line in page["items"]}
        assert server.stop() == 0
