"""What the doors of other servers' clients cost over our own: the same pictures, pair by pair.

A scripted engine draws, so that what is measured is the server. Base64, which those dialects ask
for, is measured alone with the same bytes and taken off.
"""

import asyncio
import base64
import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench.report import Row, quantile
from tests.bench.wire import Http
from tests.running import RunningServer, running

PAIRS, WARM = 150, 20
SIZE = 512  # pixels
STEPS = 1
MOST = 3  # milliseconds
_WAIT = "prefer: wait=60\r\n"


def measure() -> list[Row]:
    """Measure both doors, and what a picture takes in base64."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), fake_engine="1") as server:
        return asyncio.run(_doors(server))


async def _doors(server: RunningServer) -> list[Row]:
    http = await Http.open(server.port)
    picture = await own(http, 0)
    coded = _coding(picture)
    rows = []
    for path, door in (("/v1/images/generations", openai), ("/sdapi/v1/txt2img", a1111)):
        ours, theirs = [], []
        for seed in range(1, PAIRS + WARM + 1):
            calls = ((own, ours), (door, theirs))
            for call, took in calls if seed % 2 else calls[::-1]:
                begun = time.perf_counter()
                assert await call(http, seed)
                took.append((time.perf_counter() - begun) * 1000)
        pairs = [b - a for a, b in zip(ours[WARM:], theirs[WARM:], strict=True)]
        rows.append(
            Row(what=f"`POST {path}` − `POST /api/v1/generate` and its file, less base64",
                value=statistics.median(pairs) - coded, unit="ms", target=MOST,
                beside=f"p50 {quantile(theirs[WARM:], 0.5):.1f} ms, ours "
                f"{quantile(ours[WARM:], 0.5):.1f} ms; base64 of {len(picture):,} bytes "
                f"{coded:.2f} ms; {len(pairs)} pairs")
        )  # fmt: skip
    http.close()
    return rows


async def own(http: Http, seed: int) -> bytes:
    """Draw through our own contract: ask, wait, fetch the file."""
    body = {"prompt": "a red fox", "width": SIZE, "height": SIZE, "steps": STEPS, "seed": seed}
    made = await _asked(http, "/api/v1/generate", body, _WAIT)
    status, file = await http.ask("GET", made["images"][0]["url"])
    assert status == 200, file[:400]
    return file


async def openai(http: Http, seed: int) -> str:
    """Draw as OpenAI's client asks."""
    body = {"prompt": "a red fox", "size": f"{SIZE}x{SIZE}", "steps": STEPS, "seed": seed}
    made = await _asked(http, "/v1/images/generations", body)
    return str(made["data"][0]["b64_json"])


async def a1111(http: Http, seed: int) -> str:
    """Draw as AUTOMATIC1111's clients ask."""
    body = {"prompt": "a red fox", "width": SIZE, "height": SIZE, "steps": STEPS, "seed": seed}
    made = await _asked(http, "/sdapi/v1/txt2img", body)
    return str(made["images"][0])


async def _asked(http: Http, path: str, body: dict[str, Any], headers: str = "") -> dict[str, Any]:
    status, answer = await http.ask("POST", path, body, headers)
    assert status == 200, answer[:400]
    found: dict[str, Any] = json.loads(answer)
    return found


def _coding(picture: bytes) -> float:
    """Give the milliseconds that a picture takes into a JSON text and out of it again."""
    took = []
    for _ in range(100):
        begun = time.perf_counter()
        text = json.dumps({"image": base64.b64encode(picture).decode()})
        json.loads(text)
        took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)
