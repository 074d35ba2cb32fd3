"""``/readyz`` of a real server with a real engine that is stopped, killed, or cannot live."""

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.running import RunningServer, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(240),
    pytest.mark.skipif(sys.platform != "linux", reason="finds the engine by /proc"),
]
PROMISED = 10.0  # seconds until a fault is told


def engine_of(server: RunningServer) -> int:
    """Find the engine among the server's children."""
    tasks = Path(f"/proc/{server.process.pid}/task")
    for children in tasks.glob("*/children"):
        for child in children.read_text().split():
            if b"core.engine" in Path(f"/proc/{child}/cmdline").read_bytes():
                return int(child)
    raise AssertionError("the server has no engine")


def told(server: RunningServer, holds: Callable[[list[str]], bool], seconds: float) -> float:
    """Ask until the reasons are as expected; give the seconds that it took."""
    began = time.perf_counter()
    reasons: list[str] = []
    while time.perf_counter() - began < seconds:
        answer = server.client.get("/readyz")
        reasons = answer.json()["reasons"]
        assert answer.status_code == (503 if reasons else 200)
        if holds(reasons):
            return time.perf_counter() - began
        time.sleep(0.05)
    raise AssertionError(f"not told within {seconds} s: {reasons}")


def test_an_engine_that_is_stopped_or_killed_is_told_in_time_and_replaced(tmp_path: Path) -> None:
    with running(tmp_path, device="cpu", threads="1") as server:
        os.kill(engine_of(server), signal.SIGKILL)
        took = told(server, lambda found: "engine_restarting" in found or
                    "engine_starting" in found, PROMISED)  # fmt: skip
        assert took < 2.0  # the pipe closes at once
        told(server, lambda found: found == [], 90)
        os.kill(engine_of(server), signal.SIGSTOP)
        told(server, lambda found: found == ["engine_silent"], PROMISED)
        assert server.client.get("/livez").status_code == 200
        told(server, lambda found: found == [], 120)  # killed, and another one started


def test_an_engine_that_has_no_device_is_told_and_the_server_answers(tmp_path: Path) -> None:
    with RunningServer(tmp_path / "data", device="cuda:77") as server:
        told(server, lambda found: found == ["engine_unavailable"], 60)
        answer = server.client.get("/api/v1/queue")
        assert answer.status_code == 200
