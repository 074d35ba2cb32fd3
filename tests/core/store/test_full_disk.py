"""The writer on disks that are truly full or fail: what it says, and that it goes on afterwards."""

import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from pathlib import Path

import anyio
import pytest

from core.errors import DatabaseFailing, DiskFull, NotStored, StartError
from core.paths import Layout, shipped
from core.records.events import ConfigChanged, Numbered
from core.store import counters, events
from core.store.ballast import SIZE, Ballast
from core.store.database import Database
from core.store.transaction import Transaction
from tests.disks import KINDS, Disk, disk, limit, may_mount, small_disk

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform != "linux", reason="limits and mounts are Linux's here"),
]
MIB = 1 << 20
needs_mount = pytest.mark.skipif(not may_mount(), reason="mounting needs root")
Open = Callable[[Path], AbstractAsyncContextManager[Database]]


@pytest.fixture(params=KINDS)
def small(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Disk]:
    with disk(request.param, tmp_path / "disk", 96 * MIB) as made:
        yield made


@pytest.fixture
def opened(published: list[Numbered]) -> Open:
    @asynccontextmanager
    async def open_there(folder: Path) -> AsyncIterator[Database]:
        layout = Layout(folder / "data")
        layout.make()
        async with Database.open(
            layout.database, publish=published.extend, backups=layout.backups,
            migrations=shipped("migrations"),
        ) as database:  # fmt: skip
            yield database

    return open_there


def note(tx: Transaction, name: str, size: int = 0) -> None:
    counters.set_setting(tx.connection, name, "x" * size)
    tx.fact(ConfigChanged(setting=name))


def sound(folder: Path, published: list[Numbered]) -> None:
    """See a sound file in which every fact stands that was told, and no number is missing."""
    with closing(sqlite3.connect(folder / "data" / "heliograph.db")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        stored = [row[0] for row in connection.execute("SELECT seq FROM events ORDER BY seq")]
        assert events.after(connection, 0, 10_000) == published
    assert stored == list(range(1, len(stored) + 1))


async def test_a_full_disk_is_said_reads_go_on_and_so_do_writes_afterwards(
    small: Disk, opened: Open, published: list[Numbered]
) -> None:
    async with opened(small.folder) as database:
        await database.write(lambda tx: note(tx, "before", 200_000))
        small.fill(os.getpid())
        try:
            for _ in range(3):
                with pytest.raises(DiskFull):
                    await database.write(lambda tx: note(tx, "full", 200_000))
                read = await database.read(lambda c: counters.setting(c, "before", str))
                assert len(read or "") == 200_000
            assert database.failing is None
        finally:
            small.free(os.getpid())
        await database.write(lambda tx: note(tx, "after"))
        assert await database.read(lambda c: counters.setting(c, "full", str)) is None
    sound(small.folder, published)
    assert sorted(path.name for path in (small.folder / "data").glob("*-probe")) == []


async def test_of_many_that_wait_each_is_told_the_truth(
    small: Disk, opened: Open, published: list[Numbered]
) -> None:
    told: dict[str, str] = {}

    async def write(database: Database, name: str) -> None:
        try:
            await database.write(lambda tx: note(tx, name, 4_000))
            told[name] = "stored"
        except NotStored:
            told[name] = "full"

    async with opened(small.folder) as database:
        await database.write(lambda tx: note(tx, "first"))
        small.fill(os.getpid(), leave=400_000)
        try:
            async with anyio.create_task_group() as group:
                for number in range(300):
                    group.start_soon(write, database, f"n{number}")
        finally:
            small.free(os.getpid())
        assert set(told.values()) == {"stored", "full"}
        for name, what in told.items():
            found = await database.read(lambda c, name=name: counters.setting(c, name, str))
            assert (found is not None) == (what == "stored")
    sound(small.folder, published)


@needs_mount
async def test_what_must_be_said_has_the_room_of_the_ballast(
    tmp_path: Path, opened: Open, published: list[Numbered]
) -> None:
    with small_disk(tmp_path / "disk", 96 * MIB) as small:
        async with opened(small.folder) as database:
            assert await anyio.to_thread.run_sync(database.ballast.load)
            small.fill(os.getpid())
            with pytest.raises(DiskFull):
                await database.write(lambda tx: note(tx, "ordinary", 100_000))
            assert database.ballast.aboard
            await database.write(lambda tx: note(tx, "urgent", 100_000), urgent=True)
            assert not database.ballast.aboard
            small.fill(os.getpid())
            assert not await anyio.to_thread.run_sync(database.ballast.load)
            with pytest.raises(DiskFull):
                await database.write(lambda tx: note(tx, "late", 8 * MIB), urgent=True)
            small.free(os.getpid())
            assert await anyio.to_thread.run_sync(database.ballast.load)
        sound(small.folder, published)
        with closing(sqlite3.connect(small.folder / "data" / "heliograph.db")) as connection:
            assert counters.setting(connection, "urgent", str) is not None


@needs_mount
async def test_a_start_on_a_full_disk_throws_the_ballast_or_says_that_there_is_no_room(
    tmp_path: Path, opened: Open, published: list[Numbered]
) -> None:
    with small_disk(tmp_path / "disk", 96 * MIB) as small:
        async with opened(small.folder) as database:
            await database.write(lambda tx: note(tx, "kept"))
            await anyio.to_thread.run_sync(database.ballast.load)
        small.fill(os.getpid())
        async with opened(small.folder) as database:
            await database.write(lambda tx: note(tx, "after a start without room"))
            assert not database.ballast.aboard
        small.fill(os.getpid())
        with pytest.raises(DiskFull):
            async with opened(small.folder):
                pytest.fail("there is not a byte for the log's index")
        small.free(os.getpid())
        async with opened(small.folder) as database:
            assert await database.read(lambda c: counters.setting(c, "kept", str)) == ""
        sound(small.folder, published)


async def test_a_disk_that_fails_is_said_until_it_works_again(
    tmp_path: Path, opened: Open, published: list[Numbered]
) -> None:
    """A limit beyond the probe's size: the log cannot grow, though the disk has room."""
    async with opened(tmp_path) as database:
        await database.write(lambda tx: note(tx, "large", 2 * MIB))  # the log is longer than that
        limit(0, MIB)
        try:
            for _ in range(3):
                with pytest.raises(DatabaseFailing):
                    await database.write(lambda tx: note(tx, "lost", 2 * MIB))
            assert database.failing is not None
            assert await database.read(lambda c: counters.setting(c, "large", str))
        finally:
            limit(0, -1)
        await database.write(lambda tx: note(tx, "again"))
        assert database.failing is None
    sound(tmp_path, published)


async def test_writers_that_wait_on_a_failing_disk_are_all_answered(
    tmp_path: Path, opened: Open, published: list[Numbered]
) -> None:
    answered: list[type[BaseException]] = []

    async def write(database: Database) -> None:
        try:
            await database.write(lambda tx: note(tx, "lost", MIB))
        except DatabaseFailing as error:
            answered.append(type(error))

    async with opened(tmp_path) as database:
        await database.write(lambda tx: note(tx, "large", 2 * MIB))
        limit(0, MIB)
        try:
            with anyio.fail_after(15):
                async with anyio.create_task_group() as group:
                    for _ in range(50):
                        group.start_soon(write, database)
        finally:
            limit(0, -1)
        assert answered == [DatabaseFailing] * 50
    sound(tmp_path, published)


@needs_mount
async def test_a_start_on_a_read_only_disk_is_refused_and_changes_nothing(
    tmp_path: Path, opened: Open, published: list[Numbered]
) -> None:
    with small_disk(tmp_path / "disk", 96 * MIB) as small:
        async with opened(small.folder) as database:
            await database.write(lambda tx: note(tx, "before"))
        small.remount("ro")
        with pytest.raises(StartError, match="database_unreadable"):
            async with opened(small.folder):
                pytest.fail("nothing can be written")
        small.remount("rw")
        async with opened(small.folder) as database:
            assert await database.read(lambda c: counters.setting(c, "before", str)) == ""
        sound(small.folder, published)


@pytest.mark.parametrize("cut", [0, 31, 32, 5_000, 40_000, -1])
async def test_a_log_that_was_cut_short_gives_what_it_still_holds(
    tmp_path: Path, opened: Open, published: list[Numbered], cut: int
) -> None:
    """As after a power cut on a disk that lied: a prefix of the facts, and a sound file."""
    layout = Layout(tmp_path / "data")
    wal = layout.root / "heliograph.db-wal"
    copy = Layout(tmp_path / "copy" / "data")
    copy.make()
    async with opened(tmp_path) as database:
        for number in range(40):
            await database.write(lambda tx, number=number: note(tx, f"n{number}", 500))
        copy.database.write_bytes(layout.database.read_bytes())
        log = wal.read_bytes()
    whole = len(published)
    (copy.root / wal.name).write_bytes(log[: cut if cut >= 0 else len(log) + cut])
    async with opened(tmp_path / "copy") as database:
        head = await database.read(events.head)
        assert (head < whole) if cut >= 0 else (head == whole - 1)
        del published[head:]
        await database.write(lambda tx: note(tx, "goes on"))
    sound(tmp_path / "copy", published)


def test_ballast_is_noise_that_holds_room_and_is_made_once(tmp_path: Path) -> None:
    ballast = Ballast(tmp_path / "ballast", size=3 * MIB)
    assert not ballast.aboard
    assert ballast.load()
    made = os.stat(tmp_path / "ballast")
    assert made.st_blocks * 512 >= made.st_size == 3 * MIB
    assert ballast.load()
    assert os.stat(tmp_path / "ballast").st_mtime_ns == made.st_mtime_ns
    assert ballast.drop()
    assert not ballast.drop()
    assert list(tmp_path.iterdir()) == []


@needs_mount
def test_ballast_that_finds_no_room_leaves_nothing(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 3 * MIB) as small:
        assert not Ballast(small.folder / "ballast", size=MIB).load()  # less than four times that
        assert list(small.folder.iterdir()) == []
    assert SIZE > 4 * MIB  # more than the log holds before it is folded into the file
