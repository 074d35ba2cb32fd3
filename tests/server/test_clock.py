"""A clock that jumps under a running server, for real: libfaketime, told where it is by a file."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.paths import Layout
from tests.running import RunningServer
from tests.server.test_disk_full import SLOW, accepted, check_whole, reaches, until

LIBRARY = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
REQUIRED = bool(os.environ.get("REQUIRE_FAKETIME"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(
        LIBRARY is None and not REQUIRED, reason="libfaketime is missing (Debian: faketime)"
    ),
]
JUMPS = ("+1h", "@1970-01-02 00:00:00", "@2100-01-01 00:00:00", "-1h")


class Clock:
    """The clock of the children of this process."""

    def __init__(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        assert LIBRARY is not None, "libfaketime is missing"
        self._file = file
        self.set("+0")
        for name, value in {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "NO_FAKE_STAT": "1",
        }.items():
            monkeypatch.setenv(name, value)

    def set(self, to: str) -> None:
        """Jump: ``+1h`` from the true time, or ``@2100-01-01 00:00:00``."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(to + "\n")
        fresh.replace(self._file)


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(tmp_path / "clock", monkeypatch)


def year(server: RunningServer, job: str) -> int:
    return int(server.client.get(f"/api/v1/jobs/{job}").json()["created"][:4])


def test_jumps_reorder_nothing_and_cost_no_job(tmp_path: Path, clock: Clock) -> None:
    jobs: list[str] = []
    years = []
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        for jump in JUMPS:
            jobs += accepted(server, **SLOW)  # three seconds, under which the clock jumps
            reaches(server, jobs[-1], "running", 60)
            clock.set(jump)
            shown = server.client.get(f"/api/v1/jobs/{jobs[-1]}").json()
            assert 0 <= (shown["eta_seconds"] or 0) < 600
            reaches(server, jobs[-1], "succeeded", 90)
            jobs += accepted(server, steps=1)
            reaches(server, jobs[-1], "succeeded", 60)
            years.append(year(server, jobs[-1]))
            ticket = server.client.post("/api/v1/ws-tickets")
            assert ticket.status_code == 201
        assert (years[1], years[2]) == (1970, 2100), "the clock did not jump"
        jobs += accepted(server, **SLOW)
        assert 0 <= server.client.get(f"/api/v1/jobs/{jobs[-1]}").json()["eta_seconds"] < 600
        reaches(server, jobs[-1], "succeeded", 90)
        shown = [image["job"] for image in server.client.get("/api/v1/images").json()["items"]]
        assert shown == jobs[::-1]  # newest first, whatever the clock said
        answer = server.client.get("/api/v1/jobs")
        assert answer.status_code == 200, answer.text
        assert [job["id"] for job in answer.json()["items"]] == jobs[::-1]
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    assert len(set(jobs)) == len(jobs)
    check_whole(tmp_path, jobs)


@pytest.mark.parametrize("jump", ["@1970-01-02 00:00:00", "@2100-01-01 00:00:00"])
def test_a_start_with_a_wrong_clock_loses_nothing(tmp_path: Path, clock: Clock, jump: str) -> None:
    """The trash, the files of pictures, the facts and what waited."""
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        jobs = accepted(server, count=3)
        reaches(server, jobs[-1], "succeeded", 60)
        images = server.client.get("/api/v1/images").json()["items"]
        server.client.delete(f"/api/v1/images/{images[0]['id']}")
        running = accepted(server, **SLOW)
        reaches(server, running[0], "running", 60)
        head = facts(tmp_path)
        server.kill()
        clock.set(jump)
        server.start()
        server.wait_for("/readyz", 30)
        reaches(server, running[0], "succeeded", 90)
        trash = server.client.get("/api/v1/images", params={"trash": "true"}).json()["items"]
        assert [image["id"] for image in trash] == [images[0]["id"]]
        # a sweep rests nine times as long as it works, and under this library works slowly
        until(lambda: "reconciled: 0 " in server.log.read_text(), 200, "nothing was swept")
        assert server.stop() == 0
        assert "Traceback" not in server.log.read_text()
    assert facts(tmp_path) > head
    check_whole(tmp_path, jobs + running)


def test_what_was_signed_holds_until_its_time_by_the_clock(tmp_path: Path, clock: Clock) -> None:
    with RunningServer(tmp_path / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        server.generate(prompt="a fox", steps=1)
        (image,) = server.client.get("/api/v1/images").json()["items"]
        link = server.client.get(f"/api/v1/images/{image['id']}/link", params={"minutes": "30"})
        url = link.json()["url"]
        codes = []
        for jump in ("-1h", "+0", "+1h", "+0"):
            clock.set(jump)
            codes.append(server.client.get(url).status_code)
        assert codes == [200, 200, 401, 200] or codes == [200, 200, 403, 200]
        repeated = {"json": {"prompt": "x", "steps": 1}, "headers": {"idempotency-key": "one"}}
        made = []
        for jump in ("+0", "+1h", "-1h", "+23h"):
            clock.set(jump)
            made.append(server.client.post("/api/v1/generate", **repeated).json()["jobs"][0]["id"])
        assert len(set(made)) == 1


def facts(folder: Path) -> int:
    with closing(sqlite3.connect(Layout(folder / "data").database)) as connection:
        return int(connection.execute("SELECT MAX(seq) FROM events").fetchone()[0])
