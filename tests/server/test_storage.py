"""``GET /storage``: the data directory by parts, for admins."""

from pathlib import Path

import pytest

from core.store.ballast import SIZE, Ballast
from tests.server.studio import Opener, Studio

API = "/api/v1"


@pytest.mark.anyio
async def test_each_part_of_the_data_directory_is_measured(studio: Studio, tmp_path: Path) -> None:
    root = studio.state.layout.models / "mine"
    root.mkdir()
    (studio.state.layout.root / Ballast.NAME).write_bytes(b"x" * SIZE)
    (root / "a.safetensors").write_bytes(b"x" * 1000)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(b"x" * 5000)
    (root / "linked.safetensors").symlink_to(elsewhere)  # its room is elsewhere
    told = (await studio.client.get(f"{API}/storage")).json()
    parts = {part["name"]: part for part in told["parts"]}
    assert (parts["models"]["bytes"], parts["models"]["files"]) == (1000, 1)
    assert parts["database"]["bytes"] > 0
    assert parts["reserve"] == {"name": "reserve", "bytes": SIZE, "files": 1}
    assert 0 < told["free"] < told["total"]
    assert told["floor"] == studio.state.settings.disk_floor_mb << 20
    assert [part["bytes"] for part in told["parts"]] == sorted(
        (part["bytes"] for part in told["parts"]), reverse=True
    )


@pytest.mark.anyio
async def test_only_an_admin_is_told(opener: Opener) -> None:
    async with opener(token="the-master-token-of-this-test") as studio:
        master = {"authorization": "Bearer the-master-token-of-this-test"}
        assert (await studio.client.get(f"{API}/storage")).status_code == 401
        assert (await studio.client.get(f"{API}/storage", headers=master)).status_code == 200
