"""One writer, folded commits, and no half transactions whatever is cancelled."""

import sqlite3
import threading
from contextlib import closing

import anyio
import anyio.lowlevel
import pytest

from core.errors import DiskFull, Unavailable
from core.paths import Layout, shipped
from core.records.events import ConfigChanged, Numbered
from core.store import counters, events
from core.store.database import Database
from core.store.transaction import Transaction

pytestmark = pytest.mark.anyio


def fact(name: str) -> ConfigChanged:
    return ConfigChanged(setting=name)


def put(tx: Transaction, name: str, value: int = 1) -> None:
    """Write twice, so that half of it could be seen."""
    counters.add(tx.connection, f"{name}.first", value)
    tx.fact(fact(name))
    counters.add(tx.connection, f"{name}.second", value)


async def counts(database: Database, name: str) -> dict[str, int]:
    return await database.read(lambda connection: counters.under(connection, name))


async def test_what_was_written_is_read_and_published_in_order(
    database: Database, published: list[Numbered]
) -> None:
    for name in "abc":
        await database.write(lambda tx, name=name: put(tx, name))
    assert await counts(database, "b") == {"first": 1, "second": 1}
    assert [each.seq for each in published] == [1, 2, 3]
    stored = await database.read(lambda connection: events.after(connection, 0, 10))
    assert stored == published


async def test_a_callable_that_raises_undoes_only_itself(
    database: Database, published: list[Numbered]
) -> None:
    def fails(tx: Transaction) -> None:
        put(tx, "bad")
        raise KeyError("no")

    caught = []

    async def write(number: int) -> None:
        try:
            await database.write(fails if number % 3 == 0 else lambda tx: put(tx, "good"))
        except KeyError as error:
            caught.append(error)

    async with anyio.create_task_group() as group:
        for number in range(30):
            group.start_soon(write, number)
    assert len(caught) == 10
    assert await counts(database, "good") == {"first": 20, "second": 20}
    assert await counts(database, "bad") == {}
    assert [each.seq for each in published] == list(range(1, 21))  # no gap where one failed


async def test_many_writers_share_commits(database: Database) -> None:
    running = threading.Event()
    commits = []

    def first(tx: Transaction) -> None:
        tx.connection.set_trace_callback(commits.append)
        running.wait(5)

    async def write() -> None:
        await database.write(lambda tx: put(tx, "x"))

    async with anyio.create_task_group() as group:
        group.start_soon(database.write, first)
        await anyio.wait_all_tasks_blocked()
        for _ in range(100):
            group.start_soon(write)
        await anyio.wait_all_tasks_blocked()
        running.set()
    assert await counts(database, "x") == {"first": 100, "second": 100}
    assert commits.count("COMMIT") == 2


async def test_a_writer_cancelled_in_the_middle_leaves_all_or_nothing_and_its_facts_are_told(
    database: Database, published: list[Numbered]
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        counters.add(tx.connection, "slow.first", 1)
        inside.set()
        go_on.wait(5)
        tx.fact(fact("slow"))
        counters.add(tx.connection, "slow.second", 1)

    async with anyio.create_task_group() as group:
        group.start_soon(database.write, slow)
        await anyio.to_thread.run_sync(inside.wait)
        group.cancel_scope.cancel()
        go_on.set()
    assert await counts(database, "slow") == {"first": 1, "second": 1}
    assert [each.seq for each in published] == [1]
    await database.write(lambda tx: put(tx, "next"))
    assert await counts(database, "next") == {"first": 1, "second": 1}


async def test_cancelled_at_every_moment_there_is_never_a_half_transaction(
    database: Database, published: list[Numbered]
) -> None:
    async def write(number: int, scope: anyio.CancelScope) -> None:
        with scope:
            await database.write(lambda tx: put(tx, f"job{number}"))

    for turns in range(12):  # cancel after so many turns of the loop
        scopes = [anyio.CancelScope() for _ in range(4)]
        async with anyio.create_task_group() as group:
            for number, scope in enumerate(scopes):
                group.start_soon(write, turns * 10 + number, scope)
            for _ in range(turns):
                await anyio.lowlevel.checkpoint()
            for scope in scopes:
                scope.cancel()
    stored = await database.read(lambda connection: events.after(connection, 0, 1000))
    for number in range(120):
        found = await counts(database, f"job{number}")
        assert found in ({}, {"first": 1, "second": 1})
    assert stored == published
    assert [each.seq for each in stored] == list(range(1, len(stored) + 1))


async def test_natively_cancelled_tasks_do_not_stop_the_writer(database: Database) -> None:
    import asyncio

    async def write() -> None:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().call_soon(task.cancel)
        await database.write(lambda tx: put(tx, "x"))

    async with anyio.create_task_group() as group:
        group.start_soon(write)
    await database.write(lambda tx: put(tx, "y"))
    assert await counts(database, "y") == {"first": 1, "second": 1}


async def test_a_reader_cannot_write(database: Database) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await database.read(lambda connection: counters.add(connection, "x", 1))


async def test_a_read_sees_one_snapshot(database: Database) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def twice(connection: sqlite3.Connection) -> tuple[int, int]:
        before = counters.value(connection, "x")
        inside.set()
        go_on.wait(5)
        return before, counters.value(connection, "x")

    seen = []

    async def read() -> None:
        seen.append(await database.read(twice))

    async with anyio.create_task_group() as group:
        group.start_soon(read)
        await anyio.to_thread.run_sync(inside.wait)
        await database.write(lambda tx: counters.add(tx.connection, "x", 1))
        go_on.set()
    assert seen == [(0, 0)]


async def test_a_read_that_takes_too_long_is_stopped_and_the_next_one_works(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.store.link.READ_SECONDS", 0.05)
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT SUM(x) FROM n"
    with pytest.raises(Unavailable) as caught:
        await database.read(lambda connection: connection.execute(endless).fetchone())
    assert caught.value.name == "read_too_slow"
    for _ in range(4):
        assert await database.read(events.head) == 0


async def test_a_full_disk_fails_whom_it_must_and_spares_whom_it_can(
    database: Database, published: list[Numbered]
) -> None:
    def large(tx: Transaction) -> None:
        pages = tx.connection.execute("PRAGMA page_count").fetchone()[0]
        tx.connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        tx.fact(fact("large"))
        counters.set_setting(tx.connection, "large", "x" * 1_000_000)

    outcome = {}

    async def write(name: str, large_one: bool) -> None:
        try:
            await database.write(large if large_one else lambda tx: put(tx, name))
            outcome[name] = "done"
        except DiskFull:
            outcome[name] = "full"

    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(write, f"n{number}", number == 3)
    assert outcome == {f"n{i}": "full" if i == 3 else "done" for i in range(6)}
    assert [each.seq for each in published] == [1, 2, 3, 4, 5]
    assert await database.read(lambda c: counters.setting(c, "large", str)) is None


async def test_after_closing_no_thread_is_left_and_the_log_is_folded_in(layout: Layout) -> None:
    before = threading.active_count()
    async with Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as database:  # fmt: skip
        await database.write(lambda tx: put(tx, "x"))
        assert threading.active_count() >= before + 4
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            thread.join(10)
            assert not thread.is_alive()
    assert not layout.database.with_name("heliograph.db-wal").exists()
    with pytest.raises(Unavailable):
        await database.write(lambda tx: put(tx, "late"))


async def test_an_error_in_the_body_arrives_as_it_was(layout: Layout) -> None:
    with pytest.raises(KeyError):
        async with Database.open(
            layout.database, publish=lambda facts: None, backups=layout.backups,
            migrations=shipped("migrations"),
        ):  # fmt: skip
            raise KeyError("mine")


async def test_settings_of_the_connections_are_as_meant(database: Database) -> None:
    def read(connection: sqlite3.Connection) -> list[int | str]:
        names = ("journal_mode", "foreign_keys", "query_only", "synchronous")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await database.read(read) == ["wal", 1, 1, 2]
    written = await database.write(lambda tx: read(tx.connection))
    assert written == ["wal", 1, 0, 2]


async def test_waiting_writes_are_committed_when_the_body_is_cancelled(layout: Layout) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def slow(tx: Transaction) -> None:
        inside.set()
        go_on.wait(5)
        put(tx, "slow")

    with anyio.CancelScope() as scope:
        async with Database.open(
            layout.database, publish=lambda facts: None, backups=layout.backups,
            migrations=shipped("migrations"),
        ) as database, anyio.create_task_group() as group:  # fmt: skip
            group.start_soon(database.write, slow)
            await anyio.to_thread.run_sync(inside.wait)
            scope.cancel()
            go_on.set()
    with closing(sqlite3.connect(layout.database)) as connection:
        assert counters.under(connection, "slow") == {"first": 1, "second": 1}
