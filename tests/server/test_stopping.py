"""SIGTERM on a real process while a job runs: what ends, what is kept, and how fast."""

import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from core.paths import Layout
from server import whereabouts
from tests.running import RunningServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(60),
    pytest.mark.skipif(not hasattr(signal, "SIGTERM"), reason="the system has no such signal"),
]
SLOW = {"prompt": "fake:slow fox", "width": 64, "height": 64}  # 0.05 s a step


@contextmanager
def ready(folder: Path, **settings: str) -> Iterator[RunningServer]:
    """Run a server that draws slowly; ended by force if the test has not ended it."""
    server = RunningServer(folder / "data", fake_engine="1", **settings)
    try:
        server.start()
        server.wait_for("/readyz", 20)
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
        server.client.close()


def running_job(server: RunningServer, steps: int) -> str:
    made = server.client.post("/api/v1/generate", json=SLOW | {"steps": steps})
    assert made.status_code == 202, made.text
    job: str = made.json()["jobs"][0]["id"]
    for _ in range(200):
        if server.client.get(f"/api/v1/jobs/{job}").json()["status"] == "running":
            return job
        time.sleep(0.02)
    raise AssertionError("the job did not start")


@contextmanager
def follow(server: RunningServer) -> Iterator[ClientConnection]:
    url = server.url.replace("http", "ws")
    with connect(f"{url}/api/v1/ws", proxy=None) as opened:
        assert json.loads(opened.recv(5))["type"] == "hello"
        yield opened


def close_code(opened: ClientConnection) -> int:
    """Hear to the end; a close that is a restart tells the last fact's number."""
    last = 0
    try:
        while True:
            told = json.loads(opened.recv(15))
            last = told.get("seq", last)
    except ConnectionClosed as error:
        assert error.rcvd is not None, "the connection was cut without a word"
        if error.rcvd.code == 1012:
            assert int(error.rcvd.reason) >= last
        return error.rcvd.code


def jobs(server: RunningServer) -> dict[str, str]:
    with closing(sqlite3.connect(server.data_dir / "heliograph.db")) as database:
        return dict(database.execute("SELECT id, status FROM jobs").fetchall())


def refused(server: RunningServer) -> Any:
    """Ask for new work until the server has noticed the signal."""
    for _ in range(100):
        answer = server.client.post("/api/v1/generate", json=SLOW)
        if answer.status_code != 202:
            return answer
        time.sleep(0.01)
    raise AssertionError("new work was taken all the time")


def test_a_running_job_is_finished_and_new_work_refused(tmp_path: Path) -> None:
    with ready(tmp_path, stop_seconds="10") as server, follow(server) as opened:
        job = running_job(server, steps=40)  # two seconds
        server.process.send_signal(signal.SIGTERM)
        answer = refused(server)
        assert (answer.status_code, answer.json()["code"]) == (503, "stopping")
        assert int(answer.headers["retry-after"]) > 0
        assert server.client.get("/livez").status_code == 200
        assert close_code(opened) == 1012
        assert server.process.wait(15) == 0
        assert jobs(server)[job] == "succeeded"
        assert whereabouts.running(Layout(server.data_dir)) is None
        assert "Traceback" not in server.log.read_text()


def test_a_job_that_takes_too_long_goes_back_to_the_queue(tmp_path: Path) -> None:
    with ready(tmp_path, stop_seconds="0.5") as server:
        job = running_job(server, steps=500)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 8
        assert jobs(server)[job] == "queued"
        assert not list(Layout(server.data_dir).staging.iterdir())
        assert "Traceback" not in server.log.read_text()
        server.start()
        server.wait_for("/readyz", 20)
        assert server.client.get(f"/api/v1/jobs/{job}").json()["status"] in ("queued", "running")
        server.kill()


def test_who_waits_for_a_picture_is_answered_before_the_end(tmp_path: Path) -> None:
    with ready(tmp_path, stop_seconds="0.5") as server:
        running_job(server, steps=500)
        with httpx.Client(base_url=server.url, timeout=30, trust_env=False) as waiting:
            request = waiting.build_request(
                "POST", "/api/v1/generate", json=SLOW | {"seed": 2}, headers={"prefer": "wait=60"}
            )
            server.process.send_signal(signal.SIGTERM)
            answer = waiting.send(request)
        assert answer.status_code in (202, 503)
        assert server.process.wait(15) == 0


def test_two_hundred_open_sockets_are_all_told_and_hold_nothing_up(tmp_path: Path) -> None:
    with ready(tmp_path, stop_seconds="0.5") as server, ExitStack() as stack:
        opened = [stack.enter_context(follow(server)) for _ in range(200)]
        running_job(server, steps=500)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 0
        assert time.monotonic() - began < 15
        assert {close_code(one) for one in opened} == {1012}


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    with ready(tmp_path, stop_seconds="60") as server:
        job = running_job(server, steps=500)
        server.process.send_signal(signal.SIGTERM)
        refused(server)
        began = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0
        assert time.monotonic() - began < 5
        assert jobs(server)[job] in ("queued", "running")  # the next start takes it up
        assert whereabouts.running(Layout(server.data_dir)) is None
