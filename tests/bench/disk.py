"""A large data directory: how a killed server starts on it, sweeps it, and is copied."""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.paths import Layout
from tests.bench.big import build, new_id
from tests.bench.report import Row
from tests.bench.start import rss
from tests.running import ROOT, RunningServer

_SWEPT = 20.0  # seconds of the sweep that are looked at
_QUIET = 5.0  # seconds of writes without a backup


def measure(images: int = 1_000_000, jobs: int = 100_000) -> list[Row]:
    """Build it, kill a server on it, and start that again."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        database = build(root, images=images, jobs=jobs, queued=jobs // 2, events=jobs)
        _touch(Layout(root), images)
        server = RunningServer(root, fake_engine="1", disk_floor_mb="0")
        server.start()
        server.wait_for("/readyz", 60)
        server.client.post("/api/v1/queue/pause")
        server.kill()
        begun = time.perf_counter()
        server.start()
        server.wait_for("/readyz", 60, pause=0.01)
        ready = time.perf_counter() - begun
        used, begun = _cpu(server.process.pid), time.perf_counter()
        time.sleep(_SWEPT)
        share = (_cpu(server.process.pid) - used) / (time.perf_counter() - begun)
        memory = rss(server.process.pid)
        with _writing(server) as took:
            time.sleep(_QUIET)
            quiet, first = _p99(took), len(took)
            begun = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "server", "backup", f"{folder}/copy.db",
                 "--data-dir", str(root)],
                cwd=ROOT, check=True, capture_output=True,
            )  # fmt: skip
            copied = time.perf_counter() - begun
            busy = _p99(took[first:])
        server.stop()
        server.client.close()
        size = database.stat().st_size
    return [
        Row(what=f"{images:,} pictures, {jobs:,} jobs: kill → `/readyz`", value=ready, unit="s",
            target=3),
        Row(what="the sweep after it, share of a core", value=share, target=0.1),
        Row(what="resident meanwhile", value=memory, unit="MB", target=150),
        Row(what="backup of a gigabyte while jobs are asked for", value=copied / size * 1e9,
            unit="s", target=10),
        Row(what="asking for a job meanwhile: p99 against without", value=busy / quiet, unit="x",
            target=3),
    ]  # fmt: skip


def _touch(layout: Layout, images: int) -> None:
    """Give every picture and thumbnail an empty file, so that the sweep has something to see."""
    for number in range(images):
        image = new_id("image", number)
        for path in (layout.image(image), layout.thumbnail(image)):
            path.parent.mkdir(exist_ok=True)
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY))


def _cpu(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _writing(server: RunningServer) -> Iterator[list[float]]:
    """Ask for jobs, one after the other; gives the seconds that each took."""
    stop = threading.Event()
    took: list[float] = []
    body = {"prompt": "a fox", "width": 64, "height": 64, "steps": 1}

    def work() -> None:
        while not stop.wait(0.01):
            begun = time.perf_counter()
            server.client.post("/api/v1/generate", json=body).raise_for_status()
            took.append(time.perf_counter() - begun)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield took
    finally:
        stop.set()
        thread.join()


def _p99(took: list[float]) -> float:
    return statistics.quantiles(took, n=100)[98]
