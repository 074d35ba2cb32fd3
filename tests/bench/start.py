"""How fast a server starts, how little it holds, and how soon one command gives a picture."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.bench.report import Row
from tests.running import ROOT, RunningServer, running

PROMPT = "a 3d red fox on a blue background"
_COLD, _WARM = 3, 5  # commands


def rss(pid: int) -> float:
    """Resident memory of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024 / 1e6


def measure() -> list[Row]:
    """Start servers, then draw by the command line without one and beside one."""
    with tempfile.TemporaryDirectory() as folder:
        cold = [generate(Path(folder) / f"new{count}") for count in range(_COLD)]
        with running(Path(folder)) as server:
            warm = [generate(server.data_dir) for _ in range(1 + _WARM)][1:]
    return [
        *_servers(),
        Row(what="`heliograph generate`, no server, nothing made yet → a picture in a file",
            value=statistics.median(cold), unit="s", target=15,
            beside=f"from {min(cold):.1f} to {max(cold):.1f} s; files in the page cache"),
        Row(what="`heliograph generate` beside a server that has drawn before",
            value=statistics.median(warm), unit="s", target=3,
            beside=f"from {min(warm):.1f} to {max(warm):.1f} s"),
    ]  # fmt: skip


def generate(data: Path) -> float:
    """Draw one picture, as the model has it by default; give the seconds of the command.

    :raises CalledProcessError: when it fails.
    """
    environ = {key: value for key, value in os.environ.items() if "HELIOGRAPH" not in key}
    begun = time.perf_counter()
    subprocess.run(
        [
            sys.executable, "-m", "server", "generate", PROMPT, "--quiet",
            "--data-dir", str(data), "-o", str(data.parent / "picture.png"),
        ],
        cwd=ROOT, env=environ, stdout=subprocess.DEVNULL, timeout=300, check=True,
    )  # fmt: skip
    return time.perf_counter() - begun


def _servers() -> list[Row]:
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
