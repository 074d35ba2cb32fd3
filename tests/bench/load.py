"""Many jobs through HTTP, queue, scripted engine and gallery to a subscriber, on real sockets."""

import asyncio
import itertools
import json
import tempfile
import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from core.ids import new_id
from core.jobs import admission, ending, taking
from core.records.graph import Graph, GraphNode
from core.store import link
from core.store.transaction import Transaction
from core.store.work import Claimed, Finished, NewBatch, NewImage
from tests.bench import big, process
from tests.bench.report import Row, quantile
from tests.bench.wire import Http, Socket
from tests.running import RunningServer, running

ASK = {"prompt": "a red fox", "steps": 1, "width": 64, "height": 64}
INVOKEAI = "InvokeAI 6.14.2: 1.9-2.0 jobs/s; 52-78 without its collections; measured apart"
_ENDED = b'{"type":"job.ended"'
_SECONDS = 10.0  # of requests at a steady rate


def measure() -> list[Row]:
    """Measure a light load, a full one, one batch of thousands, and the SQL of one change."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), fake_engine="1") as server:
        rows = [*asyncio.run(_light(server)), *asyncio.run(_full(server))]
        rows += asyncio.run(_flat(server))
    with tempfile.TemporaryDirectory() as folder:
        rows.append(_batch_size(Path(folder)))
        rows += _changes(Path(folder) / "long")
    return rows


class Ends:
    """Counts ended jobs on a socket of its own."""

    def __init__(self, socket: Socket) -> None:
        self.close = socket.close
        self._bursts: AsyncIterator[list[tuple[int, bytes]]] = socket.bursts()
        self.times: list[float] = []  # when each end was heard

    @classmethod
    async def open(cls, port: int) -> "Ends":
        """Subscribe."""
        return cls(await Socket.open(port, "?topics=jobs"))

    async def until(self, count: int) -> None:
        """Hear until so many jobs have ended since the beginning."""
        while len(self.times) < count:
            burst = await anext(self._bursts)
            now = time.perf_counter()
            self.times += [now for _, data in burst if data.startswith(_ENDED)]


async def draw(http: Http, seed: int) -> str:
    """Ask for one picture; give the id of its job."""
    status, answer = await http.ask("POST", "/api/v1/generate", ASK | {"seed": seed})
    assert status == 202, answer
    return str(json.loads(answer)["jobs"][0]["id"])


async def sweep(http: Http, first: int, count: int) -> None:
    """Ask for one batch of pictures with seeds from ``first`` on."""
    axis = {"setting": "seed", "values": {"start": first, "count": count}}
    body = {"recipe": {"name": "txt2img", **ASK, "seed": 0}, "sweep": {"axes": [axis]}}
    status, answer = await http.ask("POST", "/api/v1/jobs", body)
    assert status == 201, answer


async def _light(server: RunningServer) -> list[Row]:
    ends, http = await Ends.open(server.port), await Http.open(server.port)
    took = []
    for seed in range(220):
        begun = time.perf_counter()
        await draw(http, seed)
        await ends.until(seed + 1)
        took.append((ends.times[-1] - begun) * 1000)
        await asyncio.sleep(0.01)
    late = await at_rate(100, _SECONDS, lambda seed: _drawer(server.port, seed))
    del took[:20]
    return [
        Row(what="one job at a time: POST → `job.ended` heard, p50", value=quantile(took, 0.5),
            unit="ms", target=5, beside="InvokeAI 6.14.2: 572 ms (29 ms without its collections), "
            "measured apart"),
        Row(what="the same, p99", value=quantile(took, 0.99), unit="ms"),
        Row(what="100 POSTs a second, from the moment each was due to its answer, p99",
            value=quantile(late, 0.99) * 1000, unit="ms", target=100,
            beside=f"p50 {quantile(late, 0.5) * 1000:.1f} ms"),
    ]  # fmt: skip


_idle: deque[Http] = deque()


async def _drawer(port: int, seed: int) -> None:
    http = _idle.popleft() if _idle else await Http.open(port)
    await draw(http, 10**6 + seed)
    _idle.append(http)


async def at_rate(
    rate: float, seconds: float, call: Callable[[int], Awaitable[None]]
) -> list[float]:
    """Call at a steady rate, whether earlier calls have returned or not; seconds until each did."""
    took: list[float] = []
    begun = time.perf_counter()

    async def one(number: int) -> None:
        await call(number)
        took.append(time.perf_counter() - begun - number / rate)

    async with asyncio.TaskGroup() as group:
        for number in range(int(rate * seconds)):
            await asyncio.sleep(max(0.0, begun + number / rate - time.perf_counter()))
            group.create_task(one(number))
    return took


async def _full(server: RunningServer, count: int = 2_000, clients: int = 16) -> list[Row]:
    await _quiet(server)
    ends = await Ends.open(server.port)
    seeds = iter(range(2 * 10**6, 2 * 10**6 + count))

    async def ask() -> None:
        http = await Http.open(server.port)
        for seed in seeds:
            await draw(http, seed)
        http.close()

    before, begun = process.look(server.process.pid), time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(ends.until(count))
        for _ in range(clients):
            group.create_task(ask())
    took = time.perf_counter() - begun
    used = (process.look(server.process.pid).cpu - before.cpu) / count * 1000
    return [
        Row(what=f"{count:,} single requests from {clients} clients", value=count / took,
            unit="jobs/s", target=300, least=True,
            beside=f"{used:.1f} ms of CPU a job, the scripted engine's included"),
    ]  # fmt: skip


async def _flat(server: RunningServer, batches: int = 2, each: int = 10_000) -> list[Row]:
    await _quiet(server)
    ends, http = await Ends.open(server.port), await Http.open(server.port)
    before, begun = process.look(server.process.pid), time.perf_counter()
    for batch in range(batches):
        await sweep(http, 3 * 10**6 + batch * each, each)
    count, part = batches * each, each // 5
    await ends.until(count)
    used = (process.look(server.process.pid).cpu - before.cpu) / count * 1000
    first, last = (
        part / (ends.times[start + part - 1] - ends.times[start]) for start in (200, count - part)
    )
    return [
        Row(what=f"{count:,} jobs in {batches} batches", value=count / (ends.times[-1] - begun),
            unit="jobs/s", target=300, least=True, beside=f"{used:.1f} ms of CPU each; {INVOKEAI}"),
        Row(what=f"the last {part:,} of them ÷ the first: rate", value=last / first, target=0.8,
            least=True, unit="×", beside=f"{last:.0f} and {first:.0f} jobs/s"),
    ]  # fmt: skip


async def _quiet(server: RunningServer) -> None:
    """Wait until nothing is queued or running."""
    while True:
        counts = (await asyncio.to_thread(server.client.get, "/api/v1/queue")).json()["counts"]
        if counts["queued"] + counts["running"] == 0:
            return
        await asyncio.sleep(0.05)


def _batch_size(folder: Path) -> Row:
    with RunningServer(folder / "data", fake_engine="1") as server:
        server.wait_for("/readyz", 30)
        server.client.post("/api/v1/queue/pause", json={})
        before = process.size(folder / "data" / "heliograph.db")

        async def ask() -> None:
            await sweep(await Http.open(server.port), 0, 10_000)

        asyncio.run(ask())
    grown = process.size(folder / "data" / "heliograph.db") - before
    return Row(
        what="one batch of 10,000 jobs, in the database", value=grown, unit="MB", target=20,
        beside="with its log, after the server was stopped",
    )  # fmt: skip


def _changes(root: Path, rounds: int = 100) -> list[Row]:
    """Change statuses among 100,000 jobs, as the writer does; SQL and commit apart."""
    database = big.build(root, images=0, jobs=100_000, queued=50_000)
    with closing(link.writer(database)) as connection:
        sql: dict[str, list[float]] = {}
        commits: list[float] = []
        numbers = itertools.count(1)

        def change(name: str, call: Callable[[Transaction], Any]) -> Any:
            begun = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            tx = Transaction(connection, next(numbers), connection.total_changes + 10**9)
            done = call(tx)
            between = time.perf_counter()
            connection.execute("COMMIT")
            sql.setdefault(name, []).append((between - begun) * 1000)
            commits.append((time.perf_counter() - between) * 1000)
            return done

        for _ in range(rounds):
            _life(change)
    names = [f"{name} {quantile(each, 0.5):.2f}" for name, each in sql.items()]
    worst = max(sql.values(), key=lambda each: quantile(each, 0.5))
    return [
        Row(what="a status change among 100,000 jobs: SQL alone, the slowest kind, p50",
            value=quantile(worst, 0.5), unit="ms", target=1, beside=f"{', '.join(names)} ms"),
        Row(what="its commit, synced, p50", value=quantile(commits, 0.5), unit="ms",
            beside=f"p99 {quantile(commits, 0.99):.1f} ms; what waits together shares one"),
    ]  # fmt: skip


def _life(change: Callable[[str, Callable[[Transaction], Any]], Any]) -> None:
    new = NewBatch(owner="local", graph=Graph(nodes=[GraphNode(id="n", type="latent.sample")]))
    cells = admission.checked(new)
    added = change("accept", lambda tx: admission.accept(tx, new, cells, 10**6))
    (claimed,) = change("claim", lambda tx: taking.take(tx, "boot", 1, 1, alone=True))
    assert isinstance(claimed, Claimed)
    image = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="00")
    done = Finished(job=claimed.job, generation=1, status="succeeded", seconds=0.01, images=[image])
    assert change("finish", lambda tx: ending.finish(tx, "boot", done))
    change("cancel", lambda tx: ending.cancel(tx, added.jobs[0], None))
