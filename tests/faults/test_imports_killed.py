"""A server killed in the middle of an import: the next one goes on, and nothing is there twice."""

import time
from pathlib import Path
from typing import Any

import pytest

from core.failpoint import POINTS
from tests.foreign import png
from tests.running import RunningServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

IMPORTS = "/api/v1/images/imports"
COUNT = 40
PLACES = [name for name in POINTS if name.startswith("import.")]


def until(server: RunningServer, import_id: str) -> dict[str, Any]:
    """Ask for an import until it has ended."""
    begun = time.perf_counter()
    while time.perf_counter() - begun < 60:
        found: dict[str, Any] = server.client.get(f"{IMPORTS}/{import_id}").json()
        if found["ended"] is not None:
            return found
        time.sleep(0.02)
    raise TimeoutError(str(found))


@pytest.mark.parametrize("mode", ["copy", "reference"])
@pytest.mark.parametrize("place", PLACES)
def test_a_kill_in_the_middle_costs_time_and_nothing_else(
    tmp_path: Path, place: str, mode: str
) -> None:
    folder = tmp_path / "old"
    folder.mkdir()
    for number in range(COUNT):
        (folder / f"{number:02}.png").write_bytes(png(number, parameters=f"fox {number}"))
    later = "20" if place == "import.blob" else "2"  # a piece of sixteen is on the disk by then
    points = f"{place}=kill@{later}"
    with RunningServer(tmp_path / "data", fake_engine="1", failpoints=points) as server:
        ask = {"folder": str(folder), "mode": mode}
        made = server.client.post("/api/v1/images/import", json=ask).json()["id"]
        server.process.wait(60)
        server.settings.pop("failpoints")
        server.forget_connections()
        server.start()
        done = until(server, made)
        assert (done["status"], done["added"], done["known"]) == ("succeeded", COUNT, 0), done
        images = server.client.get("/api/v1/images", params={"limit": 200}).json()["items"]
        assert sorted(image["sha256"] for image in images) == sorted(
            {image["sha256"] for image in images}
        )
        assert len(images) == COUNT
        for image in images:
            assert server.client.get(image["url"]).status_code == 200
            assert server.client.get(image["thumbnail_url"]).status_code == 200
    kept = list((tmp_path / "data" / "thumbnails").rglob("*.webp"))
    assert sorted(path.stem for path in kept) == sorted(image["id"] for image in images)
    assert len(list(folder.iterdir())) == COUNT
