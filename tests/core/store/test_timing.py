"""How long it takes with many rows: printed, not judged. ``pytest -s -m slow`` shows it."""

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import anyio
import pytest

from core.config import Settings
from core.graph.sweep import BoundAxis
from core.ids import new_id
from core.jobs.queue import Finished, NewBatch, NewImage, Queue
from core.paths import Layout
from core.records.graph import Graph, GraphNode
from core.records.image import ImageFacts
from core.store import events, images, jobs
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.jobs import JobFilter
from core.store.transaction import Transaction

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.timeout(300)]
GRAPH = Graph(nodes=[GraphNode(id=f"n{i}", type="latent.sample") for i in range(7)])
SEEDS = BoundAxis(label="seed", targets=(("n0", "seed"),), values=tuple(range(10_000)))
CELLS = [(seed,) for seed in SEEDS.values]


async def timed(name: str, count: int, run: Callable[[], Awaitable[Any]]) -> None:
    spent = []
    for _ in range(count):
        start = time.perf_counter()
        await run()
        spent.append((time.perf_counter() - start) * 1000)
    spent.sort()
    print(f"{name}: p50 {spent[count // 2]:.2f} ms, p99 {spent[int(count * 0.99)]:.2f} ms")  # noqa: T201


def batch(owner: str = "me", cells: Sequence[tuple[int, ...]] = CELLS) -> NewBatch:
    return NewBatch(owner=owner, graph=GRAPH, axes=(SEEDS,), cells=cells, cost=5 * 10**6)


async def test_a_queue_of_a_hundred_thousand(database: Database, layout: Layout) -> None:
    queue = Queue(database, Settings(), "boot")

    async def size() -> int:
        await database.write(lambda tx: None)
        pages = "SELECT SUM(pgsize) FROM dbstat WHERE name NOT LIKE 'events%'"
        return int(await database.read(lambda c: c.execute(pages).fetchone()[0]))

    before = await size()
    await timed("accept 10,000 jobs", 1, lambda: queue.add(batch()))
    print(f"one batch of 10,000 jobs: {(await size() - before) / 1e6:.2f} MB")  # noqa: T201
    for number in range(9):
        await queue.add(batch(f"owner{number % 3}"))
    claimed = await queue.claim(1, 1)

    async def turn() -> None:
        nonlocal claimed
        new = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="00")
        ended = Finished(
            job=claimed[0].job, generation=1, status="succeeded", seconds=1, images=[new]
        )
        await queue.finish(ended)
        claimed = await queue.claim(1, 1)

    await timed("claim and finish, two commits", 100, turn)
    await timed("claim one", 100, lambda: queue.claim(1, 1))
    await timed("claim eight", 20, lambda: queue.claim(1, 8))
    await timed("state", 100, queue.state)
    first, waiting = JobFilter(), JobFilter(status="queued", owner="owner2")
    await timed("page of 50 jobs", 20, lambda: database.read(lambda c: jobs.page(c, first)))
    await timed("page of 50 waiting", 20, lambda: database.read(lambda c: jobs.page(c, waiting)))
    added = await queue.add(batch(cells=CELLS[:1]))
    await timed("cancel", 1, lambda: queue.cancel(added.jobs[0]))
    await timed("cancel 10,000", 1, lambda: queue.cancel_batch(claimed[0].batch))


async def test_a_gallery_of_two_hundred_thousand(database: Database) -> None:
    words = ["red", "blue", "fox", "castle", "rain", "portrait", "sea", "oil"]

    def fill(tx: Transaction, start: int) -> None:
        for number in range(start, start + 2_000):
            prompt = " ".join(words[number >> bit & 7] for bit in range(0, 9, 3))
            facts = ImageFacts(prompt=f"{prompt} {number}", model=f"m{number % 5}", seed=number)
            new = NewImage(
                id=new_id(), width=512, height=512, bytes=10**5, sha256=f"{number:064x}",
                facts=facts, kind="upload" if number % 10 == 0 else "output",
            )  # fmt: skip
            images.insert(tx, new, owner=f"o{number % 2}")
        events.prune(tx.connection, 1_000)

    start = time.perf_counter()
    for number in range(100):
        await database.write(lambda tx, number=number: fill(tx, number * 2_000))
    print(f"insert: {200_000 / (time.perf_counter() - start):.0f} images/s")  # noqa: T201
    for asked in (
        {}, {"owner": "o1"}, {"owner": "o1", "kind": "upload"}, {"model": "m3", "owner": "o0"},
        {"q": "fox"}, {"q": "fox sea"}, {"q": "199999"}, {"q": "fo", "owner": "o1"},
        {"starred": True},
    ):  # fmt: skip
        wanted = ImageFilter(**asked)  # type: ignore[arg-type]
        cursor = None

        async def page(wanted: ImageFilter = wanted) -> None:
            nonlocal cursor
            found = await database.read(lambda c: images.page(c, wanted, cursor))
            cursor = found.next

        await timed(f"page of 50 {asked}", 100, page)


async def test_writes(database: Database) -> None:
    def write(tx: Transaction) -> None:
        tx.connection.execute("UPDATE counters SET value = value + 1 WHERE name = 'jobs.queued'")

    async def many() -> None:
        for _ in range(50):
            await database.write(write)

    start = time.perf_counter()
    for _ in range(500):
        await database.write(write)
    print(f"one after the other: {500 / (time.perf_counter() - start):.0f} writes/s")  # noqa: T201
    start = time.perf_counter()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(many)
    print(f"a hundred at once: {5_000 / (time.perf_counter() - start):.0f} writes/s")  # noqa: T201
