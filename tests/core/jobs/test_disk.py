"""The disk under the queue: when it pauses, when it goes on, and when room is kept."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import anyio
import pytest

from core.config import Settings
from core.jobs import disk
from core.jobs.disk import DiskWatch
from core.jobs.queue import Queue
from core.paths import Layout, shipped
from core.store.database import Database

pytestmark = pytest.mark.anyio
GIB = 1 << 30


@pytest.fixture
async def database(layout: Layout) -> AsyncIterator[Database]:
    async with Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    ) as opened:  # fmt: skip
        yield opened


class Free:
    """What the system says is free, in bytes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.bytes = 100 * GIB
        monkeypatch.setattr(shutil, "disk_usage", self._usage)

    def _usage(self, path: Path) -> SimpleNamespace:
        return SimpleNamespace(free=self.bytes)


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> Free:
    return Free(monkeypatch)


async def test_room_is_kept_by_a_server_that_runs_for_a_minute(
    database: Database, layout: Layout, free: Free
) -> None:
    watch = DiskWatch(Queue(database, Settings(), "boot"), database, layout.root, Settings())
    for _ in range(disk._CALM):
        await watch.look()
        assert not database.ballast.aboard
    await watch.look()
    assert database.ballast.aboard


async def test_the_queue_goes_on_only_once_the_ballast_is_aboard_again(
    database: Database, layout: Layout, free: Free
) -> None:
    settings = Settings(disk_floor_mb=512)
    queue = Queue(database, settings, "boot")
    watch = DiskWatch(queue, database, layout.root, settings)
    free.bytes = GIB // 4
    await watch.look()
    assert (await queue.state()).reason == "disk_full"
    free.bytes = GIB * 3 // 4
    await watch.look()
    assert (await queue.state()).paused, "between the floor and twice the floor"
    free.bytes = 2 * GIB
    await watch.look()
    assert not (await queue.state()).paused
    assert database.ballast.aboard
    await anyio.to_thread.run_sync(database.ballast.drop)  # as a commit that found no room did
    free.bytes = GIB * 3 // 4
    await watch.look()
    assert (await queue.state()).paused, "the room that there is, is the ballast's"
    free.bytes = 2 * GIB
    await watch.look()
    assert not (await queue.state()).paused


async def test_a_pause_that_was_asked_for_stays(
    database: Database, layout: Layout, free: Free
) -> None:
    queue = Queue(database, Settings(), "boot")
    watch = DiskWatch(queue, database, layout.root, Settings())
    await queue.pause()
    free.bytes = 0
    await watch.look()
    free.bytes = 100 * GIB
    await watch.look()
    assert (await queue.state()).reason == "asked"
