"""A gallery of a million pictures: pages at any depth, filters, words; and a start on it."""

import asyncio
import json
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlencode

from core.store import images, link
from core.store import page as pages
from core.store.images import ImageFilter
from tests.bench import big
from tests.bench.report import Row, quantile
from tests.bench.wire import Http
from tests.running import RunningServer

LARGE, SMALL = 1_000_000, 10_000  # pictures
INVOKEAI = "InvokeAI 6.14.2, 100,000 pictures"
SHAPES: dict[str, list[dict[str, Any]]] = {
    "a page at any depth": [{}],
    "one filter": [
        {"board": big.new_id("board", 0)}, {"board": big.new_id("board", 9)}, {"starred": True},
        {"model": "model-1"}, {"model": "rare-model"}, {"kind": "upload"}, {"kind": "mask"},
        {"owner": "bot"}, {"batch": big.new_id("batch", 3)}, {"trash": True},
        {"intermediate": True},
    ],
    "two and more filters": [
        {"board": big.new_id("board", 0), "model": "model-1"}, {"model": "model-1", "owner": "bot"},
        {"model": "model-2", "owner": "local/ann"}, {"starred": True, "owner": "local"},
        {"kind": "mask", "starred": True}, {"starred": False, "model": "rare-model"},
        {"owner": "bot", "kind": "upload", "model": "model-3"}, {"trash": True, "model": "model-1"},
        {"intermediate": True, "owner": "bot"}, {"intermediate": True, "kind": "mask"},
    ],
    "one word": [{"q": "castle"}, {"q": "unicorn"}, {"q": "ca"}, {"q": "zebra"}],
    "two words": [
        {"q": "castle fox"}, {"q": "unicorn castle"}, {"q": "word17 castle"}, {"q": "cas fo"},
        {"q": "castle", "model": "rare-model"}, {"q": "castle fox", "owner": "bot"},
    ],
}  # fmt: skip
_ROUNDS = 40
_PEERS = {
    "a page at any depth": (f"{INVOKEAI}: 113-371 ms through HTTP, measured apart",),
    "one word": (f"{INVOKEAI}: 130-266 ms through HTTP, measured apart",),
}


def measure() -> list[Row]:
    """Measure in a reader, beside a small gallery, and through HTTP."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        large = big.build(root / "large", images=LARGE, jobs=100_000, queued=50_000, events=100_000)
        small = big.build(root / "small", images=SMALL)
        return [*_read(large, small), *_served(root / "large", large)]


def _read(large: Path, small: Path) -> list[Row]:
    rows, ratios = [], {}
    for name, shapes in SHAPES.items():
        wall, cpu = _times(large, LARGE, shapes)
        _, less = _times(small, SMALL, shapes)
        ratios[name] = quantile(cpu, 0.5) / quantile(less, 0.5)
        beside = f"on the wall p50 {quantile(wall, 0.5):.1f}, p99 {quantile(wall, 0.99):.1f} ms"
        rows.append(
            Row(what=f"{name} of {LARGE:,}: the reader's processor time, p99",
                value=quantile(cpu, 0.99), unit="ms", target=10,
                beside="; ".join((beside, *_PEERS.get(name, ())))),
        )  # fmt: skip
    worst = max(ratios, key=lambda name: ratios[name])
    told = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    rows.append(
        Row(what=f"{LARGE:,} ÷ {SMALL:,} pictures, processor time of a page, {worst}",
            value=ratios[worst], unit="×", target=3, beside=told),
    )  # fmt: skip
    return rows


def _times(
    database: Path, count: int, shapes: list[dict[str, Any]]
) -> tuple[list[float], list[float]]:
    """Read pages at random depths; milliseconds on the wall and of the processor."""
    wall, cpu, random = [], [], Random(1)
    with closing(link.reader(database)) as connection:
        for asked in shapes:
            wanted = ImageFilter(**asked)
            for turn in range(_ROUNDS):
                depth = random.randrange(1, count)
                cursor = pages.encode(depth, "images", wanted) if turn else None
                begun, used = time.perf_counter(), time.thread_time()
                link.snapshot(
                    connection, lambda c, w=wanted, at=cursor: images.page(c, w, at), 10.0
                )
                cpu.append((time.thread_time() - used) * 1000)
                wall.append((time.perf_counter() - begun) * 1000)
    return wall, cpu


def _served(root: Path, database: Path) -> list[Row]:
    """Start on it as after a kill, and read through HTTP; the queue is paused, so that it rests."""
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("""INSERT INTO settings (name, value) VALUES ('paused', '"asked"')""")
        connection.commit()
    with RunningServer(root, fake_engine="1") as server:
        begun = time.perf_counter()
        server.kill()
        server.start()
        server.wait_for("/readyz", 60, pause=0.01)
        ready = time.perf_counter() - begun
        took = asyncio.run(_ask(server.port))
    rows = [
        Row(what=f"{name}, through HTTP, p99", value=quantile(each, 0.99), unit="ms",
            beside=f"p50 {quantile(each, 0.5):.1f} ms")
        for name, each in took.items()
    ]  # fmt: skip
    return [
        Row(what=f"start after a kill with {LARGE:,} pictures, 100,000 jobs → `/readyz`",
            value=ready, unit="s", target=3, beside="50,000 jobs wait, scripted engine"),
        *rows,
    ]  # fmt: skip


async def _ask(port: int) -> dict[str, list[float]]:
    http, took = await Http.open(port), {}
    for name, shapes in SHAPES.items():
        times = took[name] = list[float]()
        for asked in shapes:
            cursor: str | None = None
            fields = {k: str(v).lower() if v is True else v for k, v in asked.items()}
            owner = fields.pop("owner", "")
            behalf = owner.removeprefix("local/") if owner.startswith("local/") else ""
            headers = f"x-on-behalf-of: {behalf}\r\n" if behalf else ""
            for _ in range(_ROUNDS):
                query = urlencode(fields | ({"cursor": cursor} if cursor else {}))
                begun = time.perf_counter()
                status, answer = await http.ask("GET", f"/api/v1/images?{query}", headers=headers)
                times.append((time.perf_counter() - begun) * 1000)
                assert status == 200, answer
                cursor = json.loads(answer)["next"]
    http.close()
    return took
