"""Kill the server at random moments: everything accepted is done, once, and lies on disk."""

import hashlib
import json
import random
import sqlite3
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from core.paths import Layout
from tests.running import RunningServer

PICTURES = 40
KILLS = 3


def job_states(server: RunningServer, batch: str) -> Counter[str]:
    counts = server.client.get(f"/api/v1/batches/{batch}").json()["counts"]
    return Counter({status: n for status, n in counts.items() if n})


def every_image(server: RunningServer) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        query = {"limit": "25", "kind": "output"} | ({"cursor": cursor} if cursor else {})
        page = server.client.get("/api/v1/images", params=query).json()
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_forty_pictures_survive_three_kills_of_the_server(tmp_path: Path) -> None:
    chance = random.Random(20)
    layout = Layout(tmp_path / "data")
    with RunningServer(layout.root) as server:
        server.wait_for("/readyz", 90)
        asked = server.client.post(
            "/api/v1/generate",
            json={"prompt": "a red fox", "steps": 12, "seed": 5, "count": PICTURES},
        )
        assert asked.status_code == 202, asked.text
        batch = asked.json()["batch"]
        for kill in range(KILLS):
            wanted = (kill + 1) * PICTURES // (KILLS + 2)
            deadline = time.monotonic() + 90
            while job_states(server, batch)["succeeded"] < wanted:
                assert time.monotonic() < deadline, job_states(server, batch)
                time.sleep(0.02)
            time.sleep(chance.random())  # anywhere: in a step, a save, a commit
            server.kill()
            server.start()
        deadline = time.monotonic() + 120
        while job_states(server, batch) != Counter(succeeded=PICTURES):
            assert time.monotonic() < deadline, job_states(server, batch)
            time.sleep(0.05)
        images = every_image(server)
        for image in images:
            file = server.client.get(f"/api/v1/images/{image['id']}/file")
            assert file.status_code == 200
            assert server.client.get(image["thumbnail_url"]).status_code == 200
            stored = layout.image(image["id"]).read_bytes()
            assert hashlib.sha256(stored).hexdigest() == image["sha256"]
            assert len(stored) == image["bytes"]
    assert sorted(image["seed"] for image in images) == list(range(5, 5 + PICTURES))
    assert len({image["job"] for image in images}) == PICTURES
    on_disk = {path.stem for path in layout.images.rglob("*.png")}
    assert on_disk == {image["id"] for image in images}
    assert list(layout.staging.iterdir()) == []
    database = sqlite3.connect(layout.database)
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    texts = [bytes(text) for (text,) in database.execute("SELECT text FROM events")]
    database.close()
    ended = [fact["job"] for fact in map(json.loads, texts) if fact["type"] == "job.ended"]
    assert sorted(ended) == sorted(image["job"] for image in images)
