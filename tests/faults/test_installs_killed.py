"""A server killed in the middle of an install: the next one goes on, and nothing is there twice."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.failpoint import POINTS
from core.library import contents
from tests.core.library.test_download import weights
from tests.hub import Hub, Repo, Served
from tests.running import RunningServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL"),
]
API = "/api/v1/models"
PLACES = [name for name in POINTS if name.startswith("install.")]
BIG = 3_000_000  # bytes


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub() as opened:
        yield opened


def serving(folder: Path, hub: Hub, **settings: str) -> RunningServer:
    return RunningServer(
        folder / "data", fake_engine="1", install_private="127.0.0.1", hf_endpoint=hub.url,
        **settings,
    )  # fmt: skip


def install(server: RunningServer, source: str) -> str:
    answer = server.client.post(f"{API}/install", json={"source": source})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def until(server: RunningServer, install_id: str, holds: Any) -> dict[str, Any]:
    """Ask for an install until something holds of it."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < 60:
        found: dict[str, Any] = server.client.get(f"{API}/installs/{install_id}").json()
        if holds(found):
            return found
        time.sleep(0.02)
    raise TimeoutError(str(found))


def went_on(server: RunningServer, install_id: str, sha256: str | None) -> None:
    """Start the server anew and see the install end as if nothing had been."""
    server.settings.pop("failpoints", None)
    server.forget_connections()
    server.start()
    done = until(server, install_id, lambda found: found["status"] in ("done", "failed"))
    assert done["status"] == "done", done
    model = server.client.get(f"{API}/{done['model']}").json()
    assert sha256 in (None, model["sha256"])
    items = server.client.get(API).json()["items"]
    assert [item["id"] for item in items if item["source"] == done["source"]] == [done["model"]]
    models = server.data_dir / "models"
    kept = [path.name for path in models.iterdir() if not path.name.startswith(".")]
    assert kept == [model["file"]]
    assert list((models / contents.INCOMING).iterdir()) == []


def test_a_killed_server_goes_on_from_the_byte_where_it_was(tmp_path: Path, hub: Hub) -> None:
    content = weights(BIG)
    repo = Repo({"fox.safetensors": Served(content, holds=2_000_000)})
    hub.repos["fox/den"] = repo
    served = repo.files["fox.safetensors"]
    with serving(tmp_path, hub) as server:
        made = install(server, "hf:fox/den")
        until(server, made, lambda found: found["bytes"] == 2_000_000)
        server.kill()
        (part,) = (server.data_dir / "models" / contents.INCOMING / made).iterdir()
        kept = part.stat().st_size
        assert 1_900_000 < kept <= 2_000_000
        served.holds = None
        went_on(server, made, served.sha256)
    assert hub.ranges() == [None, f"bytes={kept}-"]
    assert sum(1 for one in hub.asked if one.path.startswith("/api/")) == 1  # planned once


@pytest.mark.parametrize("place", PLACES)
def test_a_kill_at_every_named_place_costs_time_and_nothing_else(
    tmp_path: Path, hub: Hub, place: str
) -> None:
    served = hub.put("/fox.safetensors", weights(BIG))
    with serving(tmp_path, hub, failpoints=f"{place}=kill") as server:
        made = install(server, f"{hub.cdn}/fox.safetensors")
        server.process.wait(60)
        went_on(server, made, served.sha256)


@pytest.mark.parametrize("place", ["install.rename", "install.row", "install.sync"])
def test_a_folder_outlives_a_kill_too(tmp_path: Path, hub: Hub, place: str) -> None:
    hub.repos["fox/den"] = Repo(
        {
            "config.json": Served(b'{"_class_name": "AutoencoderKL"}', lfs=False),
            "diffusion_pytorch_model.safetensors": Served(weights(BIG)),
        }
    )
    with serving(tmp_path, hub, failpoints=f"{place}=kill") as server:
        made = install(server, "hf:fox/den")
        server.process.wait(60)
        went_on(server, made, None)
