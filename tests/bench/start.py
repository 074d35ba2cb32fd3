"""How fast a server starts and how little it holds."""

import statistics
import tempfile
import time
from pathlib import Path

from tests.bench.report import Row
from tests.running import RunningServer


def rss(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def measure() -> list[Row]:
    """Start five times on a data directory that exists; look at the last one's memory."""
    live: list[float] = []
    ready: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        server = RunningServer(Path(folder) / "data")
        for _ in range(5):
            begun = time.perf_counter()
            live.append(server.start())
            server.wait_for("/readyz", 60)
            ready.append(time.perf_counter() - begun)
            memory = rss(server.process.pid)
            mapped = Path(f"/proc/{server.process.pid}/maps").read_text("utf-8")
            server.stop()
        server.client.close()
    heavy = sum(name in mapped for name in ("libtorch", "numpy"))
    return [
        Row(what="start → `/livez`", value=statistics.median(live), unit="s", target=0.7,
            beside="InvokeAI 6.14.2: 9.75 s warm, measured apart"),
        Row(what="start → `/readyz` with the starter", value=statistics.median(ready), unit="s",
            target=12),
        Row(what="idle server, resident", value=memory, unit="MB", target=90,
            beside="InvokeAI 6.14.2: 691 MB, measured apart"),
        Row(what="torch or numpy mapped into the server", value=heavy, target=0),
    ]  # fmt: skip
