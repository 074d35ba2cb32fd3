"""The start-up sweep: files and rows say the same again."""

import itertools
import os
import time
from contextlib import AbstractAsyncContextManager

import pytest

from core.ids import lowest, new_id
from core.jobs.reconcile import Reconciled, empty, reconcile
from core.jobs.throttle import Throttle
from core.paths import Layout, shipped
from core.store import backup, images
from core.store.database import Database
from core.store.images import ImageFilter
from core.store.times import now
from core.store.work import NewImage

pytestmark = pytest.mark.anyio
AT_ONCE = Throttle(share=1.0)
YEAR = 365 * 24 * 3600
REAL = time.time


def opened(layout: Layout) -> AbstractAsyncContextManager[Database]:
    return Database.open(
        layout.database, publish=lambda facts: None, backups=layout.backups,
        migrations=shipped("migrations"),
    )  # fmt: skip


def put(layout: Layout, image: str) -> None:
    for path in (layout.image(image), layout.thumbnail(image)):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"x")


async def test_strays_go_lost_ones_hide_and_come_back(layout: Layout) -> None:
    async with opened(layout) as database:
        kept, gone, stray = new_id(), new_id(), new_id()
        for image in (kept, gone):
            new = NewImage(id=image, width=1, height=1, bytes=1, sha256="00")
            await database.write(lambda tx, new=new: images.insert(tx, new, owner="me"))
        blob = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="ab" * 32, blob=True)
        await database.write(lambda tx: images.insert(tx, blob, owner="me"))
        (layout.blobs / "ab").mkdir()
        (layout.blobs / "ab" / blob.sha256).write_bytes(b"x")
        put(layout, kept)
        put(layout, stray)
        foreign = layout.images / "zz" / "notes.txt"
        foreign.parent.mkdir()
        foreign.write_text("mine")
        (layout.staging / "1").mkdir()
        (layout.staging / "1" / "half.png").write_bytes(b"x")

        assert empty(layout.staging) == 1
        found = await reconcile(database, layout, new_id(), AT_ONCE)
        assert found == Reconciled(deleted=2, lost=1)
        assert foreign.exists()
        assert list(layout.staging.iterdir()) == []
        assert (layout.image(kept).exists(), layout.image(stray).exists()) == (True, False)
        page = await database.read(lambda c: images.page(c, ImageFilter()))
        assert [image.id for image in page.items] == [blob.id, kept]

        boot = new_id()
        mine = new_id()
        put(layout, gone)
        put(layout, mine)
        assert await reconcile(database, layout, boot, AT_ONCE) == Reconciled(found=1)
        assert layout.image(mine).exists()  # this run's: its row may be on its way


async def test_what_this_run_makes_is_left_alone_whatever_the_clock_says(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture lies in its folder before its row is written; nobody may delete it meanwhile."""
    monkeypatch.setattr("core.ids._last", (0, 0))  # undone, lest later ids be of the future
    async with opened(layout) as database:
        boot = new_id()
        for jump in (-10 * YEAR, 0, 3600, 10 * YEAR):
            monkeypatch.setattr("core.ids.time.time", lambda jump=jump: REAL() + jump)
            made = new_id()
            put(layout, made)
            os.utime(layout.image(made), (REAL() + jump, REAL() + jump))
            assert await reconcile(database, layout, boot, AT_ONCE) == Reconciled()
            assert layout.image(made).exists()


async def test_a_folder_that_is_not_mounted_hides_no_picture(layout: Layout) -> None:
    async with opened(layout) as database:
        new = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="00")
        await database.write(lambda tx: images.insert(tx, new, owner="me"))
        assert await reconcile(database, layout, new_id(), AT_ONCE) == Reconciled()
        page = await database.read(lambda c: images.page(c, ImageFilter()))
        assert [image.id for image in page.items] == [new.id]


async def test_pictures_newer_than_a_copy_that_was_put_back_stay(layout: Layout) -> None:
    """Also after later starts; strays of those go as ever."""
    async with opened(layout) as database:
        await database.write(lambda tx: None)
    copy = layout.root / "copy.db"
    backup.backup(layout.database, copy)
    newer = new_id()
    put(layout, newer)
    copy.replace(layout.database)
    async with opened(layout) as database:
        assert await reconcile(database, layout, new_id(), AT_ONCE) == Reconciled()
        stray = lowest(now() + 1)
        put(layout, stray)
    async with opened(layout) as database:
        found = await reconcile(database, layout, lowest(now() + 10), AT_ONCE)
        assert found == Reconciled(deleted=2)
        assert (layout.image(newer).exists(), layout.image(stray).exists()) == (True, False)


async def test_it_rests_nine_times_as_long_as_it_works(layout: Layout) -> None:
    ticks = itertools.count()
    rested: list[float] = []

    async def rest(seconds: float) -> None:
        rested.append(seconds)

    throttle = Throttle(0.1, clock=lambda: float(next(ticks)), rest=rest)
    async with opened(layout) as database:
        for _ in range(700):
            new = NewImage(id=new_id(), width=1, height=1, bytes=1, sha256="00")
            await database.write(lambda tx, new=new: images.insert(tx, new, owner="me"))
            put(layout, new.id)
        assert await reconcile(database, layout, new_id(), throttle) == Reconciled()
    assert rested == [9.0] * len(rested)
    assert len(rested) >= 6  # two pieces of pictures, of thumbnails and of rows
