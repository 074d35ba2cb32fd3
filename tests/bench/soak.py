"""A hundred thousand jobs: what grows that should not. ``python -m tests.bench soak``; minutes.

Listeners that reconnect are there beside; the scripted engine draws.
"""

import asyncio
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from tests.bench import process
from tests.bench.load import Ends, sweep
from tests.bench.report import Row
from tests.bench.wire import Http, Socket
from tests.running import RunningServer, running

JOBS, EACH, WARM = 100_000, 5_000, 10_000  # in all; of one batch; before the first look counts
LISTENERS = 20


class Look(Struct, frozen=True):
    """The server after so many jobs."""

    jobs: int
    usage: process.Usage
    database: float  # MB
    log: float  # MB, of the write-ahead log


class Soaked(Struct, frozen=True):
    """What a soak saw."""

    looks: list[Look]
    seconds: float

    def slope(self, name: str) -> float:
        """Give the growth of a figure for 100,000 jobs: least squares over the looks."""
        jobs = [look.jobs for look in self.looks]
        values = [float(getattr(look.usage, name, getattr(look, name, 0))) for look in self.looks]
        mean, middle = sum(values) / len(values), sum(jobs) / len(jobs)
        spread = sum((each - middle) ** 2 for each in jobs)
        both = sum((x - middle) * (y - mean) for x, y in zip(jobs, values, strict=True))
        return both / spread * 100_000

    def range(self, name: str) -> int:
        """Give how far a count of the process moved."""
        values = [getattr(look.usage, name) for look in self.looks]
        return int(max(values) - min(values))


def measure() -> list[Row]:
    """Soak with all the jobs."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), fake_engine="1") as server:
        seen = asyncio.run(soak(server, JOBS, EACH, WARM))
    last = seen.looks[-1]
    return [
        Row(what=f"{JOBS:,} jobs: growth of resident memory for 100,000 jobs, after {WARM:,}",
            value=seen.slope("rss"), unit="MB", target=50,
            beside=f"{seen.looks[0].usage.rss:.0f} MB, in the end {last.usage.rss:.0f} MB"),
        Row(what="descriptors: most less fewest", value=seen.range("descriptors"), target=5),
        Row(what="threads: most less fewest", value=seen.range("threads"), target=2),
        Row(what="write-ahead log, largest", value=max(look.log for look in seen.looks), unit="MB",
            target=64),
        Row(what="database, growth a job", value=seen.slope("database") / 100, unit="KB",
            beside="with its picture's row, search index and four facts"),
        Row(what="rate", value=JOBS / seen.seconds, unit="jobs/s",
            beside=f"with {LISTENERS} listeners that reconnect"),
    ]  # fmt: skip


async def soak(server: RunningServer, jobs: int, each: int, warm: int) -> Soaked:
    """Run jobs batch by batch; look at the server after each, once it is warm."""
    ends, http = await Ends.open(server.port), await Http.open(server.port)
    database = server.data_dir / "heliograph.db"
    looks, begun = [], time.perf_counter()
    listening = asyncio.create_task(_listen(server.port))
    for done in range(0, jobs, each):
        await sweep(http, done, each)
        await ends.until(done + each)
        http.close()  # an idle connection is closed by the server
        http = await Http.open(server.port)
        if done + each >= warm:
            log = database.with_name(f"{database.name}-wal").stat().st_size / 1e6
            looks.append(
                Look(done + each, process.look(server.process.pid),
                     database.stat().st_size / 1e6, log)
            )  # fmt: skip
    listening.cancel()
    await asyncio.wait([listening])
    for opened in (ends, http):
        opened.close()
    await asyncio.sleep(0)  # what is closed is let go of in the loop's next turn
    return Soaked(looks, time.perf_counter() - begun)


async def _listen(port: int) -> None:
    """Keep some sockets open, and replace the oldest of them again and again."""
    sockets = [await Socket.open(port, "?topics=models") for _ in range(LISTENERS)]
    try:
        while True:
            await asyncio.sleep(0.5)
            sockets.pop(0).close()
            sockets.append(await Socket.open(port, "?topics=models"))
    finally:
        for socket in sockets:
            socket.close()
