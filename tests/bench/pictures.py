"""Pictures through HTTP beside diffusers' own pipeline on the same cores, turn by turn."""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from websockets.sync.client import connect

from core.paths import shipped
from tests.bench.report import Row, median_ratio
from tests.running import ROOT, SMALL, RunningServer, running

ASK = {"prompt": "a 3d red fox on a blue background", "steps": 20, "guidance_scale": 3.0,
       "sampler": "euler"}  # fmt: skip
ROUNDS = 15
OWN = json.loads((shipped("starter") / "heliograph.json").read_text("utf-8"))["defaults"]
NATURAL = {"width": OWN["width"], "height": OWN["height"]}


class Peer:
    """diffusers' StableDiffusionPipeline in a process of its own, drawing when told to."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.peer", str(shipped("starter")), json.dumps(ASK)],
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.draw()  # loading is not what we compare

    def draw(self, size: Mapping[str, int] = SMALL, *, split: bool = False) -> float:
        """Draw a picture; return the seconds that it took.

        :param split: run the two halves of the guidance as two forwards.
        """
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{size['width']} {size['height']} {int(split)}\n")
        self._process.stdin.flush()
        return float(self._process.stdout.readline())

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)


def _ask(
    server: RunningServer, seed: int, count: int = 1, size: Mapping[str, int] = SMALL
) -> float:
    begun = time.perf_counter()
    done = server.generate(**ASK, **size, seed=seed, count=count)
    assert len(done["images"]) == count
    return time.perf_counter() - begun


def _both(ours: Sequence[float], bare: Sequence[float]) -> str:
    return f"ours {statistics.median(ours):.3f} s, bare {statistics.median(bare):.3f} s"


def _watched(server: RunningServer, seed: int) -> float:
    with connect(_previews_of(server), proxy=None, max_queue=None) as socket:
        socket.recv(timeout=10)  # hello
        return _ask(server, seed, size=NATURAL)


def _previews_of(server: RunningServer) -> str:
    return server.url.replace("http", "ws") + "/api/v1/ws?topics=previews"


def _first_preview(server: RunningServer, seed: int) -> float:
    with connect(_previews_of(server), proxy=None, max_queue=None) as socket:
        socket.recv(timeout=10)  # hello
        begun = time.perf_counter()
        made = server.client.post("/api/v1/generate", json={**ASK, **NATURAL, "seed": seed})
        while not isinstance(socket.recv(timeout=30), bytes):
            pass
        took = time.perf_counter() - begun
        # The next one must not share its steps with this one.
        server.client.post(f"/api/v1/jobs/{made.json()['jobs'][0]['id']}/cancel")
        while server.client.get("/api/v1/queue").json()["counts"]["running"]:
            time.sleep(0.02)
        return took


def measure() -> list[Row]:
    """Take turns, so that a machine that drifts slows both; quote medians of the ratios."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder)) as server:
        peer = Peer()
        for seed in range(3):
            _ask(server, seed, 1 + 7 * (seed == 2))
        seeds = iter(range(1000, 100_000, 100))
        single, bare, eights, ones, natural, theirs = [], [], [], [], [], []
        watched: list[float] = []
        for _ in range(1 + ROUNDS // 3):  # the first of a size is not like those that follow
            natural.append(_ask(server, next(seeds), size=NATURAL))
            theirs.append(peer.draw(NATURAL))
            watched.append(_watched(server, next(seeds)))
        for _ in range(ROUNDS):
            single.append(_ask(server, next(seeds)))
            bare.append(peer.draw())
        split = [peer.draw(split=True) for _ in range(5)]
        for _ in range(5):
            eights.append(_ask(server, next(seeds), 8))
            ones.append(sum(_ask(server, next(seeds)) for _ in range(8)))
        previews = [_first_preview(server, next(seeds)) for _ in range(5)]
        peer.close()
    del natural[0], theirs[0], watched[0]
    return [
        Row(what="a picture through HTTP ÷ diffusers' pipeline",
            value=median_ratio(natural, theirs), target=1.05, unit="×",
            beside=f"{NATURAL['width']} pixels: {_both(natural, theirs)}"),
        Row(what="a picture that somebody watches ÷ one that nobody does",
            value=median_ratio(watched, natural), target=1.03, unit="×"),
        Row(what="a picture of 64 pixels through HTTP ÷ diffusers' pipeline",
            value=median_ratio(single, bare), unit="×", beside=_both(single, bare)),
        Row(what="8 pictures in one request ÷ 8 single requests, 64 pixels",
            value=median_ratio(eights, ones), target=0.75, unit="×",
            beside=f"{statistics.median(eights):.2f} s, {statistics.median(ones):.2f} s"),
        Row(what="guidance: one batched forward ÷ two forwards (bare pipeline), 64 pixels",
            value=statistics.median(bare) / statistics.median(split), unit="×",
            beside=f"{statistics.median(bare):.3f} s, {statistics.median(split):.3f} s"),
        Row(what="POST → first preview at the client", value=statistics.median(previews) * 1000,
            unit="ms"),
    ]  # fmt: skip
