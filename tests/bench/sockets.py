"""Many sockets at once: how late a fact is, what a client costs, what a stalled one does."""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any, Self

from tests.bench import process, pulse
from tests.bench.load import ASK, at_rate
from tests.bench.report import Row, quantile
from tests.bench.wire import Http
from tests.running import ROOT, RunningServer, running

INVOKEAI = (
    "InvokeAI 6.14.2, 100 clients: 14,217 ms (2,693 ms without its collections), measured apart"
)
_SECONDS = 8.0
_FACTS = 50  # a second
_IDLE, _SUBSCRIBED = 300, 200
_ROUNDS = 3
_PROBE = 0.02  # seconds between two looks at how soon the loop answers


class Crowd:
    """Clients in a process of their own."""

    def __init__(self, port: int, groups: dict[str, int], stalled: int = 0) -> None:
        orders = json.dumps({"groups": groups, "stalled": stalled})
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.crowd", str(port), orders],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self._hear("ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()

    def begin(self) -> None:
        """Count from here on."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        self._hear("begun")

    def _hear(self, word: str) -> None:
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == f"{word}\n"

    def end(self, expected: int = 0) -> dict[str, Any]:
        """Stop counting, once so many messages came; give what was seen."""
        told: dict[str, Any] = json.loads(self._process.communicate(f"{expected}\n", 90)[0])
        return told


def measure() -> list[Row]:
    """Measure a crowd, stalled clients beside others, and previews."""
    # In memory where that can be: how long a commit waits for the disk is measured elsewhere.
    memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with (
        tempfile.TemporaryDirectory(dir=memory) as folder,
        running(Path(folder), fake_engine="1") as server,
    ):
        image = server.generate(**ASK, seed=1)["images"][0]["id"]
        rows = [*_crowd(server, image), *_stalled(server, image)]
    with tempfile.TemporaryDirectory() as folder:
        return [*rows, *_previews(Path(folder))]


async def facts(port: int, image: str, seconds: float) -> tuple[list[float], list[float]]:
    """Write notes on a picture, a fact each; give answers' delays and the probes' of the loop."""
    idle: deque[Http] = deque()
    probes: list[float] = []

    async def note(number: int) -> None:
        http = idle.popleft() if idle else await Http.open(port)
        body = {"note": f"{time.time()}"}
        status, answer = await http.ask("PATCH", f"/api/v1/images/{image}", body)
        assert status == 200, answer
        idle.append(http)

    async def probe() -> None:
        http = await Http.open(port)
        while True:
            begun = time.perf_counter()
            await http.ask("GET", "/livez")
            probes.append(time.perf_counter() - begun)
            await asyncio.sleep(_PROBE)

    prober = asyncio.create_task(probe())
    took = await at_rate(_FACTS, seconds, note)
    prober.cancel()
    return took, probes


def _crowd(server: RunningServer, image: str) -> list[Row]:
    alone = process.look(server.process.pid)
    with Crowd(server.port, {"?topics=models": _IDLE}):
        held = process.look(server.process.pid)
        with Crowd(server.port, {"?topics=gallery": _SUBSCRIBED}) as crowd:
            crowd.begin()
            before, begun = process.look(server.process.pid), time.perf_counter()
            took, probes = asyncio.run(facts(server.port, image, _SECONDS))
            seconds = time.perf_counter() - begun
            after = process.look(server.process.pid)
            seen = crowd.end(len(took) * _SUBSCRIBED)
    assert seen["lost"] == 0
    assert seen["messages"] == len(took) * _SUBSCRIBED, (seen["messages"], len(took))
    sockets = _IDLE + _SUBSCRIBED
    return [
        Row(what=f"{_FACTS} facts/s to {_SUBSCRIBED} of {sockets} sockets: transaction → client, "
            "p99", value=quantile(seen["delays"], 0.99), unit="ms", target=100,
            beside=f"p50 {quantile(seen['delays'], 0.5):.0f} ms, {seen['messages'] / seconds:,.0f} "
            f"messages/s; {INVOKEAI}"),
        Row(what="meanwhile, `GET /livez` (waits for the loop), p99", unit="ms", target=20,
            value=quantile(probes, 0.99) * 1000,
            beside=f"p50 {quantile(probes, 0.5) * 1000:.1f} ms, {len(probes)} probes"),
        Row(what="meanwhile, of one core", unit="%",
            value=(after.cpu - before.cpu) / seconds * 100),
        Row(what="the server with all of them, resident", value=after.rss, unit="MB", target=250,
            beside=f"{alone.rss:.0f} MB before; InvokeAI 6.14.2 idle: 691 MB, measured apart"),
        Row(what="an idle client", unit="KB", target=100,
            value=(held.rss - alone.rss) * 1000 / _IDLE),
    ]  # fmt: skip


def _stalled(server: RunningServer, image: str, stalled: int = 10) -> list[Row]:
    """Take turns: the same crowd without and with clients that take nothing."""
    late: dict[int, list[float]] = {0: [], stalled: []}
    rss: dict[int, float] = {}
    for _ in range(_ROUNDS):
        for count in late:
            before = process.look(server.process.pid).rss
            with Crowd(server.port, {"?topics=gallery": 50}, count) as crowd:
                crowd.begin()
                took, _ = asyncio.run(facts(server.port, image, _SECONDS / 2))
                rss[count] = process.look(server.process.pid).rss - before
                seen = crowd.end(len(took) * 50)
            assert (seen["messages"], seen["lost"]) == (len(took) * 50, 0)
            late[count].append(quantile(seen["delays"], 0.99))
    ratios = [b / a for a, b in zip(*late.values(), strict=True)]
    return [
        Row(what=f"{stalled} stalled clients beside 50: the others' p99, with ÷ without",
            value=quantile(ratios, 0.5), target=1.25, unit="×",
            beside=", ".join(f"{ratio:.2f}" for ratio in ratios)),
        Row(what="a stalled client, in the server", unit="MB", target=2,
            value=max(0.0, rss[stalled] - rss[0]) / stalled),
    ]  # fmt: skip


def _previews(folder: Path, viewers: int = 20) -> list[Row]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.bench.pulse", str(folder / "data")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        assert server.stdout is not None
        port = int(server.stdout.readline())
        with Crowd(port, {"?topics=previews": viewers}) as crowd:
            before, begun = process.look(server.pid), time.perf_counter()
            crowd.begin()
            time.sleep(_SECONDS)
            seconds = time.perf_counter() - begun
            used = process.look(server.pid).cpu - before.cpu
            seen = crowd.end()
        server.terminate()
        server.wait(20)
    return [
        Row(what=f"{pulse.RATE:.0f} previews a second of {pulse.SIZE // 1000} KB to {viewers} "
            "viewers, of one core", value=used / seconds * 100, unit="%", target=30,
            beside=f"{seen['messages'] / seconds / viewers:.1f} a second each, "
            f"{seen['bytes'] / seconds / 1e6:.1f} MB/s"),
    ]  # fmt: skip
