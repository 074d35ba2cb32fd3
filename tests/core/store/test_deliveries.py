"""Deliveries in the store: one line a host, bounded, swept, counted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from core.config import Settings
from core.errors import NotFound, Problem
from core.jobs.queue import NewBatch, Queue
from core.paths import shipped
from core.records.events import JobEnded
from core.records.graph import Graph
from core.records.webhook import Delivery
from core.store import batches, deliveries
from core.store.database import Database
from core.store.deliveries import Told
from core.store.transaction import Transaction

pytestmark = pytest.mark.anyio
REFUSED = Problem(code="webhook_answered", params={"status": 500})
DAY = 86_400_000


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[tuple[Database, int]]:
    """Open a database with one batch, and give the row of that."""
    async with Database.open(
        folder / "heliograph.db", publish=lambda facts: None, backups=folder / "backups",
        migrations=shipped("migrations"),
    ) as db:  # fmt: skip
        added = await Queue(db, Settings(), "boot").add(
            NewBatch(owner="ann", graph=Graph(nodes=[]))
        )
        yield db, await db.read(partial(batches.row_of, batch=added.batch))


def tell(tx: Transaction, batch: int, host: str, count: int = 1) -> None:
    for number in range(count):
        fact = tx.fact(JobEnded(owner="ann", job=str(number), batch="b", status="succeeded"))
        deliveries.add(
            tx,
            Told(
                owner="ann", batch=batch, event="job.ended", about=str(number),
                url=f"https://{host}/", fact=fact,
            ),
        )  # fmt: skip


async def rows(db: Database) -> list[Delivery]:
    return (await db.read(partial(deliveries.page, limit=200))).items


async def test_hosts_are_found_each_once_with_their_earliest_time(tmp_path: Path) -> None:
    async with opened(tmp_path) as (db, batch):
        for host, count in (("c.example", 3), ("a.example", 50), ("b.example:8443", 1)):
            await db.write(partial(tell, batch=batch, host=host, count=count))
        found = await db.read(partial(deliveries.hosts, after="", limit=10))
        assert [host for host, _ in found] == ["a.example", "b.example:8443", "c.example"]
        after = await db.read(partial(deliveries.hosts, after="a.example", limit=1))
        assert after == found[1:2]
        (first, *_) = line = await db.read(
            partial(deliveries.due, host="a.example", now=found[0][1] + DAY, limit=4)
        )
        assert len(line) == 4
        later = first_due = found[0][1] + DAY
        await db.write(
            partial(deliveries.put_off, delivery=first.id, until=later, answer=500, error=REFUSED)
        )
        line = await db.read(partial(deliveries.due, host="a.example", now=first_due - 1, limit=60))
        assert len(line) == 49
        assert first.id not in {one.id for one in line}


async def test_looking_for_work_costs_hosts_and_not_what_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as (db, batch):
        steps = []
        for count in (10, 2_000):
            await db.write(partial(tell, batch=batch, host="a.example", count=count))

            def counted(connection: object) -> int:
                passed = 0

                def tick() -> int:
                    nonlocal passed
                    passed += 1
                    return 0

                connection.set_progress_handler(tick, 1)  # type: ignore[attr-defined]
                deliveries.hosts(connection, "", 10)  # type: ignore[arg-type]
                deliveries.due(connection, "a.example", 1 << 50, 4)  # type: ignore[arg-type]
                connection.set_progress_handler(None, 1)  # type: ignore[attr-defined]
                return passed

            steps.append(await db.read(counted))
        assert steps[1] < steps[0] * 1.5


async def test_counts_are_kept_and_only_grow_but_for_what_waits(tmp_path: Path) -> None:
    async with opened(tmp_path) as (db, batch):
        await db.write(partial(tell, batch=batch, host="a.example", count=3))
        one, two, three = await rows(db)
        await db.write(partial(deliveries.delivered, delivery=one.id, answer=200))
        await db.write(partial(deliveries.failed, delivery=two.id, answer=None, error=REFUSED))
        assert await db.read(deliveries.counts) == {"waiting": 1, "delivered": 1, "failed": 1}
        # What ended meanwhile stays as it is.
        await db.write(partial(deliveries.delivered, delivery=two.id, answer=200))
        assert await db.read(deliveries.counts) == {"waiting": 1, "delivered": 1, "failed": 1}
        await db.write(partial(deliveries.again, delivery=two.id))
        assert await db.read(deliveries.counts) == {"waiting": 2, "delivered": 1, "failed": 1}
        with pytest.raises(NotFound):
            await db.write(partial(deliveries.again, delivery=three.id, owner="bob"))
        page = await db.read(partial(deliveries.page, owner="ann", status="waiting", limit=1))
        assert [each.id for each in page.items] == [two.id]
        rest = await db.read(
            partial(deliveries.page, owner="ann", status="waiting", cursor=page.next, limit=1)
        )
        assert ([each.id for each in rest.items], rest.next) == ([three.id], None)


async def test_what_comes_beyond_the_bound_has_failed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MAX_WAITING", 2)
    async with opened(tmp_path) as (db, batch):
        await db.write(partial(tell, batch=batch, host="a.example", count=3))
        newest, *others = await rows(db)
        assert (newest.status, newest.due) == ("failed", None)
        assert newest.error is not None
        assert newest.error.code == "webhook_backlog"
        assert {one.status for one in others} == {"waiting"}


async def test_what_ended_is_swept_by_age_and_by_number_and_what_waits_never(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "KEPT", 3)
    monkeypatch.setattr(deliveries, "_PIECE", 2)
    async with opened(tmp_path) as (db, batch):
        await db.write(partial(tell, batch=batch, host="a.example", count=8))
        for one in (await rows(db))[:7]:
            await db.write(partial(deliveries.delivered, delivery=one.id, answer=200))

        def age(tx: Transaction, days: int) -> None:
            tx.connection.execute(
                """
                UPDATE deliveries
                SET ended = ended - :age + row
                WHERE ended IS NOT NULL
                """,
                {"age": days * DAY},
            )

        await db.write(partial(age, days=1))  # each at a time of its own
        while await db.write(deliveries.sweep):
            pass
        left = [one.status for one in await rows(db)]
        assert sorted(left) == ["delivered"] * 3 + ["waiting"]
        await db.write(partial(age, days=7))
        while await db.write(deliveries.sweep):
            pass
        assert [one.status for one in await rows(db)] == ["waiting"]
