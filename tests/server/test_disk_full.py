"""A real server on a disk that is truly full: every stage refuses, and goes on by itself."""

import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.paths import Layout
from core.store.ballast import Ballast
from tests.disks import KINDS, Disk, disk, limit
from tests.running import RunningServer
from tests.server.test_images import png

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are Linux's here"),
]
FAST = {"prompt": "a fox", "width": 64, "height": 64, "steps": 2}
SLOW = {"prompt": "fake:slow fox", "width": 64, "height": 64, "steps": 60}  # 3 s


@contextmanager
def serving(on: Disk, **settings: str) -> Iterator[RunningServer]:
    """Run a server on a disk; its log lies there, too. Ended by force if need be."""
    server = RunningServer(on.folder / "data", fake_engine="1", **settings)
    try:
        server.start()
        server.wait_for("/readyz", 30)
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        server.client.close()


@pytest.fixture(params=KINDS)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk(request.param, tmp_path / "disk") as made:
        yield made


def until(check: Callable[[], bool], seconds: float, what: str) -> None:
    """Ask until it is so."""
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.02)


def ask(server: RunningServer, **fields: Any) -> httpx.Response:
    return server.client.post("/api/v1/generate", json=FAST | fields)


def accepted(server: RunningServer, **fields: Any) -> list[str]:
    answer = ask(server, **fields)
    assert answer.status_code == 202, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


def status(server: RunningServer, job: str) -> str:
    found: str = server.client.get(f"/api/v1/jobs/{job}").json()["status"]
    return found


def reaches(server: RunningServer, job: str, wanted: str, seconds: float = 20) -> None:
    """Wait until a job has a status."""
    until(lambda: status(server, job) == wanted, seconds, f"{job} is {wanted}")


def upload(server: RunningServer, width: int) -> httpx.Response:
    return server.client.post(
        "/api/v1/uploads", content=png(width, 8), headers={"content-type": "image/png"}
    )


def full(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()["code"]) == (507, "disk_full")


def reasons(server: RunningServer) -> list[str]:
    found: list[str] = server.client.get("/readyz").json()["reasons"]
    return found


def check_whole(folder: Path, jobs: list[str]) -> None:
    """See I1 to I6, I9 and I11 of a server that ended."""
    layout = Layout(folder / "data")
    with closing(sqlite3.connect(layout.database)) as connection:
        rows = connection.execute
        assert rows("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert rows("PRAGMA foreign_key_check").fetchall() == []
        found = dict(rows("SELECT id, status FROM jobs").fetchall())
        assert {job: found.get(job) for job in jobs} == dict.fromkeys(jobs, "succeeded")
        facts = rows('SELECT job FROM events WHERE CAST(text AS TEXT) LIKE \'{"type":"job.ended%\'')
        assert Counter(job for (job,) in facts) == Counter([*found])
        numbers = [seq for (seq,) in rows("SELECT seq FROM events ORDER BY seq")]
        assert numbers == list(range(1, len(numbers) + 1))
        drawn = {image for (image,) in rows("SELECT id FROM images WHERE blob = 0")}
        uploads = {digest for (digest,) in rows("SELECT sha256 FROM images WHERE blob = 1")}
        thumbnails = {image for (image,) in rows("SELECT id FROM images")}
    assert {path.stem for path in layout.images.rglob("*.*")} == drawn
    assert {path.name for path in layout.thumbnails.rglob("*.*")} == {
        f"{image}.webp" for image in thumbnails
    }
    assert uploads <= {path.name for path in layout.blobs.rglob("*") if path.is_file()}
    assert list(layout.staging.iterdir()) == []
    unfinished = [*layout.root.rglob("*.part"), *layout.root.rglob("*.new")]
    assert unfinished == []


@pytest.mark.parametrize("leave", [0, 20_000, 300_000])
def test_a_disk_that_fills_up_under_work_refuses_in_order_and_goes_on_by_itself(
    small: Disk, leave: int
) -> None:
    layout = Layout(small.folder / "data")
    layout.make()
    Ballast(layout.root / "ballast").load()  # as a server does that runs for a minute
    with serving(small, disk_floor_mb="0") as server:
        jobs = accepted(server) + accepted(server, **SLOW, count=2)
        kept = upload(server, 16).json()["id"]
        reaches(server, jobs[-1], "running", 10)
        small.fill(server.process.pid, leave if small.reserves else min(leave, 40_000))
        refused = 0
        for number in range(400):  # what little is left is used up by what is accepted
            answer = ask(server, prompt="a fox " * 500, seed=number)
            if answer.status_code == 202:
                jobs += [job["id"] for job in answer.json()["jobs"]]
                continue
            assert full(answer), answer.text
            refused += 1
            if refused == 3:
                break
        assert refused == 3
        assert full(upload(server, 24))
        assert server.client.get("/api/v1/images").json()["items"]
        assert server.client.get(f"/api/v1/images/{kept}/file").status_code == 200
        deleted = server.client.delete(f"/api/v1/images/{kept}", params={"forever": "1"})
        assert deleted.status_code == (204 if small.reserves else 507)  # to make room needs some
        if small.reserves:
            until(lambda: "disk_full" in reasons(server), 20, "the queue pauses")
            queue = server.client.get("/api/v1/queue").json()
            assert (queue["paused"], queue["reason"]) == (True, "disk_full")
        time.sleep(4)  # in which the slow jobs come to their pictures
        assert server.process.poll() is None
        assert not any(status(server, job) == "failed" for job in jobs)
        small.free(server.process.pid)
        until(lambda: reasons(server) == [], 30, "ready again")
        for job in jobs:
            reaches(server, job, "succeeded", 40)
        jobs += accepted(server, seed=1)
        reaches(server, jobs[-1], "succeeded", 10)
        assert upload(server, 24).status_code == 201
        assert server.stop() == 0
    check_whole(small.folder, jobs)


@pytest.mark.parametrize(
    "point", ["accept.row", "claim.row", "save.write", "save.sync", "save.rename", "save.folder",
              "save.row", "store.commit"],
)  # fmt: skip
def test_a_disk_that_is_full_at_one_stage_costs_no_job(tmp_path: Path, point: str) -> None:
    """The stages that a filling disk meets by chance, met one by one."""
    with RunningServer(
        tmp_path / "data", fake_engine="1", failpoints=f"{point}=enospc@3-5", disk_floor_mb="0"
    ) as server:
        server.wait_for("/readyz", 30)
        jobs = []
        for number in range(12):
            answer = ask(server, seed=number)
            assert answer.status_code == 202 or full(answer), answer.text
            if answer.status_code == 202:
                jobs += [job["id"] for job in answer.json()["jobs"]]
        for job in jobs:
            reaches(server, job, "succeeded", 40)
        assert server.stop() == 0
    assert len(jobs) >= 9
    check_whole(tmp_path, jobs)


def test_below_the_floor_the_queue_pauses_and_uploads_are_refused(tmp_path: Path) -> None:
    floor = str(1 << 40)  # MiB: no disk has as much
    with RunningServer(tmp_path / "data", fake_engine="1", disk_floor_mb=floor) as server:
        until(lambda: reasons(server) == ["disk_full"], 20, "paused, and nothing else")
        (job,) = accepted(server)
        assert full(upload(server, 16))
        assert status(server, job) == "queued"
        assert server.stop() == 0
    with RunningServer(tmp_path / "data", fake_engine="1", disk_floor_mb="0") as server:
        reaches(server, job, "succeeded", 30)
        assert server.stop() == 0
    check_whole(tmp_path, [job])


def test_a_failing_disk_is_said_refused_and_gone_back_to_by_itself(tmp_path: Path) -> None:
    """The log of changes may not grow, though there is room: to SQLite that is an I/O error."""
    with RunningServer(tmp_path / "data", fake_engine="1", disk_floor_mb="0") as server:
        server.wait_for("/readyz", 30)
        jobs = accepted(server)
        note = {"json": FAST | {"prompt": "a fox " * 2_000}}
        wal = tmp_path / "data" / "heliograph.db-wal"
        while wal.stat().st_size < 2 << 20:
            answer = server.client.post("/api/v1/generate", **note)
            jobs += [job["id"] for job in answer.json()["jobs"]]
        limit(server.process.pid, 1 << 20)
        refused = server.client.post("/api/v1/generate", **note)
        assert (refused.status_code, refused.json()["code"]) == (503, "database_failing")
        assert int(refused.headers["retry-after"]) > 0
        assert "database_failing" in reasons(server)
        assert server.client.get("/api/v1/queue").status_code == 200
        limit(server.process.pid, -1)
        until(lambda: reasons(server) == [], 30, "it was tried again without being asked")
        for job in jobs:
            reaches(server, job, "succeeded", 60)
        assert server.stop() == 0
    check_whole(tmp_path, jobs)
