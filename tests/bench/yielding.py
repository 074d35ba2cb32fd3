"""Pictures while a training runs: how long they take, and what of the device the run keeps.

Through a real server, on the starter: one client asks for a picture as soon as it has the one
before, alone and beside a run; the run's pace is taken alone and beside that client.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.report import Row
from tests.running import RunningServer, running
from tests.taught import API, CLASS, TOKEN, make_dataset

PICTURES, ALONE = 20, 8.0  # pictures of each part; seconds that the run is watched alone
SLACK = 0.05  # seconds beside a step that a picture may wait for its turn
_ASKED: dict[str, Any] = {"prompt": "a 3d red fox on a blue background", "steps": 20}
_LONG = 100_000  # steps: it is stopped, not done
_POLL = 0.2  # seconds
_DEADLINE = 600.0  # seconds until the run has begun to take steps


def measure(pictures: int = PICTURES, alone: float = ALONE) -> list[Row]:
    """Draw alone, train alone, then both."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        _drawn(server, 3, first=0)
        idle = _drawn(server, pictures, first=100)
        training = _begun(server)
        step = 1 / _pace(server, training, alone)
        since, at = time.monotonic(), _step(server, training)
        beside = _drawn(server, pictures, first=100 + pictures)
        pace = (_step(server, training) - at) / (time.monotonic() - since)
        server.client.post(f"{API}/trainings/{training}/stop").raise_for_status()
    waited = max(0.0, _p95(beside) - step - SLACK)
    return [
        Row(
            what="p95 of a picture beside a training, less a step and 50 ms ÷ p95 alone",
            value=waited / _p95(idle), target=1.5,
            beside=f"{_p95(beside) * 1000:.0f} ms; alone {_p95(idle) * 1000:.0f} ms; "
            f"a step {step * 1000:.0f} ms",
        ),
        Row(
            what="medians of the same", value=statistics.median(beside) / statistics.median(idle),
            target=1.5,
            beside=f"{statistics.median(beside) * 1000:.0f} ms, "
            f"{statistics.median(idle) * 1000:.0f} ms",
        ),
        Row(
            what="steps of the training beside a client that never rests ÷ alone",
            value=pace * step, target=0.3, least=True,
            beside=f"{pace:.2f}, {1 / step:.2f} steps a second",
        ),
    ]  # fmt: skip


def _begun(server: RunningServer) -> str:
    """Start a run, and wait until it takes steps."""
    body = {
        "name": "bench", "dataset": make_dataset(server), "base_model": "starter", "token": TOKEN,
        "class_word": CLASS, "method": "lora", "max_steps": _LONG, "prior": "off",
        "sample_every": 0, "checkpoint_every": 0, "snapshot_every": 0,
    }  # fmt: skip
    made = server.client.post(f"{API}/trainings", json=body).raise_for_status().json()
    training: str = made["training"]
    end = time.monotonic() + _DEADLINE
    while _step(server, training) < 10:
        if time.monotonic() > end:
            raise TimeoutError("the run takes no steps")
        time.sleep(_POLL)
    return training


def _pace(server: RunningServer, training: str, seconds: float) -> float:
    """Count steps a second."""
    since, at = time.monotonic(), _step(server, training)
    time.sleep(seconds)
    return (_step(server, training) - at) / (time.monotonic() - since)


def _step(server: RunningServer, training: str) -> int:
    found = server.client.get(f"{API}/trainings/{training}/losses?max=2").raise_for_status().json()
    return found["items"][-1]["step"] if found["items"] else 0


def _drawn(server: RunningServer, count: int, first: int) -> list[float]:
    """Draw one after another, each from a seed of its own: nothing is remembered; give seconds."""
    taken = []
    for seed in range(first, first + count):
        begun = time.perf_counter()
        server.generate(seed=seed, **_ASKED)
        taken.append(time.perf_counter() - begun)
    return taken


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]
